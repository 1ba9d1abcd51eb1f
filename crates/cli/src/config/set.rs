//! `sisyphus config set` and `unset`: change one key of the user's settings file, and no other byte of it.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args as ClapArgs, Subcommand};
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use sisyphus_base::atomic;
use sisyphus_base::environment::Environment;
use sisyphus_base::lock::LOCK_WAIT_IN_RUNNER;
use sisyphus_base::paths::client_config_dir;
use sisyphus_base::text::one_line;
use sisyphus_control::open_store;
use sisyphus_settings::MAX_BYTES;
use sisyphus_settings::check::{Flaw, check};
use sisyphus_settings::keys::{Key, Kind, Place, SECTION};
use sisyphus_settings::layers::{Content, File, Layers, Source};

use super::SHOWN;
use crate::print;
use crate::project::project_dir;

#[derive(Debug, Subcommand)]
pub(crate) enum Change {
    /// Set a key in your settings file, and change nothing else in it.
    #[command(after_help = EXAMPLES)]
    Set(Set),
    /// Remove a key from your settings file, so that its default applies.
    Unset(Unset),
}

const EXAMPLES: &str = "Examples:
  sisyphus config set max_background_tasks 3
  sisyphus config set service_patterns 'make dev' 'npm run storybook'
  sisyphus config set groups '{\"build\": {\"patterns\": [\"cargo *\"], \"limit\": 1}}'";

#[derive(Debug, ClapArgs)]
pub(crate) struct Set {
    /// The key, with or without `sisyphus.` before it.
    #[arg(value_parser = key)]
    key: &'static Key,
    /// Its value: JSON, or plain text. Several make a list.
    #[arg(required = true, allow_hyphen_values = true)]
    values: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Unset {
    /// The key, with or without `sisyphus.` before it.
    #[arg(value_parser = key)]
    key: &'static Key,
}

/// Longest reason that a value is refused for, in characters.
const WHY_MAX: usize = 600;
/// How often an edit starts again because another program, such as Claude Code, has changed the file meanwhile.
const ATTEMPTS: usize = 5;

/// What became of an attempt to edit the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    Written,
    /// The file is no longer what was read, and was not written.
    Outdated,
}

/// Changes the file, and prints what applies then.
pub(super) fn change(change: &Change) -> Result<()> {
    let (key, value) = match change {
        Change::Set(set) => (set.key, Some(value(set.key, &set.values)?)),
        Change::Unset(unset) => (unset.key, None),
    };
    let config_dir = client_config_dir(&Environment::read())?;
    let path = config_dir.join("settings.json");
    change_file(&path, key, value.as_ref())?;
    print::out(&format!("{}\n", said(key, value.as_ref(), &config_dir)?))
}

/// Edits the file until no other program changes it meanwhile. The lock keeps other `sisyphus config set` out. Claude Code
/// takes no lock of ours, and where there is no state folder there is none: then only the check before the rename helps.
fn change_file(path: &Path, key: &'static Key, value: Option<&Value>) -> Result<()> {
    let store = open_store()?;
    for _ in 0..ATTEMPTS {
        let edited = match store.with_lock(LOCK_WAIT_IN_RUNNER, || edit(path, key, value)) {
            Ok(edited) => edited,
            Err(_) => edit(path, key, value),
        };
        if edited? == Edit::Written {
            return Ok(());
        }
    }
    bail!(
        "could not change `{}`: another program changes it all the time; try again later",
        one_line(&path.to_string_lossy(), SHOWN)
    )
}

/// Parses the name of a key.
pub(super) fn key(name: &str) -> Result<&'static Key, String> {
    let bare = name.strip_prefix(SECTION).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name);
    if let Some(key) = Key::named(bare) {
        return Ok(key);
    }
    let flaws = check(&json!({ SECTION: { bare: null } }));
    let nearest = flaws.iter().find_map(|flaw| match flaw {
        Flaw::NoSuchKey { nearest, .. } => *nearest,
        Flaw::WrongType { .. }
        | Flaw::OutOfRange { .. }
        | Flaw::NotAllOfIt { .. }
        | Flaw::Twice { .. }
        | Flaw::NoSection
        | Flaw::NoObject => None,
    });
    Err(match nearest {
        Some(nearest) => format!("no such key; did you mean `{nearest}`?"),
        None => "no such key; `sisyphus config` shows every key".to_owned(),
    })
}

/// The value that the arguments mean, if all of it is usable.
fn value(key: &Key, words: &[String]) -> Result<Value> {
    let of_word =
        |word: &String| serde_json::from_str(word).unwrap_or_else(|_| Value::String(word.clone()));
    let is_list = matches!(key.kind, Kind::Patterns { .. } | Kind::Program { .. });
    let must = || format!("it must be {}", key.type_in_words());
    let is_object = matches!(key.kind, Kind::Limits { .. } | Kind::Groups { .. });
    let value = match words {
        [word] if !is_list || of_word(word).is_array() => of_word(word),
        words if is_list => words.iter().cloned().map(Value::String).collect(),
        _ if is_object => {
            bail!("{} has one value: put it in single quotes; {}", key.dotted(), must())
        }
        _ => bail!("{} has one value: {}", key.dotted(), must()),
    };
    let Some(flaw) = check(&json!({ SECTION: { key.name: value } })).into_iter().next() else {
        return Ok(value);
    };
    let text = words.join(" ");
    // A word that was never meant as JSON needs no place in it.
    let is_json_meant = is_object && text.starts_with('{');
    let syntax = serde_json::from_str::<IgnoredAny>(&text).err().filter(|_| is_json_meant);
    let why = match flaw {
        Flaw::OutOfRange { limit, .. } => format!("it would count as {limit}; {}", must()),
        // The parts say what each of them must be.
        Flaw::NotAllOfIt { parts, .. } => parts.join("; "),
        Flaw::WrongType { .. }
        | Flaw::NoSuchKey { .. }
        | Flaw::Twice { .. }
        | Flaw::NoSection
        | Flaw::NoObject => match syntax {
            Some(error) => format!("it is not JSON ({error}); {}", must()),
            None => must(),
        },
    };
    let (shown, why) = (one_line(&text, SHOWN), one_line(&why, WHY_MAX));
    bail!("`{shown}` is no value of {}: {why}", key.dotted())
}

/// Writes the file with this value of the key, or without any.
fn edit(path: &Path, key: &'static Key, value: Option<&Value>) -> Result<Edit> {
    let name = one_line(&path.to_string_lossy(), SHOWN);
    let context = || format!("could not change `{name}`");
    // A file that hooks can't read has no effect: what is added to it would have none either.
    if let Content::Unreadable(why) = File::read(path.to_owned()).content {
        bail!("could not change `{name}`: it is not read: {}; repair it", one_line(&why, SHOWN));
    }
    let before = atomic::read_linked(path, MAX_BYTES).with_context(context)?;
    let text = String::from_utf8(before.clone().unwrap_or_default()).with_context(context)?;
    let root = CstRootNode::parse(&text, &ParseOptions::default()).with_context(context)?;
    let file = match root.value() {
        None => root.object_value_or_set(),
        Some(_) => root.object_value().with_context(|| {
            format!("could not change `{name}`: it must be one JSON object: `{{ … }}`")
        })?,
    };
    match value {
        Some(value) => put(&file, key, input(value))?,
        None => props(&file, key).into_iter().for_each(CstObjectProp::remove),
    }
    let mut after = root.to_string();
    if text.is_empty() && !after.ends_with('\n') {
        after.push('\n');
    }
    ensure!(
        applied(&after, key) == value.and_then(|value| key.usable(value)),
        "could not change `{name}`: another line of it sets {} too; remove that line",
        key.dotted()
    );
    write(path, before.as_deref(), after.as_bytes()).with_context(context)
}

/// Where a file sets the key. The first one is effective.
fn props(file: &CstObject, key: &Key) -> Vec<CstObjectProp> {
    let nested = file.object_value(SECTION).and_then(|section| section.get(key.name));
    let dotted = file.get(&format!("{SECTION}.{}", key.name));
    let top = file.get(key.name).filter(|_| key.place == Place::AlsoTop);
    [nested, dotted, top].into_iter().flatten().collect()
}

fn put(file: &CstObject, key: &Key, value: CstInputValue) -> Result<()> {
    if let Some(prop) = props(file, key).into_iter().next() {
        prop.set_value(value);
        return Ok(());
    }
    let section = file.object_value_or_create(SECTION);
    let section = section.with_context(|| format!("`{SECTION}` must be an object: `{{ … }}`"))?;
    section.append(key.name, value);
    Ok(())
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(it) => CstInputValue::Bool(*it),
        Value::Number(it) => CstInputValue::Number(it.to_string()),
        Value::String(it) => CstInputValue::String(it.clone()),
        Value::Array(all) => CstInputValue::Array(all.iter().map(input).collect()),
        Value::Object(all) => {
            CstInputValue::Object(all.iter().map(|(name, it)| (name.clone(), input(it))).collect())
        }
    }
}

/// The value that a file of this text gives the key.
fn applied(text: &str, key: &'static Key) -> Option<Value> {
    let content = Content::Read(serde_json::from_str(text).ok()?);
    let user = File { path: PathBuf::new(), content };
    set_in(&Layers { user, project: Vec::new() }, key)
}

/// The value that these files give the key.
fn set_in(layers: &Layers, key: &'static Key) -> Option<Value> {
    let its = layers.effective_of(key);
    (its.source != Source::Default).then_some(its.value)
}

/// Replaces the file behind all links in one step, with the same mode, if it still is what it was `before`. Claude Code
/// and hooks read it meanwhile.
fn write(path: &Path, before: Option<&[u8]>, bytes: &[u8]) -> Result<Edit> {
    let target = if path.is_symlink() {
        fs::canonicalize(path).context("its link leads nowhere")?
    } else {
        fs::create_dir_all(path.parent().context("it is in no folder")?)?;
        path.to_owned()
    };
    let mode = fs::metadata(&target).map(|it| it.permissions()).ok();
    let mut edit = Edit::Written;
    let written = atomic::replace_with(&target, |mut file| {
        file.write_all(bytes)?;
        mode.map_or(Ok(()), |mode| file.set_permissions(mode))?;
        let now = atomic::read_linked(path, MAX_BYTES).map_err(io::Error::other)?;
        if now.as_deref() != before {
            edit = Edit::Outdated;
            return Err(io::ErrorKind::Other.into());
        }
        Ok(())
    });
    match written {
        Err(_) if edit == Edit::Outdated => Ok(edit),
        written => Ok(written.map(|()| edit)?),
    }
}

/// What applies now. A project may be stricter than the user.
///
/// # Errors
/// The user's file has another value by now.
fn said(key: &'static Key, asked: Option<&Value>, config_dir: &Path) -> Result<String> {
    let layers = Layers::read(config_dir, project_dir().as_deref());
    let own = Layers { project: Vec::new(), ..layers.clone() };
    ensure!(
        set_in(&own, key) == asked.and_then(|value| key.usable(value)),
        "could not keep the change of {}: another program has changed `{}` again; try again",
        key.dotted(),
        one_line(&layers.user.path.to_string_lossy(), SHOWN)
    );
    let its = layers.effective_of(key);
    let value = one_line(&its.value.to_string(), SHOWN);
    let source = match its.source {
        Source::Default => "the default".to_owned(),
        Source::File(path) => format!("from `{}`", one_line(&path.to_string_lossy(), SHOWN)),
    };
    Ok(format!("{} is {value}, {source}", key.dotted()))
}
