//! `sisyphus-run`: gets under a background command from inside the client's own shell call.
//!
//! The [snippet](sisyphus_attach::snippet) calls it twice: `claim`, as a child of the shell, finds out whether this shell
//! runs an announced call; `run` takes the shell's place, starts the command, and ends as the command ended.

mod claim;
mod confirmation;
mod handoff;
mod identity;
mod live_settings;
mod overtake;
mod publish;
mod record;
mod run;
mod supervise;
mod turn;

pub use claim::claim;
pub use run::run;
