//! The frame around every hook: it reads the event, calls the handler, prints its reply, and fails open.

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use sisyphus_base::environment::Environment;
use sisyphus_base::hook_log;
use sisyphus_base::id::SessionId;
use sisyphus_base::paths::StateDir;
use sisyphus_process::{client, prepare_streams, start_notifier, survive_file_size_limit};
use sisyphus_state::event::Event as StateEvent;
use sisyphus_state::store::{Active, LOCK_WAIT_IN_HOOK};
use sisyphus_tasks::delivery::Channel;
use sisyphus_tasks::recipient::Recipient;

use crate::context::Context;
use crate::event::{Event, UserPromptSubmit};
use crate::repair::repair;
use crate::reply::Reply;
use crate::stdin::read_event;
use crate::terminal;

/// Makes the program of a hook from what runs it. The C library calls its `main`, without the start of Rust's standard
/// library. That reads where the stack is, to print a line when it overflows, and so costs every hook 19 system calls and
/// as many instructions as the C library's own start. [`prepare_streams`] does the rest of it.
#[macro_export]
macro_rules! program {
    ($run:expr) => {
        // SAFETY: no other function of a program has this name, and the C library passes what this one ignores.
        #[cfg(not(test))]
        #[unsafe(no_mangle)]
        extern "C" fn main() -> i32 {
            $run
        }
    };
}

/// The exit code of every hook that does not wake a session.
const SUCCESS: i32 = 0;
/// The exit code with which a hook wakes an idle session.
const WAKE: i32 = 2;

/// Prepares the hook `name`, which from now on ends without an error whatever happens. Without a home folder there is no
/// state, and without standard streams no event: the hook can do nothing, so `None`.
fn open(name: &'static str) -> Option<Context> {
    prepare_streams().ok()?;
    let environment = Environment::read();
    let state = StateDir::locate(&environment).ok()?;
    fail_open(&state, name);
    Some(Context::new(environment, state))
}

/// Runs a hook: reads the event, prints the reply of `handle`, and always exits with 0.
pub fn main<E: Event>(handle: fn(&Context, E) -> Result<Reply>) -> i32 {
    let Some(context) = open(E::NAME) else { return SUCCESS };
    let told = read().and_then(|(session, event)| {
        let reply = handle(&context, event)?;
        let sequence = terminal::take(&context, E::NAME, session.as_ref());
        tell(&context, E::NAME, &reply, sequence)
    });
    context.logged(E::NAME, told);
    // Claude Code has its answer already.
    start_notifier(context.store.dir());
    SUCCESS
}

/// Runs a hook that Claude Code does not wait for. If `handle` returns words, they wake the session.
pub fn wait<E: Event>(handle: fn(&Context, E) -> Result<Option<String>>) -> i32 {
    let Some(context) = open("waiter") else { return SUCCESS };
    let outcome = read::<E>().and_then(|(_, event)| handle(&context, event));
    match context.logged("waiter", outcome).flatten() {
        Some(words) if writeln!(io::stderr(), "{words}").is_ok() => WAKE,
        Some(_) | None => SUCCESS,
    }
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    hook_event_name: String,
    #[serde(default)]
    session_id: Option<String>,
}

/// Reads the event, and the session that it belongs to.
fn read<E: Event>() -> Result<(Option<SessionId>, E)> {
    let bytes = read_event()?;
    understand(&bytes).or_else(|_| understand(&repair(&bytes).unwrap_or(bytes)))
}

fn understand<E: Event>(bytes: &[u8]) -> Result<(Option<SessionId>, E)> {
    let event = serde_json::from_slice::<E>(bytes)
        .with_context(|| format!("could not parse the {} event", E::NAME))?;
    // A hook that is registered for another event would answer in that event's name.
    let named: Named = serde_json::from_slice(bytes).context("could not read the event's name")?;
    anyhow::ensure!(
        named.hook_event_name == E::NAME,
        "the {} hook was started for `{}`",
        E::NAME,
        named.hook_event_name
    );
    Ok((named.session_id.and_then(|id| SessionId::new(id).ok()), event))
}

/// Prints the reply, and only then marks its results as delivered. If this process is killed in between, the next event
/// offers them again.
fn tell(context: &Context, event: &str, reply: &Reply, sequence: Option<String>) -> Result<()> {
    reply.print(event, sequence).context("could not print the reply")?;
    let Some(receipt) = reply.receipt() else { return Ok(()) };
    let channel = match receipt.to {
        Recipient::Agent(_) | Recipient::UnknownAgent => Channel::AgentEvent,
        Recipient::MainConversation if event == UserPromptSubmit::NAME => Channel::Prompt,
        Recipient::MainConversation => Channel::Event,
    };
    let printed = StateEvent::Printed {
        by: receipt.by.clone(),
        results: receipt.results.clone(),
        channel,
        at: context.now.at,
        client: client(),
    };
    // The next commit applies it, and every peek until then sees it. So this hook takes the lock only once.
    let Err(error) = context.store.post(&printed) else { return Ok(()) };
    // If the inbox can't be written but the state can, each event would lease and print the results again.
    let acknowledge = |active: &mut Active, now| printed.apply(active, now);
    let applied = context.store.update(&context.world(), LOCK_WAIT_IN_HOOK, acknowledge);
    applied.with_context(|| format!("could not post an acknowledgement ({error:#}) nor apply it"))
}

/// Exits with 0 after a panic, which aborts, and survives `ulimit -f`, which ends a process. In both cases Claude Code
/// would show the user a hook that died by a signal.
fn fail_open(state: &StateDir, event: &'static str) {
    survive_file_size_limit();
    let state = state.clone();
    std::panic::set_hook(Box::new(move |panic| {
        hook_log::append(&state, event, &format!("panicked: {panic}"));
        #[expect(clippy::exit, reason = "the only way to end with 0 from here")]
        std::process::exit(0);
    }));
}
