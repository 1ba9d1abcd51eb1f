//! Tasks that outlive the conversation that asked for them: delegated sessions, and commands that the user keeps.

use std::path::Path;

use sisyphus_base::clock::Tick;
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_tasks::delivery::{Delivery, DeliveryEvent};
use sisyphus_tasks::survival::Survival;
use sisyphus_tasks::task::{Kind, Task};

use super::{Active, SessionBook};

impl Active {
    /// The tasks of this project that belong to a conversation that is over: those whose result is owed to it, and kept
    /// commands that run on.
    pub fn orphaned<'a>(
        &'a self,
        project: &'a Path,
        is_gone: impl Fn(&ProcessRef) -> bool + 'a,
    ) -> impl Iterator<Item = &'a Task> {
        let is_orphaned = move |task: &&Task| {
            is_left(task) && is_of(task, project) && self.is_over(task, &is_gone)
        };
        self.tasks.iter().filter(is_orphaned)
    }

    /// Whether the conversation that a task belongs to has ended, or is in no Claude Code any more: neither in the one that
    /// made the call nor in the last one that resumed it since.
    fn is_over(&self, task: &Task, is_gone: impl Fn(&ProcessRef) -> bool) -> bool {
        let book = self.sessions.get(&task.session);
        if book.is_some_and(|book| book.ended.is_some()) {
            return true;
        }
        let called = Tick(task.ticket.0);
        let has_resumed = |book: &&SessionBook| book.resumed.is_some_and(|at| at > called);
        let is_known_gone = |client: Option<&ProcessRef>| client.is_some_and(&is_gone);
        is_known_gone(caller(task))
            && book.filter(has_resumed).is_none_or(|book| is_known_gone(book.resumed_by.as_ref()))
    }

    /// Gives these tasks to another conversation, of this Claude Code if it is known, unless one that is not in `over`
    /// has adopted them since. It keeps results until they are printed, however old they are. The former one may have read a
    /// result that was sent.
    pub(crate) fn adopt(
        &mut self,
        ids: &[TaskId],
        over: &[SessionId],
        by: &SessionId,
        client: Option<ProcessRef>,
        now: Tick,
    ) {
        let is_meant = |task: &&mut Task| {
            ids.contains(&task.id) && over.contains(&task.session) && is_left(task)
        };
        let mut adopted = 0;
        for task in self.tasks.iter_mut().filter(is_meant) {
            task.deliver(DeliveryEvent::Unconfirmed, now);
            if let Some(matches) = &mut task.matches {
                matches.doubt(now);
            }
            task.transfer(by);
            task.release();
            task.left_at = None;
            adopted += 1;
        }
        if adopted > 0 {
            let book = self.book(by);
            (book.resumed, book.resumed_by) = (Some(now), client);
        }
    }
}

/// Whether another conversation may need it.
fn is_left(task: &Task) -> bool {
    let is_sent = matches!(task.delivery(), Delivery::Sent { .. });
    is_sent || task.delivery().is_open() || task.outlives_session()
}

/// Whether it is a delegated session of this project, or a kept command in a folder of it.
pub(crate) fn is_of(task: &Task, project: &Path) -> bool {
    let session = task.delegated.as_ref().filter(|_| task.kind == Kind::Session);
    let is_kept = task.survival == Survival::Kept && task.cwd.starts_with(project);
    is_kept || session.is_some_and(|session| session.project == project)
}

/// The Claude Code that asked for it.
pub(crate) fn caller(task: &Task) -> Option<&ProcessRef> {
    match &task.delegated {
        Some(session) => session.caller.as_ref(),
        None => task.client.as_ref()?.process.as_ref(),
    }
}

#[cfg(test)]
mod tests {
    use sisyphus_base::clock::Now;
    use sisyphus_tasks::delivery::{Attempt, Channel};
    use sisyphus_tasks::outcome::Outcome;
    use sisyphus_tasks::status::{Status, Watch};
    use sisyphus_tasks::task::samples::{delegated, finished, in_status, pending};

    use super::*;

    const HOME: &str = "/home/dev/proj";

    fn process(pid: i32) -> ProcessRef {
        ProcessRef { pid, start: Some(1), namespace: None }
    }

    fn named(id: &str) -> SessionId {
        SessionId::new(id).unwrap()
    }

    /// A finished session whose caller has this number.
    fn session(id: &str, caller: i32) -> Task {
        let mut task = delegated(finished(id, Outcome::Completed), None);
        task.delegated.as_mut().unwrap().caller = Some(process(caller));
        task.session = named(&format!("of-{id}"));
        task
    }

    /// The orphans, if the process 7 alone is gone.
    fn orphans(active: &Active, project: &str) -> Vec<String> {
        let found = active.orphaned(Path::new(project), |process| process.pid == 7);
        found.map(|task| task.id.to_string()).collect()
    }

    #[test]
    fn an_orphan_belongs_to_a_conversation_that_is_over() {
        let mut active = Active::default();
        let unknown = |id| {
            let mut task = session(id, 1);
            task.delegated.as_mut().unwrap().caller = None;
            task
        };
        for task in [
            session("gone", 7),
            session("lives", 1),
            session("ended", 1),
            session("resumed", 7),
            unknown("unknown"),
            delegated(pending("unfinished", 3), None),
        ] {
            active.insert(task);
        }
        active.end_session(&named("of-ended"), Tick(5));
        let resume = |active: &mut Active, tick, client| {
            let now = Now { tick: Tick(tick), at: chrono::Utc::now() };
            active.resume_session(&named("of-resumed"), client, now);
        };
        for client in [None, Some(process(1))] {
            resume(&mut active, 5, client);
            assert_eq!(orphans(&active, HOME), ["gone", "ended"]);
        }
        assert_eq!(orphans(&active, "/home/dev/other"), [""; 0]);
        active.end_session(&named("of-resumed"), Tick(6));
        assert_eq!(orphans(&active, HOME), ["gone", "ended", "resumed"]);
        // The Claude Code that resumed it was killed, and that of another one, whose caller lives.
        resume(&mut active, 7, Some(process(7)));
        let now = Now { tick: Tick(7), at: chrono::Utc::now() };
        active.resume_session(&named("of-lives"), Some(process(7)), now);
        assert_eq!(orphans(&active, HOME), ["gone", "ended", "resumed"]);
    }

    /// A kept command is given away while it runs, from a folder of the project.
    #[test]
    fn a_kept_command_is_left_running() {
        let mut active = Active::default();
        for (id, survival, cwd) in [
            ("kept", Survival::Kept, "/home/dev/proj/web"),
            ("other", Survival::EndsWithSession, HOME),
            ("elsewhere", Survival::Kept, "/home/dev/project"),
        ] {
            let mut task = in_status(
                pending(id, 3),
                Status::Running { started_at: chrono::Utc::now(), watch: Watch::Supervised },
            );
            (task.survival, task.cwd, task.session) = (survival, cwd.into(), named("old"));
            active.insert(task);
        }
        assert_eq!(orphans(&active, HOME), [""; 0]);
        active.end_session(&named("old"), Tick(5));
        assert_eq!(orphans(&active, HOME), ["kept"]);
        // The conversation may not have read this line.
        let matches = active.tasks[0].matches.insert(Box::default());
        matches.listens("on port 1", Tick(6));
        matches.lease(&process(3), |_| true).unwrap();
        matches.printed(&process(3), Channel::Event, chrono::Utc::now(), None);
        let (ids, over) = ([TaskId::new("kept").unwrap()], [named("old")]);
        active.adopt(&ids, &over, &named("new"), Some(process(1)), Tick(9));
        let kept = active.task_mut(&ids[0]).unwrap().matches.as_mut().unwrap();
        let (found, attempt) = kept.lease(&process(4), |_| true).unwrap();
        assert_eq!((found.address.as_deref(), attempt), (Some("on port 1"), Attempt::Redelivery));
        assert_eq!(orphans(&active, HOME), [""; 0]);
        active.end_session(&named("new"), Tick(10));
        assert_eq!(orphans(&active, HOME), ["kept"], "the next session ends too");
    }

    /// What another conversation has read meanwhile is not given away.
    #[test]
    fn only_an_unread_result_is_adopted() {
        let mut active = Active::default();
        let mut read = session("read", 7);
        let (revision, at) = (read.revision(), chrono::Utc::now());
        read.deliver(DeliveryEvent::Read { revision }, Tick(2));
        let mut sent = session("sent", 7);
        let (by, channel) = (process(3), Channel::Event);
        sent.deliver(DeliveryEvent::Leased { by: by.clone() }, Tick(2));
        sent.deliver(DeliveryEvent::Printed { by, revision, channel, at, client: None }, Tick(2));
        for task in [read, sent, session("owed", 7)] {
            active.insert(task);
        }
        let ids = ["read", "owed", "sent"].map(|id| TaskId::new(id).unwrap());
        let over = ["of-read", "of-owed", "of-sent"].map(named);
        active.adopt(&ids, &over, &named("new"), None, Tick(9));
        let of = |id: &TaskId| active.task(id).unwrap().session.to_string();
        assert_eq!(ids.each_ref().map(of), ["of-read", "new", "new"]);
        // The conversation that is over may have read it.
        let attempt = Attempt::Redelivery;
        let again = Delivery::Owed { since: Tick(9), attempt };
        assert_eq!(active.task(&ids[2]).unwrap().delivery(), &again);
        // It is not an orphan of its new conversation, until that one's Claude Code is killed.
        assert_eq!(orphans(&active, HOME), [""; 0]);
        active.adopt(&ids, &[named("new")], &named("newer"), Some(process(7)), Tick(10));
        assert_eq!(orphans(&active, HOME), ["sent", "owed"]);
        // Another one has started together with it, and saw what it saw.
        active.adopt(&ids, &over, &named("beside"), Some(process(1)), Tick(11));
        assert_eq!(active.task(&ids[1]).unwrap().session, named("newer"));
    }
}
