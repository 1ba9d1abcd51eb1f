//! `sisyphus show`.

use anyhow::Result;
use serde_json::json;
use sisyphus_control::{Reach, Tasks, count_as_told, own_asker};
use sisyphus_core::notice::{command_line, heading, report};
use sisyphus_core::status::Status;
use sisyphus_core::task::Task;

use crate::args::{Format, Show};
use crate::print;
use crate::view::{VERSION, View};

/// How many last lines of the output are shown.
const LINES: usize = 20;

/// Prints one task.
pub(crate) fn show(options: &Show) -> Result<()> {
    let tasks = Tasks::read(Reach::Archive, print::warn)?;
    let task = tasks.find(&options.task)?;
    let state = tasks.store.dir();
    if options.format() == Format::Json {
        return print::json(&json!({ "version": VERSION, "task": View::of(task, state) }));
    }
    match &task.status {
        Status::Finished(_) => {
            let asked = task.launched.as_ref().map(|_| asked(task)).unwrap_or_default();
            print::out(&format!("{}{asked}", report(task, state, LINES)))?;
            // Best effort: at worst it is told once more.
            let _ = count_as_told(&tasks.store, task, own_asker().as_ref());
            Ok(())
        }
        status @ (Status::Pending { .. } | Status::Queued { .. } | Status::Running { .. }) => {
            let named = format!("{} is {}.\n", heading(task), status.word());
            print::out(&format!("{named}{}", asked(task)))
        }
    }
}

/// What was asked for.
fn asked(task: &Task) -> String {
    match &task.launched {
        Some(agent) => {
            let model = agent.model().map(|model| format!(", model {model}")).unwrap_or_default();
            format!("agent: {}{model}\nprompt: {}\n", agent.agent_type, agent.prompt)
        }
        None => format!("command: {}\n", command_line(&task.command)),
    }
}
