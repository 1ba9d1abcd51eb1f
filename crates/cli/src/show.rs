//! `sisyphus show`.

use anyhow::Result;
use chrono::Utc;
use serde_json::json;
use sisyphus_core::environment::Environment;
use sisyphus_core::notice::{command_line, heading, report};
use sisyphus_core::status::Status;
use sisyphus_core::store::{LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_core::task::Task;

use crate::args::{Format, Reach, Show};
use crate::print;
use crate::tasks::Tasks;
use crate::view::{VERSION, View};

/// How many last lines of the output are shown.
const LINES: usize = 20;

/// Prints one task.
pub(crate) fn show(options: &Show) -> Result<()> {
    let tasks = Tasks::read(Reach::Archive)?;
    let task = tasks.find(&options.task)?;
    let state = tasks.store.dir();
    if options.format() == Format::Json {
        return print::json(&json!({ "version": VERSION, "task": View::of(task, state) }));
    }
    match &task.status {
        Status::Finished(_) => {
            print::out(&report(task, state, LINES))?;
            count_as_told(&tasks.store, task);
            Ok(())
        }
        status @ (Status::Pending { .. } | Status::Queued { .. } | Status::Running { .. }) => {
            let named = format!("{} is {}.\n", heading(task), status.word());
            print::out(&format!("{named}command: {}\n", command_line(&task.command)))
        }
    }
}

/// Read from inside its own session, a result is delivered: the model that asked for it need not be told again. Best
/// effort: at worst it is told once more.
fn count_as_told(store: &Store, task: &Task) {
    if Environment::read().session.as_ref() != Some(&task.session) {
        return;
    }
    let _ = store.update(LOCK_WAIT_IN_RUNNER, |transaction| {
        transaction.outbox(&task.session)?.settle(&task.id, Utc::now());
        Ok(())
    });
}
