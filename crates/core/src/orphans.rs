//! A command that only a client watched that is gone: killed, crashed, or down with the machine. It may run on, and
//! nobody will ever tell of its end.

use std::path::Path;

use crate::output::{KeptOutput, clients_file, keep_observed};
use crate::paths::StateDir;
use crate::status::{Status, Watch};
use crate::store::Claimer;
use crate::sys;
use crate::task::Task;

/// What can be said here of clients and their files.
#[derive(Debug, Clone, Copy)]
pub struct Clients<'a> {
    /// Whether a client's process is known to run no more.
    pub is_gone: fn(&Claimer) -> bool,
    /// Where a client keeps its files, for a task that does not say.
    pub tmp: &'a Path,
}

impl Clients<'_> {
    /// Whether nobody will tell of the task's end. An agent has its own books.
    pub(crate) fn have_left(&self, task: &Task) -> bool {
        // A supervised command has its runner, and one that is pending may still get one.
        if !matches!(task.status, Status::Running { watch: Watch::Observed, .. }) {
            return false;
        }
        let watcher = task.client.as_ref().and_then(|client| client.process.as_ref());
        task.launched.is_none() && is_orphan(watcher, task.host.as_ref(), &self.is_gone)
    }

    /// Keeps what such a command has printed so far. The client's file of it goes with the temporary folder.
    pub(crate) fn keep_output(&self, task: &Task, state: &StateDir) -> Option<KeptOutput> {
        let mut file = clients_file(task, self.tmp)?;
        state.create_output_dir().ok()?;
        keep_observed(&mut file, &state.output(&task.id)).ok()
    }
}

/// Whether a client is known to be gone, by its process and by the machine that this ran on.
pub(crate) fn is_orphan(
    process: Option<&Claimer>,
    host: Option<&String>,
    is_gone: &impl Fn(&Claimer) -> bool,
) -> bool {
    // The process numbers of another machine mean nothing here.
    host == sys::host().as_ref() && process.is_some_and(is_gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::AgentCall;
    use crate::id::ClientTaskId;
    use crate::task::tests::pending;
    use crate::task::{Client, Witness};

    #[test]
    fn only_what_nobody_else_watches_is_an_orphan() {
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let running = |watch| Status::Running { started_at: now, watch };
        let elsewhere = || Some("elsewhere".to_owned());
        let cases = [
            (running(Watch::Observed), 1, sys::host(), None, true),
            // Its client lives.
            (running(Watch::Observed), 2, sys::host(), None, false),
            (running(Watch::Observed), 1, elsewhere(), None, false),
            (running(Watch::Observed), 1, sys::host(), Some(AgentCall::default()), false),
            (running(Watch::Supervised), 1, sys::host(), None, false),
            (Status::Pending { announced_at: now }, 1, sys::host(), None, false),
            (Status::Queued { queued_at: now }, 1, sys::host(), None, false),
        ];
        let clients = Clients { is_gone: |process| process.pid == 1, tmp: Path::new("/") };
        for (status, pid, host, launched, expected) in cases {
            let process = Some(Claimer { pid, start: None, namespace: None });
            let id = ClientTaskId::new("b1").unwrap();
            let client = Some(Client { process, ..Client::new(id, Witness::Client) });
            let name = format!("{status:?} {pid} {host:?} {launched:?}");
            let task = Task { client, host, launched, status, ..pending("t1", 1) };
            assert_eq!(clients.have_left(&task), expected, "{name}");
        }
    }
}
