//! The benchmarks and their purposes.

use anyhow::Result;

use super::report::Table;
use super::stage::Stage;
use super::versions::Tool;
use super::{
    deliver, drain, finish, history, hooks, install, latency, memory, runner, scripts, sessions,
    settings, statusline, watch, writers,
};

/// One benchmark.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// Its heading on the page.
    pub(crate) title: &'static str,
    /// One sentence on what is compared, and why that matters to a user of the plugin.
    pub(crate) about: &'static str,
    pub(crate) beside: &'static [Tool],
    pub(crate) in_haste: InHaste,
    pub(crate) run: fn(&Stage) -> Result<Vec<Table>>,
}

/// What happens to it in a quick run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InHaste {
    Runs,
    /// It needs something that is not in this repository, or takes minutes.
    LeftOut,
}

/// All of them, in the order of the page.
pub(crate) const PARTS: &[Part] = &[
    Part {
        name: "hooks",
        title: "Hooks",
        about: "Claude Code starts a hook at every prompt, every call of a tool and every end of a turn, and waits for it: \
                what a hook costs, every step of every session costs, so it is compared with programs that do nothing.",
        beside: &[Tool::Rust, Tool::Bash],
        in_haste: InHaste::Runs,
        run: hooks::run,
    },
    Part {
        name: "scripts",
        title: "Hooks that are scripts",
        about: "The same events as another plugin handles them, with scripts for Node.js: how much of a hook's cost is a \
                choice.",
        beside: &[Tool::Rust, Tool::Bash, Tool::Node, Tool::Package],
        in_haste: InHaste::LeftOut,
        run: scripts::run,
    },
    Part {
        name: "settings",
        title: "Reading settings",
        about: "An announcement reads the user's settings and those of the project: what long files add to it is what they \
                add to every background command.",
        beside: &[],
        in_haste: InHaste::Runs,
        run: settings::run,
    },
    Part {
        name: "statusline",
        title: "Status line",
        about: "Claude Code asks for its status line again and again while you work, so the line must cost next to nothing.",
        beside: &[],
        in_haste: InHaste::Runs,
        run: statusline::run,
    },
    Part {
        name: "runner",
        title: "Commands under the runner",
        about: "A background command runs under a process of ours: what that adds to a command that does nothing, and to \
                one that prints as fast as it can.",
        beside: &[Tool::Bash],
        in_haste: InHaste::Runs,
        run: runner::run,
    },
    Part {
        name: "finish",
        title: "The end of a command",
        about: "Between a command's last word and the exit of its shell the runner keeps the output and records the exit, \
                and Claude Code notices the exit that much later.",
        beside: &[Tool::Bash],
        in_haste: InHaste::Runs,
        run: finish::run,
    },
    Part {
        name: "deliver",
        title: "Delivering results",
        about: "The hook of a prompt that hands over what is owed reads the ends of outputs and records the delivery: the \
                prompt waits for that.",
        beside: &[],
        in_haste: InHaste::Runs,
        run: deliver::run,
    },
    Part {
        name: "memory",
        title: "Memory, and what waiting takes",
        about: "A runner is there for as long as its command runs or waits for a slot, and dozens of them may be: what each \
                uses in that time, beside the shell that it replaces.",
        beside: &[Tool::Bash],
        in_haste: InHaste::Runs,
        run: memory::run,
    },
    Part {
        name: "watch",
        title: "Watching a command",
        about: "The model may watch a command for hours, so a watch must cost next to nothing while the command is silent, \
                and keep up with one that prints much.",
        beside: &[],
        in_haste: InHaste::Runs,
        run: watch::run,
    },
    Part {
        name: "writers",
        title: "Many at once",
        about: "Sessions and subagents share one state folder: hooks that announce a task each, all started together, show \
                when they begin to be in each other's way.",
        beside: &[],
        in_haste: InHaste::Runs,
        run: writers::run,
    },
    Part {
        name: "queue_drain",
        title: "Working off a line",
        about: "Many short commands behind few slots, beside tools made for that purpose: whether slots stay empty while \
                commands wait, and whether a command overtakes another.",
        beside: &[Tool::TaskSpooler, Tool::Xargs, Tool::Pueue, Tool::Bash],
        in_haste: InHaste::Runs,
        run: drain::run,
    },
    Part {
        name: "queue_latency",
        title: "The next in line",
        about: "When the holder of the only slot ends, how soon the command behind it begins, by the two commands' own \
                clocks.",
        beside: &[Tool::TaskSpooler, Tool::Xargs, Tool::Pueue, Tool::Bash],
        in_haste: InHaste::Runs,
        run: latency::run,
    },
    Part {
        name: "queue_sessions",
        title: "Delegated sessions in line",
        about: "A session waits as a command does, under a runner of its own, and dozens of them may wait: what they use in \
                that time, and whether one overtakes another. A script plays their Claude Code, so that only ours is measured.",
        beside: &[Tool::Bash],
        in_haste: InHaste::Runs,
        run: sessions::run,
    },
    Part {
        name: "history",
        title: "A long history",
        about: "Finished tasks are kept, so what comes after thousands of them should cost what it cost after ten.",
        beside: &[Tool::Bash],
        in_haste: InHaste::Runs,
        run: history::run,
    },
    Part {
        name: "install",
        title: "Installing",
        about: "`install.sh` compiles the plugin on the user's machine, and the user waits for that before the first task.",
        beside: &[Tool::Rust],
        in_haste: InHaste::LeftOut,
        run: install::run,
    },
];
