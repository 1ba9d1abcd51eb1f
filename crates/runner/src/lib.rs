//! `sisyphus-run`: attaches to a background command from inside Claude Code's own shell call.
//!
//! The [snippet](sisyphus_attach::snippet) calls it twice. `claim`, a child of the shell, decides whether this shell
//! runs an announced call. `run` replaces the shell, starts the command, and exits as the command exited.
//!
//! `session` supervises a delegated session instead: a headless Claude Code that it starts.

mod claim;
mod confirmation;
mod handoff;
mod identity;
mod live_settings;
mod overtake;
mod publish;
mod record;
mod run;
mod session;
mod shell_options;
mod slots;
mod supervise;
mod turn;

pub use claim::claim;
pub use run::run;
pub use session::session;
