//! Every key of ours: its type, default, unit and meaning, and what a project may do with it. What people are told about
//! settings is made from this table; a test holds it equal to what [`Settings`](super::Settings) reads.

use serde_json::{Map, Value};

/// What stands before each key in a settings file.
pub const SECTION: &str = "sisyphus";

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Without the section.
    pub name: &'static str,
    pub place: Place,
    pub kind: Kind,
    pub project: Project,
    /// One sentence, beginning with a small letter and without a full stop.
    pub meaning: &'static str,
}

/// Where a key stands in a settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the section, or with its name in front.
    Section,
    /// By itself. In the section it counts as well.
    Top,
}

/// What a key may be set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true`, which is the default, or `false`.
    Switch,
    /// A whole number from 0 on.
    Number {
        default: u64,
        /// More counts as this.
        max: Option<u64>,
        unit: &'static str,
        zero: Zero,
    },
    /// A list of texts, by default empty.
    Patterns { most: usize, longest: usize },
    /// An object of names, each with a whole number from 0 on, which is no limit. By default empty.
    Limits { most: usize, longest: usize },
}

/// What 0 means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zero {
    /// Nothing else than the number.
    Number,
    /// The default.
    Default,
    /// No limit at all, so more than every number.
    Unlimited,
}

/// What the settings of a project may do with a key. A repository is written by others: it may only make us more
/// careful than its user wants us to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Project {
    /// Nothing: what the key says holds for several projects together.
    MayNothing,
    MayTurnOff,
    MayLower,
    /// It may add entries that begin with `!`, which take something away.
    MayTakeAway,
}

pub(super) const DEFAULT_SLOTS: u64 = 5;
pub(super) const DEFAULT_TTL_MINUTES: u64 = 30;
/// The longest time that can be set, in minutes: a week.
pub(super) const MAX_MINUTES: u64 = 7 * 24 * 60;
pub(super) const DEFAULT_OUTPUT_LINES: u64 = 20;
pub(super) const MAX_OUTPUT_LINES: u64 = 200;
pub(super) const MAX_LIMITS: usize = 100;
pub(super) const MAX_LIMIT_NAME: usize = 200;
pub(super) const DEFAULT_NOTIFY_SECONDS: u64 = 10;
pub(super) const MAX_PATTERNS: usize = 200;
pub(super) const MAX_PATTERN_CHARS: usize = 200;

/// Every key, in the order in which people are told of them.
pub const KEYS: &[Key] = &[
    Key {
        name: "background_execution",
        place: Place::Section,
        kind: Kind::Switch,
        project: Project::MayTurnOff,
        meaning: "whether commands are attached and recorded at all; what was recorded before is still delivered",
    },
    Key {
        name: "sleep_guard",
        place: Place::Section,
        kind: Kind::Switch,
        project: Project::MayTurnOff,
        meaning: "whether a foreground call that does nothing but sleep is denied while a background command of its \
                  conversation runs whose end is told anyway",
    },
    Key {
        name: "ultrawork_keyword",
        place: Place::Section,
        kind: Kind::Switch,
        project: Project::MayTurnOff,
        meaning: "whether the words `ultrawork` and `ulw` in a typed prompt ask for ultrawork",
    },
    Key {
        name: "max_background_tasks",
        place: Place::Section,
        kind: Kind::Number {
            default: DEFAULT_SLOTS,
            max: None,
            unit: "commands",
            zero: Zero::Unlimited,
        },
        // There is one line for all projects: one that may start only behind others would hold up theirs.
        project: Project::MayNothing,
        meaning: "how many commands and agents run at once, over all sessions; 0 is unlimited",
    },
    Key {
        name: "model_concurrency",
        place: Place::Section,
        kind: Kind::Limits { most: MAX_LIMITS, longest: MAX_LIMIT_NAME },
        project: Project::MayNothing,
        meaning: "how many agents of a model run at once, like `{\"opus\": 2}`, instead of the other limits; 0 is \
                  unlimited",
    },
    Key {
        name: "provider_concurrency",
        place: Place::Section,
        kind: Kind::Limits { most: MAX_LIMITS, longest: MAX_LIMIT_NAME },
        project: Project::MayNothing,
        meaning: "the same for the models of a provider that have no limit of their own",
    },
    Key {
        name: "task_ttl_minutes",
        place: Place::Section,
        kind: Kind::Number {
            default: DEFAULT_TTL_MINUTES,
            max: Some(MAX_MINUTES),
            unit: "minutes",
            zero: Zero::Default,
        },
        project: Project::MayLower,
        meaning: "time limit of a command from its real start, where its call names none that counts; 0 is the default",
    },
    Key {
        name: "stale_minutes",
        place: Place::Section,
        kind: Kind::Number {
            default: 0,
            max: Some(MAX_MINUTES),
            unit: "minutes",
            zero: Zero::Unlimited,
        },
        project: Project::MayLower,
        meaning: "a command that prints nothing for so long is told to the model, once; 0 is never",
    },
    Key {
        name: "service_patterns",
        place: Place::Section,
        kind: Kind::Patterns { most: MAX_PATTERNS, longest: MAX_PATTERN_CHARS },
        project: Project::MayTakeAway,
        meaning: "command lines that run until somebody stops them, beside those that are known: no slot, no time \
                  limit; with a `!` in front: not a service",
    },
    Key {
        name: "output_lines",
        place: Place::Section,
        kind: Kind::Number {
            default: DEFAULT_OUTPUT_LINES,
            max: Some(MAX_OUTPUT_LINES),
            unit: "lines",
            zero: Zero::Number,
        },
        project: Project::MayLower,
        meaning: "last lines of an output that a reminder shows",
    },
    Key {
        name: "background_notifications",
        place: Place::Top,
        kind: Kind::Switch,
        project: Project::MayTurnOff,
        meaning: "whether the desktop tells you of ends: of what failed at once, of what went well if it took its time",
    },
    Key {
        name: "notify_min_seconds",
        place: Place::Section,
        kind: Kind::Number {
            default: DEFAULT_NOTIFY_SECONDS,
            max: Some(MAX_MINUTES * 60),
            unit: "seconds",
            zero: Zero::Number,
        },
        // Lower, and a repository could have each of its commands announced.
        project: Project::MayNothing,
        meaning: "how long a command must have run for its success to be shown on the desktop",
    },
];

impl Key {
    /// The key of that name, written without the section.
    pub fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// As it is written in one piece: `sisyphus.output_lines`, `background_notifications`.
    pub fn dotted(&self) -> String {
        match self.place {
            Place::Section => self.in_section(),
            Place::Top => self.name.to_owned(),
        }
    }

    /// With the section's name in front.
    pub(super) fn in_section(&self) -> String {
        format!("{SECTION}.{}", self.name)
    }

    /// What it is if nobody sets it.
    pub fn default(&self) -> Value {
        match self.kind {
            Kind::Switch => true.into(),
            Kind::Number { default, .. } => default.into(),
            Kind::Patterns { .. } => Value::Array(Vec::new()),
            Kind::Limits { .. } => Value::Object(Map::new()),
        }
    }

    /// What it may be set to, in words.
    pub fn type_in_words(&self) -> String {
        match self.kind {
            Kind::Switch => "true or false".to_owned(),
            Kind::Number { max: Some(max), unit, .. } => {
                format!("a whole number of {unit}, at most {max}")
            }
            Kind::Number { max: None, unit, .. } => format!("a whole number of {unit}"),
            Kind::Patterns { most, longest } => {
                format!("a list of at most {most} texts of 1 to {longest} characters")
            }
            Kind::Limits { most, longest } => {
                format!(
                    "an object of at most {most} names of at most {longest} characters, each with a whole number"
                )
            }
        }
    }

    /// Whether a value is of the key's type. Another one counts as not set.
    pub fn accepts(&self, value: &Value) -> bool {
        match self.kind {
            Kind::Switch => value.is_boolean(),
            Kind::Number { .. } => value.is_u64(),
            Kind::Patterns { .. } => value.is_array(),
            Kind::Limits { .. } => value.is_object(),
        }
    }

    /// The value with its limits applied; `None` for one that is not of the key's type.
    pub fn usable(&self, value: &Value) -> Option<Value> {
        match self.kind {
            Kind::Switch => value.as_bool().map(Value::Bool),
            Kind::Number { default, max, zero, .. } => {
                let number = value.as_u64()?;
                let number = if number == 0 && zero == Zero::Default { default } else { number };
                Some(max.map_or(number, |max| number.min(max)).into())
            }
            Kind::Patterns { most, longest } => {
                let usable = usable_patterns(value.as_array()?, most, longest);
                Some(usable.map(Value::from).collect())
            }
            Kind::Limits { most, longest } => {
                let usable = usable_limits(value.as_object()?, most, longest);
                Some(Value::Object(
                    usable.map(|(name, number)| (name.to_owned(), number.into())).collect(),
                ))
            }
        }
    }
}

/// Those of the object that can be used: one wrong entry does not cost the others.
pub(super) fn usable_limits(
    object: &Map<String, Value>,
    most: usize,
    longest: usize,
) -> impl Iterator<Item = (&str, u64)> + use<'_> {
    let entries = object.iter().filter(move |(name, _)| name.chars().count() <= longest);
    entries.filter_map(|(name, number)| Some((name.as_str(), number.as_u64()?))).take(most)
}

/// Those of the list that can be used: one wrong entry does not cost the others.
fn usable_patterns(
    list: &[Value],
    most: usize,
    longest: usize,
) -> impl Iterator<Item = &str> + use<'_> {
    let entries = list.iter().filter_map(Value::as_str).map(str::trim);
    entries.filter(move |entry| (1..=longest).contains(&entry.chars().count())).take(most)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Settings;
    use super::*;

    #[test]
    fn the_table_is_what_is_read() {
        let read =
            |name: &str, value: &Value| Settings::of(&json!({ (SECTION): { (name): value } }));
        for key in KEYS {
            assert_eq!(read(key.name, &key.default()), Settings::default(), "{}", key.name);
            let (other, wrong) = match key.kind {
                Kind::Switch => (json!(false), json!("false")),
                Kind::Number { .. } => (json!(3), json!(-3)),
                Kind::Patterns { .. } => (json!(["a b"]), json!("a b")),
                Kind::Limits { .. } => (json!({ "opus": 2 }), json!([2])),
            };
            assert_ne!(read(key.name, &other), Settings::default(), "{}", key.name);
            assert!(key.accepts(&other) && key.accepts(&key.default()), "{}", key.name);
            assert_eq!(read(key.name, &wrong), Settings::default(), "{}", key.name);
            assert!(!key.accepts(&wrong) && key.usable(&wrong).is_none(), "{}", key.name);
            // What is said to count is what counts.
            for value in [
                json!(0),
                json!(1_000_000),
                json!(["", " a ", 1]),
                json!({ "a": 1, "b": "2" }),
                json!(true),
            ] {
                if let Some(usable) = key.usable(&value) {
                    assert_eq!(read(key.name, &usable), read(key.name, &value), "{}", key.name);
                }
            }
        }
    }

    #[test]
    fn every_field_of_the_settings_has_a_key() {
        // A field that is added makes this line fail to compile.
        let Settings {
            execution: _,
            max_background_tasks: _,
            model_concurrency: _,
            provider_concurrency: _,
            task_ttl_ms: _,
            stale_ms: _,
            service_patterns: _,
            output_lines: _,
            sleep_guard: _,
            ultrawork_keyword: _,
            notifications: _,
            notify_min_ms: _,
            // The client's own.
            sandbox: _,
        } = Settings::default();
        assert_eq!(KEYS.len(), 12);
    }

    #[test]
    fn a_limit_is_applied_to_what_is_used() {
        let usable = |name: &str, value: Value| Key::named(name).unwrap().usable(&value).unwrap();
        assert_eq!(usable("output_lines", json!(500)), 200);
        assert_eq!(usable("task_ttl_minutes", json!(0)), 30);
        assert_eq!(usable("stale_minutes", json!(0)), 0);
        assert_eq!(usable("service_patterns", json!([" a ", "", 3])), json!(["a"]));
    }
}
