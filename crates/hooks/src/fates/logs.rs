//! The transcripts of a conversation and its subagents, each read once and only if something depends on it.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::Path;

use sisyphus_base::id::AgentId;
use sisyphus_hook::{Context, Transcript};

/// What there is of a transcript.
#[derive(Debug)]
pub(super) enum Log {
    Read(Transcript),
    /// There is no such file.
    Missing,
    /// There is something else, or the event names no transcript.
    Unreadable,
}

/// The transcripts that an event leads to.
pub(super) struct Logs<'a> {
    context: &'a Context,
    path: Option<&'a Path>,
    main: OnceCell<Log>,
    of_agents: BTreeMap<AgentId, Log>,
}

impl<'a> Logs<'a> {
    /// `path` is that of the main conversation.
    pub(super) fn new(context: &'a Context, path: Option<&'a Path>) -> Self {
        Self { context, path, main: OnceCell::new(), of_agents: BTreeMap::new() }
    }

    pub(super) fn main(&self) -> &Log {
        self.main.get_or_init(|| read(self.context, self.path))
    }

    pub(super) fn of(&mut self, agent: &AgentId) -> &Log {
        let (context, main) = (self.context, self.path);
        self.of_agents.entry(agent.clone()).or_insert_with(|| {
            let path = main.map(|main| Transcript::of_agent(main, agent));
            read(context, path.as_deref())
        })
    }
}

fn read(context: &Context, path: Option<&Path>) -> Log {
    let found = path.and_then(|path| context.logged("transcript", Transcript::read_end(path)));
    match found {
        Some(Some(transcript)) => Log::Read(transcript),
        Some(None) => Log::Missing,
        None => Log::Unreadable,
    }
}
