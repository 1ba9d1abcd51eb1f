//! What is on its way to the model: results, and lines of running tasks.

use chrono::{DateTime, Utc};
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_tasks::delivery::{Channel, Delivery};
use sisyphus_tasks::matches::PREDICATE;
use sisyphus_tasks::outcome::PREDICATES;
use sisyphus_tasks::recipient::Recipient;
use sisyphus_tasks::task::Task;

use super::Active;

/// A result that went out, or lines of a running task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub task: TaskId,
    /// Whose transcript has it.
    pub to: Recipient,
    pub at: DateTime<Utc>,
    pub with: Channel,
    pub what: News,
}

/// What there is to read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    Result,
    Lines,
}

impl Sent {
    /// How its report goes on behind the name of the task, in one of these ways.
    pub fn words(&self) -> &'static [&'static str] {
        match self.what {
            News::Result => &PREDICATES,
            News::Lines => &[PREDICATE],
        }
    }

    /// What was sent of this task and is not known to be read.
    pub fn of(task: &Task) -> Vec<Self> {
        let agent = task.agent.as_ref().filter(|_| !task.is_for(&Recipient::MainConversation));
        let to = agent.map_or(Recipient::MainConversation, |it| Recipient::Agent(it.clone()));
        let of_task =
            |what, at, with| Self { task: task.id.clone(), to: to.clone(), at, with, what };
        let result = if let Delivery::Sent { at, with, .. } = task.delivery() {
            Some(of_task(News::Result, *at, *with))
        } else {
            None
        };
        let lines = task.matches.iter().flat_map(|matches| matches.sent());
        let lines = lines.map(|(at, with)| of_task(News::Lines, at, with));
        result.into_iter().chain(lines).collect()
    }
}

impl Active {
    /// The processes that are about to print something, or died before they acknowledged it.
    pub fn lease_holders(&self) -> impl Iterator<Item = &ProcessRef> {
        self.tasks.iter().flat_map(|task| {
            let result =
                if let Delivery::Leased { by, .. } = task.delivery() { Some(by) } else { None };
            result.into_iter().chain(task.matches.iter().flat_map(|matches| matches.holders()))
        })
    }

    /// What was sent to this session and is not known to be read.
    pub fn sent(&self, session: &SessionId) -> Vec<Sent> {
        self.tasks.iter().filter(|task| &task.session == session).flat_map(Sent::of).collect()
    }
}
