//! Every key of ours: its type, default, unit and meaning, and how a project may change it. The pages and reports about
//! settings are made from this table. A test holds it equal to what [`Settings`](super::Settings) reads.

#[cfg(test)]
mod tests;
mod values;

use serde_json::{Map, Value};

/// The prefix of each key in a settings file.
pub const SECTION: &str = "sisyphus";
/// Where Claude Code keeps what people choose in its `/config` for a plugin (CC-95).
pub(super) const PLUGIN_OPTIONS: &str = "pluginConfigs";
/// The section whose limits are read too, for a user who brings them from another tool.
pub(super) const OTHER_SECTION: &str = "background_task";

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The name without the section.
    pub name: &'static str,
    pub place: Place,
    pub kind: Kind,
    pub project: Project,
    /// One sentence, beginning with a lower-case letter and without a full stop.
    pub meaning: &'static str,
}

/// The place of a key in a settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the section, or outside it with the section's name as prefix.
    Section,
    /// There, or at the top level without a prefix, as in the first version.
    AlsoTop,
}

/// What a key may be set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true`, which is the default, or `false`.
    Switch,
    /// `false`, which is the default, or `true`.
    Consent,
    /// A whole number, 0 or more.
    Number {
        default: u64,
        /// A smaller value, but 0, counts as this.
        min: Option<u64>,
        /// A larger value counts as this.
        max: Option<u64>,
        unit: &'static str,
        zero: Zero,
    },
    /// A list of texts, by default empty.
    Patterns { most: usize, longest: usize },
    /// An object of names, each with a whole number; 0 is no limit. By default empty.
    Limits { most: usize, longest: usize },
    /// An object of names, each with patterns and a limit. By default empty.
    Groups { most: usize, patterns: usize, longest: usize },
    /// A list of texts: a program and its arguments. By default empty.
    Program { most: usize, longest: usize },
}

/// The meaning of 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zero {
    /// The number itself.
    Number,
    /// The default.
    Default,
    /// No limit at all, so more than every number.
    Unlimited,
}

/// How the settings of a project may change a key. Other people write a repository, so it may only make us more careful
/// than its user wants us to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Project {
    /// Not at all: the key applies to several projects together.
    MayNothing,
    MayTurnOff,
    MayTurnOn,
    MayLower,
    /// It may add entries that begin with `!`, which remove something.
    MayTakeAway,
}

/// The longest time that can be set, in minutes: a week.
const MAX_MINUTES: u64 = 7 * 24 * 60;
/// Less memory than any shell with a program needs is a typing mistake.
const MIN_MEGABYTES: u64 = 16;
/// More than any machine has, and still a number of bytes.
const MAX_MEGABYTES: u64 = 1_000_000_000;

/// Every key, in the order of the pages and reports.
pub const KEYS: &[Key] = &[
    Key {
        name: "background_execution",
        place: Place::Section,
        kind: Kind::Switch,
        project: Project::MayTurnOff,
        meaning: "whether commands of Claude Code get our runner and a record at all; results of recorded commands are still delivered",
    },
    Key {
        name: "sleep_guard",
        place: Place::Section,
        kind: Kind::Switch,
        project: Project::MayTurnOff,
        meaning: "whether a foreground call that only sleeps is denied while its conversation has a running background \
                  command and will be notified when it finishes",
    },
    Key {
        name: "deny_duplicates",
        place: Place::Section,
        kind: Kind::Consent,
        project: Project::MayTurnOn,
        meaning: "whether a background command is denied while a command with the same text runs or is queued in the same \
                  folder; otherwise the model reads at the launch which one does",
    },
    Key {
        name: "ultrawork_keyword",
        place: Place::Section,
        kind: Kind::Switch,
        project: Project::MayTurnOff,
        meaning: "whether the words `ultrawork` and `ulw` in a typed prompt request the ultrawork skill",
    },
    Key {
        name: "max_background_tasks",
        place: Place::Section,
        kind: Kind::Number {
            default: 5,
            min: None,
            max: None,
            unit: "tasks",
            zero: Zero::Unlimited,
        },
        // All projects share one queue. If the commands of one project waited longer, they would hold up those of
        // others.
        project: Project::MayNothing,
        meaning: "how many commands and agents run at once, across all sessions; 0 is unlimited; delegated sessions have as \
                  many slots of their own",
    },
    Key {
        name: "model_concurrency",
        place: Place::Section,
        kind: Kind::Limits { most: 100, longest: 200 },
        project: Project::MayNothing,
        meaning: "how many agents, and how many delegated sessions, of a model run at once, like `{\"opus\": 2}`, instead of the other limits; 0 is \
                  unlimited",
    },
    Key {
        name: "provider_concurrency",
        place: Place::Section,
        kind: Kind::Limits { most: 100, longest: 200 },
        project: Project::MayNothing,
        meaning: "the same for the models of a provider that have no limit of their own",
    },
    Key {
        name: "groups",
        place: Place::Section,
        kind: Kind::Groups { most: 20, patterns: 50, longest: 200 },
        // All projects share the queue of a group too.
        project: Project::MayNothing,
        meaning: "background commands that share a limit of their own across all sessions",
    },
    Key {
        name: "task_ttl_minutes",
        place: Place::Section,
        kind: Kind::Number {
            default: 30,
            min: None,
            max: Some(MAX_MINUTES),
            unit: "minutes",
            zero: Zero::Default,
        },
        project: Project::MayLower,
        meaning: "time limit of a command from its real start, unless its call names an effective one; 0 counts as 30",
    },
    Key {
        name: "memory_limit_mb",
        place: Place::Section,
        kind: Kind::Number {
            default: 0,
            min: Some(MIN_MEGABYTES),
            max: Some(MAX_MEGABYTES),
            unit: "megabytes",
            zero: Zero::Unlimited,
        },
        project: Project::MayLower,
        meaning: "how much memory the processes of a command may have together, where the system lets us limit it; 0 is no \
                  limit",
    },
    Key {
        name: "stale_minutes",
        place: Place::Section,
        kind: Kind::Number {
            default: 0,
            min: None,
            max: Some(MAX_MINUTES),
            unit: "minutes",
            zero: Zero::Unlimited,
        },
        project: Project::MayLower,
        meaning: "the model is notified once about a command that prints nothing for this long; 0 is never",
    },
    Key {
        name: "service_patterns",
        place: Place::Section,
        kind: Kind::Patterns { most: 200, longest: 200 },
        project: Project::MayTakeAway,
        meaning: "command lines that run until they are stopped, in addition to the built-in ones: no slot, no time \
                  limit; with a `!` in front: not a service",
    },
    Key {
        name: "keep_patterns",
        place: Place::Section,
        kind: Kind::Patterns { most: 200, longest: 200 },
        project: Project::MayNothing,
        meaning: "background commands that go on when their session ends, such as `[\"npm run dev\"]`; the patterns are those of \
                  groups",
    },
    Key {
        name: "output_lines",
        place: Place::Section,
        kind: Kind::Number {
            default: 20,
            min: None,
            max: Some(200),
            unit: "lines",
            zero: Zero::Number,
        },
        project: Project::MayLower,
        meaning: "how many last lines of an output a reminder shows; of a success it shows 5 at most",
    },
    Key {
        name: "keep_agent_messages",
        place: Place::Section,
        kind: Kind::Switch,
        project: Project::MayTurnOff,
        meaning: "whether the last message of a background agent is kept, for `background_output`, `sisyphus output` and \
                  `sisyphus show`",
    },
    Key {
        name: "mark_queued_agents",
        place: Place::Section,
        kind: Kind::Switch,
        project: Project::MayTurnOff,
        meaning: "whether Claude Code's list of agents says which ones wait for a slot, where Claude Code runs mods",
    },
    Key {
        name: "band",
        place: Place::Section,
        kind: Kind::Switch,
        project: Project::MayTurnOff,
        meaning: "whether the session's tasks that run or wait are shown above the prompt, where Claude Code runs mods",
    },
    Key {
        name: "delegate_survives_exit",
        place: Place::Section,
        kind: Kind::Switch,
        project: Project::MayTurnOff,
        meaning: "whether delegated sessions go on if the session that asked for them exits; otherwise they are stopped \
                  with it",
    },
    Key {
        name: "background_notifications",
        place: Place::AlsoTop,
        kind: Kind::Switch,
        project: Project::MayTurnOff,
        meaning: "whether you get desktop notifications: at once for a failure, and for a success that took a while; without \
                  `sisyphus.` before it the key works too",
    },
    Key {
        name: "notify_min_seconds",
        place: Place::Section,
        kind: Kind::Number {
            default: 10,
            min: None,
            max: Some(MAX_MINUTES * 60),
            unit: "seconds",
            zero: Zero::Number,
        },
        // With a lower value, a repository could have each of its commands announced.
        project: Project::MayNothing,
        meaning: "how long a command must have run for its success to be shown on the desktop",
    },
    Key {
        name: "on_complete",
        place: Place::Section,
        kind: Kind::Program { most: 50, longest: 4_000 },
        // A repository would choose what runs on its user's machine.
        project: Project::MayNothing,
        meaning: "a program of yours, with its arguments, that starts once when a task has ended, like \
                  `[\"/home/you/bin/tell\"]`; what ended is on its standard input and in its environment",
    },
    Key {
        name: "delegate_bypass",
        place: Place::Section,
        kind: Kind::Consent,
        project: Project::MayTurnOff,
        meaning: "whether a delegated session bypasses permissions if its caller does; otherwise it accepts edits",
    },
    Key {
        name: "delegate_max_budget_usd",
        place: Place::Section,
        kind: Kind::Number {
            default: 0,
            min: None,
            max: None,
            unit: "dollars",
            zero: Zero::Unlimited,
        },
        project: Project::MayLower,
        meaning: "what a delegated session may cost at most; 0 is no limit",
    },
    Key {
        name: "delegate_depth",
        place: Place::Section,
        kind: Kind::Number {
            default: 1,
            min: None,
            max: Some(3),
            unit: "levels",
            zero: Zero::Number,
        },
        project: Project::MayLower,
        meaning: "how deep sessions may delegate: 1 lets delegated sessions delegate nothing, 0 delegates nothing at all",
    },
];

impl Key {
    /// The key of that name, without the section.
    pub fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// The whole key: `sisyphus.output_lines`.
    pub fn dotted(&self) -> String {
        format!("{SECTION}.{}", self.name)
    }

    /// Its value in each form in which a file sets it. The first one is effective. Null is the same as not set.
    pub(super) fn set_in<'a>(&self, file: &'a Value) -> impl Iterator<Item = &'a Value> + use<'a> {
        let nested = file.get(SECTION).and_then(|section| section.get(self.name));
        let dotted = file.get(self.dotted());
        let bare = file.get(self.name).filter(|_| self.place == Place::AlsoTop);
        let other = self.other_name().and_then(|name| file.get(OTHER_SECTION)?.get(name));
        let option = options_in(file).and_then(|all| all.get(self.name));
        [nested, dotted, bare, other, option].into_iter().flatten().filter(|value| !value.is_null())
    }

    /// Its name in [`OTHER_SECTION`].
    fn other_name(&self) -> Option<&'static str> {
        match self.name {
            "max_background_tasks" => Some("defaultConcurrency"),
            "model_concurrency" => Some("modelConcurrency"),
            "provider_concurrency" => Some("providerConcurrency"),
            _ => None,
        }
    }

    /// Its value if it is not set.
    pub fn default(&self) -> Value {
        match self.kind {
            Kind::Switch => true.into(),
            Kind::Consent => false.into(),
            Kind::Number { default, .. } => default.into(),
            Kind::Patterns { .. } | Kind::Program { .. } => Value::Array(Vec::new()),
            Kind::Limits { .. } | Kind::Groups { .. } => Value::Object(Map::new()),
        }
    }
}

/// The options that Claude Code keeps of the plugin. Those of the installer's copy count before those of a marketplace's,
/// which may be left over. Claude Code hands them to hooks in their environment too, but not to the runner, the notifier
/// and the command line.
pub(super) fn options_in(file: &Value) -> Option<&Map<String, Value>> {
    let all = file.get(PLUGIN_OPTIONS)?.as_object()?;
    let is_ours = |name: &str| name.strip_prefix(SECTION).is_some_and(|it| it.starts_with('@'));
    let ours = all.iter().filter(|(name, _)| is_ours(name));
    let (_, own) = ours.min_by_key(|(name, _)| !name.ends_with("@skills-dir"))?;
    own.get("options")?.as_object()
}
