//! Delegates a session: checks what is asked for, by whom and from where, and starts its runner.
//!
//! A session never gets more rights than its caller. What can't be judged is refused.

mod ask;
mod budget;
mod caller;
mod continuation;
mod launch;
mod narrowing;
mod trust;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use sisyphus_base::environment::Environment;
use sisyphus_base::id::{SessionId, TaskId, Ticket};
use sisyphus_base::machine::Machine;
use sisyphus_base::paths::client_config_dir;
use sisyphus_process::{Supervises, client, find_client, runners_above};
use sisyphus_settings::{Settings, Switch};
use sisyphus_state::requester::Requester;
use sisyphus_state::sessions::{Conversation, PENDING_MAX, SessionRequest, count_unstarted};
use sisyphus_state::store::Store;
use sisyphus_tasks::recipient::Recipient;
use sisyphus_tasks::session::{AskedBy, Bypass, Delegated, PermissionMode};
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};

pub use ask::{Ask, WorktreeAsk};
pub use launch::Launched;
pub use trust::ensure_trusted;

use crate::delegate::ask::Form;
use crate::delegate::budget::Budget;
use crate::delegate::caller::Caller;
use crate::delegate::continuation::Continued;
use crate::tasks::WarningSink;

/// What asks for a session.
#[derive(Debug, Clone)]
pub enum Asker {
    Model(Requester),
    /// A person in a terminal, in this folder.
    Person {
        folder: PathBuf,
    },
}

/// Starts a session. Returns when its runner has recorded it.
///
/// # Errors
/// One sentence about what is wrong with the request, or why this caller may not delegate.
pub fn delegate(store: &Store, ask: Ask, asker: &Asker, warn: WarningSink) -> Result<Launched> {
    let environment = Environment::read();
    let project = match asker {
        Asker::Model(requester) => requester.project.clone().context(
            "could not delegate: Claude Code did not say which project this is; use `Agent` instead",
        )?,
        Asker::Person { folder } => folder.clone(),
    };
    let config = client_config_dir(&environment)?;
    let settings = Settings::read_in(&config, Some(&project));
    let depth = may_delegate(store, asker, &settings)?;
    let form = match asker {
        Asker::Model(_) => Form::Fields,
        Asker::Person { .. } => Form::Options,
    };
    let order = ask.checked(&settings, &project, form)?;
    let continued = match &order.continues {
        Some(name) => Some(Continued::find(name, &project, asker, warn)?),
        None => None,
    };
    let (asked_by, caller) = match asker {
        Asker::Model(requester) => {
            let bypass = match settings.delegate_bypass {
                Switch::On => Bypass::Inherited,
                Switch::Off => Bypass::Refused,
            };
            let mode = requester.mode.of_session(bypass);
            let before = continued.as_ref().and_then(|it| it.agent.as_deref());
            let agent = order.agent.as_deref().or(before);
            (AskedBy::Model { mode }, Caller::of_server(agent, &project)?)
        }
        Asker::Person { .. } => (AskedBy::Person, Caller::default()),
    };
    // The runner looks again when it starts Claude Code. But then the caller has its answer.
    find_client(&caller.program, &environment)?;
    let budget = Budget {
        asked: order.max_budget_usd,
        before_micro_usd: continued.as_ref().and_then(|it| it.budget_micro_usd),
        callers: caller.max_budget_usd,
    };
    let conversation =
        continued.as_ref().map_or_else(SessionId::random, |it| it.conversation.clone());
    let session = match asker {
        Asker::Model(requester) => requester.session.clone(),
        Asker::Person { .. } => conversation.clone(),
    };
    let mut delegated = Delegated {
        conversation,
        asked_by,
        project: project.clone(),
        prompt: String::new(),
        prompt_length: 0,
        agent: None,
        model: None,
        worktree: order.worktree.clone(),
        budget_micro_usd: budget.kept_micro_usd(),
        depth,
        continues: None,
        caller: match asker {
            Asker::Model(_) => client(),
            Asker::Person { .. } => None,
        },
        report: None,
    };
    delegated.set_prompt(&order.prompt);
    delegated.set_names(order.agent.as_deref(), order.model.as_deref());
    let mut cwd = project;
    let mut begins = Conversation::New;
    let mut restore_from = None;
    if let Some(continued) = continued {
        cwd = continued.folder;
        begins = Conversation::Continued { cost_micro_usd: continued.cost_micro_usd };
        restore_from = continued.restore_from;
        delegated.continues = Some(continued.task);
        delegated.worktree = continued.worktree;
        delegated.agent = delegated.agent.or(continued.agent);
        delegated.model = delegated.model.or(continued.model);
    }
    let status = Status::Pending { announced_at: chrono::Utc::now() };
    let mut task = Task::new(TaskId::random(), Ticket::now(), session, cwd, status);
    task.kind = Kind::Session;
    task.machine = Machine::here();
    task.description = order.description;
    task.limit_ms = Some(order.limit_ms);
    task.delegated = Some(Box::new(delegated));
    let request = SessionRequest {
        task,
        prompt: order.prompt,
        conversation: begins,
        client: caller.program,
        narrowing: caller.narrowing,
        restore_from,
        max_budget_usd: budget.dollars(&settings),
    };
    launch::launch(store, &request, &settings)
}

/// The permission mode of a session, if it is narrower than that of its caller.
pub fn narrowed_mode(requester: &Requester, task: &Task) -> Option<PermissionMode> {
    let AskedBy::Model { mode } = task.delegated.as_ref()?.asked_by else { return None };
    (mode < requester.mode).then_some(mode)
}

/// Returns the depth of the session, or why this caller may not delegate one.
fn may_delegate(store: &Store, asker: &Asker, settings: &Settings) -> Result<u32> {
    ensure!(
        settings.execution == Switch::On,
        "could not delegate: `sisyphus.background_execution` is off; switch it on in settings.json"
    );
    store.dir().create()?;
    store.dir().ensure_writable().context("could not delegate")?;
    let above = runners_above().into_iter().filter(|it| *it == Supervises::Session).count();
    let depth = u32::try_from(above + 1).unwrap_or(u32::MAX);
    ensure!(
        depth <= settings.delegate_depth,
        "could not delegate: {}; do the work in this conversation, or raise `sisyphus.delegate_depth`",
        if depth == 1 {
            "this is switched off"
        } else {
            "a delegated session may delegate nothing"
        }
    );
    let Asker::Model(requester) = asker else { return Ok(depth) };
    ensure!(
        requester.conversation == Recipient::MainConversation,
        "could not delegate: a subagent may have fewer tools than a session would; say in your answer what to delegate"
    );
    let waiting = count_unstarted(&*store.read_active()?, &requester.session);
    ensure!(
        waiting < PENDING_MAX,
        "could not delegate: {waiting} sessions of this conversation wait already; wait for results, or cancel some"
    );
    Ok(depth)
}
