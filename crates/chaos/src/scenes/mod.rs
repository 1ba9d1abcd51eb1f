//! The scenes. Each repeats what once revealed a fault.

mod attack;
mod calls;
mod clients;
mod lock;
mod tmp;

use anyhow::Result;

use super::stage::Stage;

/// One scene.
pub(super) struct Scene {
    pub(super) name: &'static str,
    /// How many commands may run at once.
    pub(super) limit: usize,
    pub(super) play: fn(&Stage) -> Result<()>,
}

const fn scene(name: &'static str, limit: usize, play: fn(&Stage) -> Result<()>) -> Scene {
    Scene { name, limit, play }
}

/// All of them.
pub(super) const SCENES: &[Scene] = &[
    scene("limit-16", 2, |stage| calls::crowd(stage, 1, 16)),
    scene("limit-24", 2, |stage| calls::crowd(stage, 3, 24)),
    scene("limit-40", 2, |stage| calls::crowd(stage, 4, 40)),
    scene("limit-200", 2, |stage| calls::crowd(stage, 4, 200)),
    scene("equal", 5, calls::equal),
    scene("twins", 2, calls::twins),
    scene("held-lock", 5, lock::held),
    scene("equal-held-lock", 5, lock::held_for_equal),
    scene("withheld", 5, clients::withheld),
    scene("resume", 5, clients::resumed),
    scene("subagent", 5, clients::subagent),
    scene("tmp-removed", 5, tmp::removed),
    scene("tmp-full", 5, tmp::full),
    scene("attack-result", 5, attack::plant_result),
    scene("attack-limit", 5, attack::shorten_limit),
    scene("attack-stall", 2, attack::stall),
    scene("attack-slots", 2, attack::lift_limit),
    scene("attack-files", 2, attack::hold_all),
    scene("attack-remove", 5, attack::remove_all),
    scene("attack-lock", 5, attack::hold_state),
];
