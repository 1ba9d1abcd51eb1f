//! The frame around every hook: reads the event, calls the handler, prints its reply, and fails open.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use sisyphus_core::environment::Environment;
use sisyphus_core::fold::{Scope, fold};
use sisyphus_core::hook_log;
use sisyphus_core::id::SessionId;
use sisyphus_core::orphans::Clients;
use sisyphus_core::paths::{StateDir, client_config_dir, client_tmp_dir};
use sisyphus_core::settings::Settings;
use sisyphus_core::store::{Carrier, LOCK_WAIT_IN_HOOK, Store};
use sisyphus_process::{is_gone, start_notifier};

use crate::event::{Event, UserPromptSubmit};
use crate::reply::Reply;
use crate::stdin::read_event;
use crate::terminal;

/// What a handler works with.
#[derive(Debug)]
pub struct Context {
    pub environment: Environment,
    pub store: Store,
    pub now: DateTime<Utc>,
}

impl Context {
    /// Folds what has ended meanwhile, by the clock of now: a waiter lives for hours. That this fails is logged and no
    /// more: what was folded before is still owed, and the next event folds again.
    pub fn fold(&self) {
        let tmp = client_tmp_dir(&self.environment);
        let scope = Scope::WithOrphans(Clients { is_gone, tmp: &tmp });
        if let Err(error) = fold(&self.store, scope, LOCK_WAIT_IN_HOOK, Utc::now()) {
            self.log("fold", &error);
        }
    }

    /// The user's settings, as the session's project narrows them. Read when they are asked for, because most events
    /// don't.
    pub fn settings(&self) -> Settings {
        let project = self.environment.claude_project_dir.as_deref();
        client_config_dir(&self.environment)
            .map(|dir| Settings::read_in(&dir, project))
            .unwrap_or_default()
    }

    /// Notes in the log what went wrong.
    pub fn log(&self, who: &str, error: &anyhow::Error) {
        hook_log::append(self.store.dir(), who, &format!("{error:#}"));
    }
}

/// Runs one hook. Exit code 0 whatever happens: any other would be shown to the user as an error, and 2 would block.
pub fn main<E: Event>(handle: fn(&Context, E) -> Result<Reply>) -> ExitCode {
    let environment = Environment::read();
    // Without a home there is no state, and nothing that we could do.
    let Ok(state) = StateDir::locate(&environment) else { return ExitCode::SUCCESS };
    fail_open_on_panic(&state, E::NAME);
    let context = Context { environment, store: Store::new(state), now: Utc::now() };
    let told = answer(&context, handle).and_then(|(session, reply)| {
        let sequence = terminal::take(&context, E::NAME, session.as_ref());
        tell(&context, E::NAME, &reply, sequence)
    });
    if let Err(error) = told {
        context.log(E::NAME, &error);
    }
    // The client has its answer by now.
    start_notifier(context.store.dir());
    ExitCode::SUCCESS
}

/// Exit code of a waiter whose words wake the session.
const WAKE: u8 = 2;

/// Runs a waiter: one that the client started and does not wait for. What it returns wakes the session.
pub fn wait<E: Event>(handle: fn(&Context, E) -> Result<Option<String>>) -> ExitCode {
    let environment = Environment::read();
    let Ok(state) = StateDir::locate(&environment) else { return ExitCode::SUCCESS };
    fail_open_on_panic(&state, "waiter");
    let context = Context { environment, store: Store::new(state), now: Utc::now() };
    match read::<E>().and_then(|(_, event)| handle(&context, event)) {
        Ok(Some(words)) if writeln!(io::stderr(), "{words}").is_ok() => ExitCode::from(WAKE),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            context.log("waiter", &error);
            ExitCode::SUCCESS
        }
    }
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    hook_event_name: String,
    #[serde(default)]
    session_id: Option<String>,
}

fn answer<E: Event>(
    context: &Context,
    handle: fn(&Context, E) -> Result<Reply>,
) -> Result<(Option<SessionId>, Reply)> {
    let (session, event) = read()?;
    Ok((session, handle(context, event)?))
}

/// The event, and whose it is.
fn read<E: Event>() -> Result<(Option<SessionId>, E)> {
    let bytes = read_event()?;
    let event = match serde_json::from_slice::<E>(&bytes) {
        Ok(event) => event,
        Err(error) => {
            return Err(error)
                .with_context(|| format!("could not understand the {} event", E::NAME));
        }
    };
    // Wired to another event, we would answer in that event's name.
    let named: Named = serde_json::from_slice(&bytes).context("could not read the event's name")?;
    anyhow::ensure!(named.hook_event_name == E::NAME, "started for `{}`", named.hook_event_name);
    Ok((named.session_id.and_then(|id| SessionId::new(id).ok()), event))
}

/// Prints the reply, and only then takes the results in it for delivered: were this process killed in between, the next
/// event would offer them again.
fn tell(context: &Context, event: &str, reply: &Reply, sequence: Option<String>) -> Result<()> {
    reply.print(event, sequence).context("could not print the reply")?;
    let Reply::Results { receipt, .. } = reply else { return Ok(()) };
    let carrier = if event == UserPromptSubmit::NAME { Carrier::Prompt } else { Carrier::Event };
    context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
        transaction.outbox(&receipt.session)?.confirm(&receipt.claimer, carrier, context.now);
        Ok(())
    })
}

/// A panic aborts, and the client would show the user a hook that died by a signal.
fn fail_open_on_panic(state: &StateDir, event: &'static str) {
    let state = state.clone();
    std::panic::set_hook(Box::new(move |panic| {
        hook_log::append(&state, event, &format!("panicked: {panic}"));
        #[expect(clippy::exit, reason = "the only way to end with 0 from here")]
        std::process::exit(0);
    }));
}
