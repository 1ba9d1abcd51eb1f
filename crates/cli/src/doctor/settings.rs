//! The settings files: whether they can be read, and whether every key of ours in them is valid.

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
                "if you want it, set it in your own settings",
            )
        }));
    }
    let limits = Limits::of(&context.layers.settings());
    found.extend(limits.never_matching().into_iter().map(|(name, why)| {
        Finding::broken(
            format!("the limit `{}` applies to no agent: {why}", plain(&name)),
            "name a model like `opus` or `anthropic/claude-opus-4-5`, or a provider like `anthropic`",
        )
    }));
    if found.is_empty() {
        let count = files().filter(|file| matches!(file.content, Content::Read(_))).count();
        found.push(Finding::fine(format!("{count} settings files, every key of ours is valid")));
    }
    found
}

fn examine(file: &File) -> Vec<Finding> {
    let name = named(&file.path);
    match &file.content {
        Content::Missing => Vec::new(),
        Content::Unreadable(why) => vec![Finding::broken(
            format!("{name} is not read: {}", plain(why)),
            "repair it: until then all its settings are ignored",
        )],
        Content::Read(settings) => {
            settings_check::check(settings).into_iter().map(|flaw| tell(&name, &flaw)).collect()
        }
    }
}

fn tell(file: &str, flaw: &Flaw) -> Finding {
    match flaw {
        Flaw::NoSuchKey { name, nearest: Some(nearest) } => Finding::broken(
            format!("{file}: unknown key `sisyphus.{}`", plain(name)),
            format!("did you mean `sisyphus.{nearest}`?"),
        ),
        Flaw::NoSuchKey { name, nearest: None } => Finding::broken(
            format!("{file}: unknown key `sisyphus.{}`", plain(name)),
            "remove it; `sisyphus config` shows every key",
        ),
        Flaw::WrongType { key } => Finding::broken(
            format!("{file}: {} has an invalid value, so the default applies", key.dotted()),
            format!("it must be {}", key.type_in_words()),
        ),
        Flaw::NotAllOfIt { key } => Finding::note(
            format!("{file}: parts of {} are ignored", key.dotted()),
            format!("it must be {}", key.type_in_words()),
        ),
        Flaw::Twice { key } => Finding::note(
            format!("{file}: {} is set twice", key.dotted()),
            "remove the one outside the section `sisyphus`, which is ignored",
        ),
        Flaw::NoSection => Finding::broken(
            format!("{file}: `sisyphus` is not an object, so it is ignored"),
            "write it as `\"sisyphus\": {\"output_lines\": 5}`",
        ),
        Flaw::NoObject => Finding::broken(
            format!("{file} is not a settings file"),
            "it must be one JSON object: `{ … }`",
        ),
    }
}
