//! The line for slots: how many are busy, how many commands are queued, and which slots another configuration folder holds.

use sisyphus_process::is_alive;
use sisyphus_state::line::Snapshot;
use sisyphus_wording::{counted, elsewhere};

use super::context::DoctorContext;
use super::finding::{Finding, error_text};

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let line = match Snapshot::read(&context.environment, is_alive) {
        Ok(line) => line,
        Err(error) => {
            let remedy = "repair it: until then no command waits for a slot";
            return vec![Finding::broken(error_text(&error), remedy)];
        }
    };
    let busy = counted(line.holders.len(), "slot is busy", "slots are busy");
    let queued = counted(line.waiters.len(), "command is queued", "commands are queued");
    let others = elsewhere(&line).into_iter().map(|it| format!("; in a slot: {it}"));
    vec![Finding::fine(format!("{busy}, {queued}{}", others.collect::<String>()))]
}
