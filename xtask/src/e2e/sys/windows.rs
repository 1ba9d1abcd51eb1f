//! On Windows the harness compiles, so that the workspace checks there, but it can't run Claude Code yet.

use std::process::Command;

pub(crate) fn is_root() -> bool {
    false
}

pub(crate) fn user_id() -> u32 {
    0
}

pub(crate) fn own_group(_command: &mut Command) {}

pub(crate) fn terminate_group(_leader: u32) {}

pub(crate) fn kill_group(_leader: u32) {}

pub(crate) fn kill_process(_id: u32) {}

pub(crate) fn is_alive(_id: u32) -> bool {
    false
}

pub(crate) fn started_with(_variable: &str) -> Vec<u32> {
    Vec::new()
}
