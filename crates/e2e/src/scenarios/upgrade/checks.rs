//! What must hold in the end: of the conversation, of the command line, of what hooks left.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::steps::count;
use super::task::{ALL, Task};
use super::{Play, SESSION};
use crate::scenarios::hook_records;

impl Play<'_> {
    /// Each of these was reported once, with its output; nothing else was reported, and nothing failed.
    pub(super) fn check_told(&self, tasks: &[Task]) -> Result<()> {
        let last = self.api.last()?;
        for task in tasks {
            for reported in [task.end(), format!("| {}", task.output())] {
                let count = count(&last, &reported);
                ensure!(
                    count == 1,
                    "`{}` was reported {count} times: {:#?}",
                    reported.trim(),
                    last.reminders()
                );
            }
        }
        let reports = count(&last, "\") failed with exit code ");
        ensure!(reports == tasks.len(), "{reports} ends were reported: {:#?}", last.reminders());
        let reminders = last.reminders().join("\n");
        for wrong in [" lost", "exit code unknown", "[exited with code"] {
            ensure!(!reminders.contains(wrong), "`{wrong}` is reported: {reminders}");
        }
        let failed: Vec<_> = last.tool_results().into_iter().filter(|it| it.is_error).collect();
        ensure!(failed.is_empty(), "a call failed: {failed:?}");
        Ok(())
    }

    /// The command line lists every task with its exit code, and has its output.
    pub(super) fn check_command_line(&self) -> Result<()> {
        let listed = self.listed()?;
        ensure!(listed.len() == ALL.len(), "{} tasks are listed: {listed:?}", listed.len());
        for task in ALL {
            let listed = self.find(task)?.with_context(|| format!("`{}` is missing", task.name))?;
            let id = listed["id"].as_str().context("a task has an id")?;
            let shown: Value = serde_json::from_str(&self.home.sisyphus(&["show", id, "--json"])?)?;
            for shown in [&listed, &shown["task"]] {
                ensure!(
                    shown["status"] == "failed" && shown["exit_code"] == task.exit_code,
                    "`{}` is shown as {shown:#}",
                    task.name
                );
            }
            let kept = listed["output_file"].as_str().map(Path::new);
            ensure!(
                kept.is_some_and(|kept| kept.starts_with(self.home.state())),
                "the output of `{}` is kept in {kept:?}",
                task.name
            );
            let output = self.home.sisyphus(&["output", id])?;
            ensure!(output == task.output(), "`{}` has printed: {output}", task.name);
        }
        Ok(())
    }

    /// Neither the plugin nor Claude Code noted that a hook failed.
    pub(super) fn check_logs(&self) -> Result<()> {
        for state in [self.home.old_state(), self.home.state()] {
            let log = fs::read_to_string(state.join("hooks.log")).unwrap_or_default();
            ensure!(log.is_empty(), "`{}` says: {log}", state.display());
        }
        hook_records::check(self.home, SESSION)
    }
}
