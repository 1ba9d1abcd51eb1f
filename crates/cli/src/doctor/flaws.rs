//! The mistakes in a settings file, in words: what is wrong, and what is expected.

use sisyphus_base::text::one_line;
use sisyphus_settings::check::{Flaw, check};
use sisyphus_settings::keys::Key;
use sisyphus_settings::layers::{Content, File};

/// Longest foreign text that is shown, in characters.
const SHOWN: usize = 300;

/// One mistake, in words. Its texts hold no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) weight: Weight,
    pub(crate) said: String,
    pub(crate) remedy: String,
}

/// What a mistake costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// A value or a whole file has no effect.
    Ignored,
    /// The rest of a value has its effect.
    PartlyIgnored,
}

/// The mistakes in a file.
pub(crate) fn mistakes(file: &File) -> Vec<Mistake> {
    mistakes_if(file, |_| true)
}

/// Those that decide what the value of this key is.
pub(crate) fn mistakes_about(file: &File, key: &Key) -> Vec<Mistake> {
    mistakes_if(file, |flaw| flaw.concerns(key))
}

fn mistakes_if(file: &File, is_meant: impl Fn(&Flaw) -> bool) -> Vec<Mistake> {
    let name = format!("`{}`", plain(&file.path.to_string_lossy()));
    match &file.content {
        Content::Missing => Vec::new(),
        Content::Unreadable(why) => vec![Mistake {
            weight: Weight::Ignored,
            said: format!("{name} is not read: {}", plain(why)),
            remedy: "repair it: until then all its settings are ignored".to_owned(),
        }],
        Content::Read(settings) => {
            let flaws = check(settings).into_iter().filter(|flaw| is_meant(flaw));
            flaws.map(|flaw| in_words(&name, &flaw)).collect()
        }
    }
}

fn in_words(file: &str, flaw: &Flaw) -> Mistake {
    let weight = match flaw {
        Flaw::OutOfRange { .. } | Flaw::NotAllOfIt { .. } | Flaw::Twice { .. } => {
            Weight::PartlyIgnored
        }
        Flaw::NoSuchKey { .. } | Flaw::WrongType { .. } | Flaw::NoSection | Flaw::NoObject => {
            Weight::Ignored
        }
    };
    let (said, remedy) = match flaw {
        Flaw::NoSuchKey { name, nearest: Some(nearest) } => (
            format!("{file}: unknown key `sisyphus.{}`", plain(name)),
            format!("did you mean `sisyphus.{nearest}`?"),
        ),
        Flaw::NoSuchKey { name, nearest: None } => (
            format!("{file}: unknown key `sisyphus.{}`", plain(name)),
            "remove it; `sisyphus config` shows every key".to_owned(),
        ),
        Flaw::WrongType { key } => (
            format!("{file}: {} has an invalid value, so the default applies", key.dotted()),
            format!("it must be {}", key.type_in_words()),
        ),
        Flaw::OutOfRange { key, limit } => (
            format!("{file}: {} counts as {limit}", key.dotted()),
            format!("it must be {}", key.type_in_words()),
        ),
        Flaw::NotAllOfIt { key, parts } => (
            format!("{file}: parts of {} are ignored: {}", key.dotted(), plain(&parts.join("; "))),
            format!("it must be {}", key.type_in_words()),
        ),
        Flaw::Twice { key } => (
            format!("{file}: {} is set twice", key.dotted()),
            "remove the one outside the section `sisyphus`, which is ignored".to_owned(),
        ),
        Flaw::NoSection => (
            format!("{file}: `sisyphus` is not an object, so it is ignored"),
            "write it as `\"sisyphus\": {\"output_lines\": 5}`".to_owned(),
        ),
        Flaw::NoObject => (
            format!("{file} is not a settings file"),
            "it must be one JSON object: `{ … }`".to_owned(),
        ),
    };
    Mistake { weight, said, remedy }
}

fn plain(text: &str) -> String {
    one_line(text, SHOWN)
}
