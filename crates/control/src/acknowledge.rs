//! Counting a result as told that was read by whoever it is owed to.

use anyhow::Result;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::client_tmp_dir;
use sisyphus_state::event::Event;
use sisyphus_state::requester::Requester;
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_tasks::task::Task;

use crate::tasks::world;

/// Counts the whole result of a task that has ended as delivered, if `reader` is who it is owed to: the model that asked
/// for it need not be told again, and what the client announces later costs no turn.
pub fn acknowledge(store: &Store, task: &Task, reader: Option<&Requester>) -> Result<()> {
    let is_meant = reader.is_some_and(|reader| reader.awaits(task)) && task.status().is_final();
    if !is_meant || task.delivery().is_settled() {
        return Ok(());
    }
    let read = Event::Read { task: task.id.clone(), revision: task.revision() };
    let tmp = client_tmp_dir(&Environment::read());
    store.apply(&read, &world(&tmp), LOCK_WAIT_IN_RUNNER)
}

/// Who calls, by the environment that the client gives to what it starts; `None` outside of it. Which conversation of
/// the session it is can't be told: the main one is taken for it, as most are.
pub fn own_requester() -> Option<Requester> {
    Environment::read().session.map(Requester::main)
}
