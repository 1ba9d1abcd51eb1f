//! Reports, once, the line by which a service says where it listens. So no model polls for it.
//!
//! The hooks and the waiter look, because only they know when the model can read it. Where no service runs, this costs
//! nothing.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sisyphus_base::clock::Now;
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::text::clean_line;
use sisyphus_hook::Context;
use sisyphus_service::says_where_it_listens;
use sisyphus_state::output::Source;
use sisyphus_state::store::Active;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};

use crate::deliver::Recipient;

/// How much of an output is searched, from its beginning, in bytes. A service says such a line early.
const SEARCHED: usize = 64 * 1024;
/// How long after its start a service is looked at. A cold build may come first.
const LOOKED_AT: Duration = Duration::from_secs(15 * 60);
/// How often the waiter looks during the first minute of a service, and later.
const LOOK: Duration = Duration::from_secs(1);
const LATER_LOOK: Duration = Duration::from_secs(5);
const FIRST: Duration = Duration::from_secs(60);
/// Longest line that is kept, in characters.
const LINE_MAX: usize = 300;

/// Services and the lines by which they say where they listen.
#[derive(Debug, Default)]
pub(crate) struct Addresses(Vec<(TaskId, String)>);

impl Addresses {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Records them. Of two hooks that found the same line, the second one changes nothing.
    pub(crate) fn apply(&self, active: &mut Active, now: Now) {
        for (id, line) in &self.0 {
            if let Some(task) = active.task_mut(id) {
                task.matches.get_or_insert_default().listens(line, now.tick);
            }
        }
    }
}

/// What the services of this reader have said that is not recorded yet.
pub(crate) fn new_addresses(
    context: &Context,
    active: &Active,
    session: &SessionId,
    to: &Recipient,
) -> Addresses {
    let silent = active.live().filter(|it| age(it, session, to, context.now.at).is_some());
    let found = silent.filter_map(|task| Some((task.id.clone(), address(context, task)?)));
    Addresses(found.collect())
}

/// When the waiter looks again.
pub(crate) fn next_look(
    active: &Active,
    session: &SessionId,
    to: &Recipient,
    now: DateTime<Utc>,
) -> Option<Duration> {
    let ages = active.live().filter_map(|task| age(task, session, to, now));
    let youngest = ages.min()?;
    Some(if youngest < FIRST { LOOK } else { LATER_LOOK })
}

/// How long a service runs that has not said where it listens; `None` for any other task, and for one that is not looked at
/// any more.
fn age(task: &Task, session: &SessionId, to: &Recipient, now: DateTime<Utc>) -> Option<Duration> {
    let Status::Running { started_at, .. } = task.status() else { return None };
    let is_meant = task.kind == Kind::Service && &task.session == session && task.is_for(to);
    let has_said = task.matches.as_ref().is_some_and(|it| it.address().is_some());
    if !is_meant || has_said || !task.is_confirmed() {
        return None;
    }
    let age = (now - *started_at).to_std().unwrap_or_default();
    (age < LOOKED_AT).then_some(age)
}

/// The line of the output that says where the service listens.
fn address(context: &Context, task: &Task) -> Option<String> {
    let mut source = Source::open(task, context.store.dir(), context.client_tmp())?;
    let begin = source.beginning(task, SEARCHED).ok()?;
    // A line that is still being written may be about to name another port.
    let whole = &begin[..=begin.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'))?];
    let lines = whole.split(|byte| matches!(byte, b'\n' | b'\r'));
    let mut clean = lines.map(|line| clean_line(line, LINE_MAX));
    let found = clean.find(|line| says_where_it_listens(line))?;
    Some(found.trim().to_owned())
}
