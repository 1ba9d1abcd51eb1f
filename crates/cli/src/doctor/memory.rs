//! The user's memory limit: whether a command that starts from here could be held to it.

use sisyphus_process::MemoryGroup;

use super::context::DoctorContext;
use super::finding::Finding;

const KEY: &str = "`sisyphus.memory_limit_mb`";

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let Some(mb) = context.layers.settings().memory_limit_mb else { return Vec::new() };
    vec![match MemoryGroup::is_possible() {
        Ok(()) => Finding::fine(format!("commands that start from here are limited to {mb} MB")),
        Err(lack) => Finding::note(
            format!("{KEY} is not in force from here: {}", lack.sentence()),
            if lack.is_cured_by_scope() {
                "start Claude Code with `systemd-run --user --scope claude`"
            } else {
                "commands run without the limit; `sisyphus show` says so for each"
            },
        ),
    }]
}
