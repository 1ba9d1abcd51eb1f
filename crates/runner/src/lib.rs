//! `sisyphus-run`: attaches to a background command from inside Claude Code's own shell call.
//!
//! The [snippet](sisyphus_attach::snippet) calls it twice. `claim`, a child of the shell, decides whether this shell
//! runs an announced call. `run` replaces the shell, starts the command, and exits as the command exited.
//!
//! `session` supervises a delegated session instead: a headless Claude Code that it starts. `command` supervises a
//! command that a person runs in a terminal.

mod capacity_watch;
mod claim;
mod command;
mod confirmation;
mod handoff;
mod identity;
mod kept;
mod live_settings;
mod memory;
mod overtake;
mod own_run;
mod publish;
mod queues;
mod record;
mod result_file;
mod run;
mod session;
mod shell_options;
mod slots;
mod supervise;
mod turn;

pub use claim::claim;
pub use command::command;
pub use run::run;
pub use session::session;

/// Answers the process that asked for a task.
fn say(line: &str) {
    use std::io::Write as _;
    #[expect(clippy::disallowed_methods, reason = "the pipe to the process that asked")]
    let mut stdout = std::io::stdout();
    // That process may be gone. The task goes on.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
