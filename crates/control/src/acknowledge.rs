//! Acknowledges a result: one that its recipient has read counts as delivered.

use anyhow::Result;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::client_tmp_dir;
use sisyphus_state::event::Event;
use sisyphus_state::requester::Requester;
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_tasks::task::{Kind, Task};

use crate::tasks::world;

/// Counts the result of a finished task as delivered, if `reader` is its recipient. Then the model that asked for the
/// result is not notified of it again, and a later notice of Claude Code costs no turn.
pub fn acknowledge(store: &Store, task: &Task, reader: Option<&Requester>) -> Result<()> {
    let is_meant = reader.is_some_and(|reader| reader.awaits(task)) && task.status().is_final();
    // Claude Code reports the end of an agent.
    if !is_meant || task.delivery().is_settled() || task.kind == Kind::Agent {
        return Ok(());
    }
    let read = Event::Read { task: task.id.clone(), revision: task.revision() };
    let tmp = client_tmp_dir(&Environment::read());
    store.apply(&read, &world(&tmp), LOCK_WAIT_IN_RUNNER)
}

/// The caller, by the environment that Claude Code gives to the processes that it starts; `None` outside of Claude
/// Code. The environment does not name the conversation within the session, so this is the main one, as in most cases.
pub fn own_requester() -> Option<Requester> {
    Environment::read().session.map(Requester::main)
}
