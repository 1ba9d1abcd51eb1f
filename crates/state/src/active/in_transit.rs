//! What is on its way to the model: results, and lines of running tasks.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_base::id::{AgentId, SessionId, TaskId};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_tasks::delivery::{Channel, Delivery};
use sisyphus_tasks::matches::PREDICATE;
use sisyphus_tasks::outcome::PREDICATES;
use sisyphus_tasks::recipient::AgentLife;
use sisyphus_tasks::task::{Kind, Task};

use super::Active;

/// A result that went out, or lines of a running task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub task: TaskId,
    pub to: SentTo,
    pub at: DateTime<Utc>,
    pub with: Channel,
    /// The Claude Code that got it.
    pub client: Option<ProcessRef>,
    pub what: News,
}

/// The conversation that got it, and whose transcript has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentTo {
    MainConversation,
    Agent { id: AgentId, life: AgentLife },
}

/// The last prompt that results went out with. If the same one comes again, Claude Code has put it back into its queue, and
/// the model has read neither (CC-96).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carrier {
    /// A hash of the text. Another version of the standard library may hash otherwise, and then finds no prompt again.
    prompt: u64,
    pub at: DateTime<Utc>,
}

impl Carrier {
    pub fn new(prompt: &str, at: DateTime<Utc>) -> Self {
        Self { prompt: hash(prompt), at }
    }

    pub fn is(&self, prompt: &str) -> bool {
        self.prompt == hash(prompt)
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
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
        let to = |with| match (with, &task.agent) {
            (Channel::AgentEvent, Some(id)) => {
                SentTo::Agent { id: id.clone(), life: task.agent_life }
            }
            (Channel::Prompt | Channel::Event, _) | (Channel::AgentEvent, None) => {
                SentTo::MainConversation
            }
        };
        let of_task = |what, at, with, client: Option<&ProcessRef>| {
            let (task, client) = (task.id.clone(), client.cloned());
            Self { task, to: to(with), at, with, client, what }
        };
        let result = if let Delivery::Sent { at, with, client, .. } = task.delivery() {
            Some(of_task(News::Result, *at, *with, client.as_ref()))
        } else {
            None
        };
        let lines = task.matches.iter().flat_map(|matches| matches.sent());
        let lines = lines.map(|(at, with, client)| of_task(News::Lines, at, with, client));
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

    /// The last prompt of this session that results went out with.
    pub fn carrier(&self, session: &SessionId) -> Option<Carrier> {
        self.sessions.get(session)?.carrier
    }

    /// Results go out with this prompt.
    pub fn carried(&mut self, session: &SessionId, carrier: Carrier) {
        self.book(session).carrier = Some(carrier);
    }

    /// What was sent to this session and is not known to be read.
    pub fn sent(&self, session: &SessionId) -> Vec<Sent> {
        let of_session = self.tasks.iter().filter(|task| &task.session == session);
        let mut sent: Vec<Sent> = of_session.flat_map(Sent::of).collect();
        for it in &mut sent {
            if let SentTo::Agent { id, life: life @ AgentLife::Stopped } = &mut it.to
                && self.runs_agent(id)
            {
                *life = AgentLife::Lives;
            }
        }
        sent
    }

    /// Whether this agent is known to run. One that has stopped runs again when it gets a message, or when its own
    /// work has ended. What it started before stays with the main conversation.
    fn runs_agent(&self, agent: &AgentId) -> bool {
        self.live().any(|task| {
            task.kind == Kind::Agent
                && task.client_id().is_some_and(|id| id.as_str() == agent.as_str())
        })
    }
}
