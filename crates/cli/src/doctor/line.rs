//! The line for slots: how many are held, how many commands wait, and which slots another configuration folder holds.

use sisyphus_process::is_alive;
use sisyphus_state::line::Snapshot;
use sisyphus_wording::elsewhere;

use super::context::DoctorContext;
use super::finding::{Finding, plain};

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let line = match Snapshot::read(&context.environment, is_alive) {
        Ok(line) => line,
        Err(error) => {
            let said = plain(&format!("{error:#}"));
            return vec![Finding::broken(
                said,
                "repair it: until then no command waits for a slot",
            )];
        }
    };
    let held = match line.holders.len() {
        1 => "1 slot is held".to_owned(),
        count => format!("{count} slots are held"),
    };
    let waiting = match line.waiters.len() {
        1 => "1 command waits".to_owned(),
        count => format!("{count} commands wait"),
    };
    let others = elsewhere(&line).into_iter().map(|it| format!("; in a slot: {it}"));
    vec![Finding::fine(format!("{held}, {waiting}{}", others.collect::<String>()))]
}
