//! SessionStart: attaches the session's shells to the runner, records whether other hooks rewrite commands, and reports
//! to a continued session what is owed to it and what still runs.

use anyhow::Result;
use sisyphus_base::clock::Now;
use sisyphus_hook::{Context, Reply, SessionSource, SessionStart};
use sisyphus_process::client;
use sisyphus_settings::Switch;
use sisyphus_state::agents::Limits;
use sisyphus_state::event::Event;
use sisyphus_state::import_0_1::{Live, import, link_for_people, note_as_imported};
use sisyphus_state::line::View;
use sisyphus_state::store::{Active, Sent};
use sisyphus_state::transfer::claim_transfer;
use sisyphus_tasks::task::Task;
use sisyphus_wording::{Surroundings, table};

use crate::adopt::adopt;
use crate::agent::{settle, with_news};
use crate::attach::attach;
use crate::deliver::{Reader, Recipient, Taken};
use crate::fates::{Fates, Unmentioned};
use crate::hook_conflicts::detect;
use crate::queue::line;

/// Handles the event.
pub fn handle(context: &Context, event: SessionStart) -> Result<Reply> {
    if context.settings().execution == Switch::Off {
        return Ok(Reply::Silent);
    }
    // The steps run in order, and a failed one does not stop the next: a session without attachment still gets its
    // results.
    context.logged("SessionStart import", take_over_0_1(context));
    context.logged("SessionStart attach", attach(context, &event.session_id));
    let reply = go_on(context, &event);
    // This is last, so that results don't depend on the lock for it.
    let surveyed = detect(&context.environment, &event.cwd);
    let written = context.store.write_session(&event.session_id, surveyed);
    context.logged("SessionStart survey", written);
    reply
}

/// Reports to a continued session what is owed to it and what still runs.
fn go_on(context: &Context, event: &SessionStart) -> Result<Reply> {
    let session = &event.session_id;
    if event.source == SessionSource::Startup {
        return adopt(context, event);
    }
    // The agents of the former Claude Code must not be reported as running.
    settle(context, context.now);
    let peek = context.peek()?;
    let transcript = event.transcript_path.as_deref();
    let (unmentioned, parked) = match event.source {
        SessionSource::Resume => (Unmentioned::Lost, context.store.find_parked(session)),
        SessionSource::Startup | SessionSource::Other => (Unmentioned::Unread, Vec::new()),
    };
    let mut sent = peek.active.sent(session);
    sent.extend(parked.iter().flat_map(Sent::of));
    let fates = Fates::read(context, sent, transcript, unmentioned);
    let events = continuation(context, event, parked);
    let reader = Reader::new(session, Recipient::MainConversation, &peek.active);
    let limits = Limits::of(context.settings());
    let line = line(context, View::Whole);
    let live = |active: &Active, now: Now| {
        let is_meant =
            |task: &Task| &task.session == session && task.is_for(&Recipient::MainConversation);
        let state = context.store.dir();
        let around = Surroundings { line: line.as_ref(), limits: &limits, state, now: now.at };
        table(active, is_meant, around)
    };
    let live_before = live(&peek.active, context.now);
    let committed = context.commit(peek, &events, |active, now| {
        fates.apply(active, now);
        let live = live(active, now);
        (reader.take(active, now), live)
    });
    // What runs can be reported without the lock.
    let committed = context.logged("SessionStart", committed);
    let (taken, live) = committed.unwrap_or_else(|| (Taken::default(), live_before));
    Ok(with_news(context, session, taken.render(context).with_note(live)))
}

/// The events that a continued session implies.
fn continuation(context: &Context, event: &SessionStart, parked: Vec<Task>) -> Vec<Event> {
    let session = &event.session_id;
    let client = client();
    let mut events = Vec::new();
    if event.source == SessionSource::Resume {
        events.push(Event::SessionResumed { session: session.clone(), client: client.clone() });
        if !parked.is_empty() {
            events.push(Event::Unparked { tasks: parked });
        }
    }
    // After the resume: what another conversation of this Claude Code transfers may have live subagents.
    if let Some(client) = client {
        let claimed = claim_transfer(context.store.dir(), &client, session);
        events.extend(context.logged("SessionStart", claimed).flatten());
    }
    events
}

/// Imports what 0.1.0 left. Leaves a link at its old path, and at the path that the documents name.
fn take_over_0_1(context: &Context) -> Result<()> {
    let state = context.store.dir();
    let root = context.environment.claude_plugin_root.as_deref();
    import(&context.store, &context.world(), Live::beside(root, state))?;
    state.create()?;
    note_as_imported(state)?;
    link_for_people(state)
}
