//! Results that are owed to a session, and those that it was just given.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::{ClientTaskId, TaskId};
use crate::task::Task;

/// How many deliveries are remembered, to recognise a notice of the client that comes after ours.
const REMEMBERED: usize = 100;

/// `outbox/SESSION.json`. A session that never had a task has none, so a hook learns that from one failed `open`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outbox {
    #[serde(default)]
    pub(crate) version: u32,
    /// Finished tasks whose result the model has not been given, oldest first.
    #[serde(default)]
    pub owed: Vec<Task>,
    /// The newest deliveries.
    #[serde(default)]
    pub delivered: Vec<Delivered>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// A result that was given to the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    pub task: TaskId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientTaskId>,
    pub at: DateTime<Utc>,
}

impl Outbox {
    /// Adds a result, once.
    pub fn owe(&mut self, task: Task) {
        let known = self.delivered.iter().any(|delivered| delivered.task == task.id);
        if !known && !self.owed.iter().any(|owed| owed.id == task.id) {
            self.owed.push(task);
        }
    }

    /// Takes out every result that is `meant` and that the client itself called a background task.
    pub fn deliver(&mut self, now: DateTime<Utc>, meant: impl Fn(&Task) -> bool) -> Vec<Task> {
        let (ready, rest) = std::mem::take(&mut self.owed)
            .into_iter()
            .partition(|task: &Task| task.is_bound() && meant(task));
        self.owed = rest;
        let ready: Vec<Task> = ready;
        for task in &ready {
            self.remember(task, now);
        }
        ready
    }

    /// Notes that a result needs no delivery any more.
    pub fn remember(&mut self, task: &Task, now: DateTime<Utc>) {
        self.delivered.push(Delivered {
            task: task.id.clone(),
            client_id: task.client_id().cloned(),
            at: now,
        });
        let overflow = self.delivered.len().saturating_sub(REMEMBERED);
        self.delivered.drain(..overflow);
    }

    /// Whether the client's task was delivered already.
    pub fn has_delivered(&self, client_id: &ClientTaskId) -> bool {
        self.delivered.iter().any(|delivered| delivered.client_id.as_ref() == Some(client_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::tests::pending;
    use crate::task::{Client, Witness};

    fn bound(id: &str, said_by: Witness) -> Task {
        let mut task = pending(id, 1);
        task.client = Some(Client { id: ClientTaskId::new(format!("b{id}")).unwrap(), said_by });
        task
    }

    #[test]
    fn a_result_is_delivered_once_however_often_it_is_owed() {
        let mut outbox = Outbox::default();
        outbox.owe(bound("t1", Witness::Client));
        outbox.owe(bound("t1", Witness::Client));
        assert_eq!(outbox.deliver(Utc::now(), |_| true).len(), 1);
        outbox.owe(bound("t1", Witness::Client));
        assert_eq!(outbox.deliver(Utc::now(), |_| true).len(), 0);
        assert!(outbox.has_delivered(&ClientTaskId::new("bt1").unwrap()));
    }

    #[test]
    fn what_the_client_did_not_confirm_stays() {
        let mut outbox = Outbox::default();
        outbox.owe(bound("t1", Witness::Runner));
        assert!(outbox.deliver(Utc::now(), |_| true).is_empty());
        assert_eq!(outbox.owed.len(), 1);
    }

    #[test]
    fn the_memory_of_deliveries_is_bounded() {
        let mut outbox = Outbox::default();
        for number in 0..150 {
            outbox.remember(&bound(&format!("t{number}"), Witness::Client), Utc::now());
        }
        assert_eq!(outbox.delivered.len(), REMEMBERED);
        assert!(outbox.has_delivered(&ClientTaskId::new("bt149").unwrap()));
    }
}
