//! The settings files: whether they can be read, and whether every key of ours in them is right.

use sisyphus_settings::check::{self as settings_check, Flaw};
use sisyphus_settings::layers::{Content, File};
use sisyphus_state::agents::Limits;

use super::context::DoctorContext;
use super::finding::{Finding, named, plain};

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let files = || std::iter::once(&context.layers.user).chain(&context.layers.project);
    let mut found: Vec<Finding> = files().flat_map(examine).collect();
    for it in context.layers.effective() {
        let key = it.key.dotted();
        found.extend(it.refused.iter().map(|path| {
            Finding::note(
                format!("{} sets {key}, which a project may not loosen", named(path)),
                "set it in your own settings if you want it",
            )
        }));
    }
    let limits = Limits::of(&context.layers.settings());
    found.extend(limits.never_matching().into_iter().map(|(name, why)| {
        Finding::broken(
            format!("no agent is ever held to the limit `{}`: {why}", plain(&name)),
            "name a model like `opus` or `anthropic/claude-opus-4-5`, or a provider like `anthropic`",
        )
    }));
    if found.is_empty() {
        let count = files().filter(|file| matches!(file.content, Content::Read(_))).count();
        found.push(Finding::fine(format!("{count} settings files, every key of ours is right")));
    }
    found
}

fn examine(file: &File) -> Vec<Finding> {
    let name = named(&file.path);
    match &file.content {
        Content::Missing => Vec::new(),
        Content::Unreadable(why) => vec![Finding::broken(
            format!("{name} is not read: {}", plain(why)),
            "repair it: until then every setting in it counts as not set",
        )],
        Content::Read(settings) => {
            settings_check::check(settings).into_iter().map(|flaw| tell(&name, &flaw)).collect()
        }
    }
}

fn tell(file: &str, flaw: &Flaw) -> Finding {
    match flaw {
        Flaw::NoSuchKey { name, nearest: Some(nearest) } => Finding::broken(
            format!("{file}: there is no key `sisyphus.{}`", plain(name)),
            format!("write `sisyphus.{nearest}`, if that is meant"),
        ),
        Flaw::NoSuchKey { name, nearest: None } => Finding::broken(
            format!("{file}: there is no key `sisyphus.{}`", plain(name)),
            "remove it; `sisyphus config` shows every key",
        ),
        Flaw::WrongType { key } => Finding::broken(
            format!("{file}: {} has a wrong value, so the default counts", key.dotted()),
            format!("it must be {}", key.type_in_words()),
        ),
        Flaw::NotAllOfIt { key } => Finding::note(
            format!("{file}: not all of {} counts", key.dotted()),
            format!("it is {}", key.type_in_words()),
        ),
        Flaw::Twice { key } => Finding::note(
            format!("{file}: {} is written twice", key.dotted()),
            "the one in the section `sisyphus` counts; remove the other",
        ),
        Flaw::NoSection => Finding::broken(
            format!("{file}: `sisyphus` is no section, so nothing in it counts"),
            "write it as `\"sisyphus\": {\"output_lines\": 5}`",
        ),
        Flaw::NoObject => Finding::broken(
            format!("{file} holds no settings"),
            "it must be one JSON object: `{ … }`",
        ),
    }
}
