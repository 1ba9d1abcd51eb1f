//! `sisyphus config`: the effective value of each setting, and where it comes from; `get`: that of one, for scripts.

mod set;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args as ClapArgs, Subcommand};
use serde_json::{Value, json};
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::client_config_dir;
use sisyphus_base::text::one_line;
use sisyphus_settings::keys::{Key, Kind, Zero};
use sisyphus_settings::layers::{Effective, File, Layers, Source};

use crate::doctor::flaws::{Mistake, mistakes, mistakes_about};
use crate::print;
use crate::project::project_dir;
use crate::screen::width_of_output;
use crate::style::Hue;
use crate::table::{self, Cell, Column};
use set::{Change, change, key};

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Config {
    #[command(subcommand)]
    action: Option<Action>,
    /// Read the settings of this project too. Without it, those of the current folder's project.
    #[arg(long, value_name = "DIR", value_parser = folder())]
    project: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the effective value of one key, and nothing else.
    Get(Get),
    #[command(flatten)]
    Change(Change),
}

#[derive(Debug, ClapArgs)]
struct Get {
    /// The key, with or without `sisyphus.` before it.
    #[arg(value_parser = key)]
    key: &'static Key,
    /// Read the settings of this project too. Without it, those of the current folder's project.
    #[arg(long, value_name = "DIR", value_parser = folder())]
    project: Option<PathBuf>,
}

const COLUMNS: [Column; 3] = [
    Column::left("KEY", 0),
    Column::left("VALUE", 7).may_shrink_to(7),
    Column::left("FROM", 0).may_shrink_to(7),
];
/// The width of a terminal from which on there is room for the section before each key.
const WIDE: usize = 72;
/// Longest value or path that is shown, in characters.
const SHOWN: usize = 400;

/// Prints the effective values, or one, or changes one.
pub(crate) fn config(options: &Config) -> Result<()> {
    match &options.action {
        Some(Action::Change(asked)) => return change(asked),
        Some(Action::Get(asked)) => return get(asked),
        None => {}
    }
    let layers = layers(options.project.as_deref())?;
    let effective = layers.effective();
    let mistakes: Vec<Mistake> = files(&layers).flat_map(mistakes).collect();
    if options.json {
        let settings: Vec<Value> = effective.iter().map(view).collect();
        return print::json(
            json!({ "settings": settings, "mistakes": mistakes.iter().map(mistake).collect::<Vec<_>>() }),
        );
    }
    let is_wide = width_of_output().is_none_or(|width| width >= WIDE);
    let name = |key: &Key| if is_wide { key.dotted() } else { key.name.to_owned() };
    let rows: Vec<[Cell; 3]> = effective.iter().map(|it| row(name(it.key), it)).collect();
    let mut text = table::text(&COLUMNS, &rows);
    for it in &effective {
        for path in &it.refused {
            let path = one_line(&path.to_string_lossy(), SHOWN);
            let key = it.key.dotted();
            text.push_str(&format!(
                "\n`{path}` sets {key} too; it is ignored, because a project may not set that\n"
            ));
        }
    }
    for it in &mistakes {
        text.push_str(&format!("\n{}; {}\n", it.said, it.remedy));
    }
    print::out(&text)
}

/// Prints the value as JSON in one line: no key has a plain text, which a script would need without its quotes.
fn get(asked: &Get) -> Result<()> {
    let layers = layers(asked.project.as_deref())?;
    for it in files(&layers).flat_map(|file| mistakes_about(file, asked.key)) {
        print::warn(&anyhow!("{}; {}", it.said, it.remedy));
    }
    print::out(&format!("{}\n", layers.effective_of(asked.key).value))
}

/// A folder that exists: the settings of a mistyped one would look like those of a project without any.
fn folder() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| {
        let why = "there is no such folder; give the folder of a project";
        if path.is_dir() { Ok(path) } else { Err(why) }
    })
}

/// The settings of the user, and of this project or that of the current folder.
fn layers(project: Option<&Path>) -> Result<Layers> {
    let project = project.map(Path::to_owned).or_else(project_dir);
    Ok(Layers::read(&client_config_dir(&Environment::read())?, project.as_deref()))
}

fn files(layers: &Layers) -> impl Iterator<Item = &File> {
    std::iter::once(&layers.user).chain(&layers.project)
}

fn mistake(it: &Mistake) -> Value {
    json!({ "message": it.said, "remedy": it.remedy })
}

fn view(it: &Effective<'_>) -> Value {
    let source = match it.source {
        Source::Default => Value::Null,
        Source::File(path) => path.to_string_lossy().into(),
    };
    // A path need not be valid text, and JSON must be.
    let refused: Vec<_> = it.refused.iter().map(|path| path.to_string_lossy()).collect();
    json!({
        "key": it.key.dotted(), "value": it.value, "default": it.key.default(), "source": source,
        "refused": refused, "type": it.key.type_in_words(), "meaning": it.key.meaning,
    })
}

fn row(name: String, it: &Effective<'_>) -> [Cell; 3] {
    let source = match it.source {
        Source::Default => Cell::of(Hue::Dim, "default"),
        Source::File(path) => Cell::from(one_line(&path.to_string_lossy(), SHOWN)),
    };
    [Cell::from(name), Cell::from(said(it)), source]
}

/// The value with its unit.
fn said(it: &Effective<'_>) -> String {
    let value = one_line(&it.value.to_string(), SHOWN);
    match it.key.kind {
        Kind::Number { zero: Zero::Unlimited, unit: "minutes", .. } if it.value == 0 => {
            format!("{value} (never)")
        }
        Kind::Number { zero: Zero::Unlimited, .. } if it.value == 0 => {
            format!("{value} (unlimited)")
        }
        Kind::Number { unit, .. } if it.value == 1 => {
            format!("{value} {}", unit.trim_end_matches('s'))
        }
        Kind::Number { unit, .. } => format!("{value} {unit}"),
        Kind::Switch
        | Kind::Consent
        | Kind::Patterns { .. }
        | Kind::Limits { .. }
        | Kind::Groups { .. }
        | Kind::Program { .. } => value,
    }
}
