//! `sisyphus show`.

mod page;

use anyhow::Result;
use chrono::Utc;
use clap::Args as ClapArgs;
use serde_json::json;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::{StateDir, client_tmp_dir};
use sisyphus_control::{HistoryDepth, Naming, Tasks, acknowledge, own_requester};
use sisyphus_state::output::{Begin, Source, Window};
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::outcome::duration;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};
use sisyphus_wording::{command_line, report};

use crate::details::{Fact, facts};
use crate::format::{predicate, size};
use crate::list::{expected_admission, time, whole_settings};
use crate::print;
use crate::session;
use crate::style::Paint;
use crate::view::view;

/// How many lines from the end of the output are shown.
const LINES: usize = 20;
/// How many bytes at the end of a growing output are read for them.
const END: usize = 8 * 1024;

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  sisyphus show t7k2m9qa4
  sisyphus show 'run the tests'
  sisyphus show --json t7k2 | jq .task.exit_code")]
pub(crate) struct Show {
    /// The task: its id or the beginning of it, Claude Code's id for it, or a part of its description or command.
    pub(crate) task: String,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print what Claude reads, without layout and colours, as everywhere but on a terminal.
    #[arg(long, conflicts_with = "json")]
    pub(crate) as_claude_reads_it: bool,
}

/// Prints one task.
pub(crate) fn show(options: &Show) -> Result<()> {
    let tasks = Tasks::read(HistoryDepth::Archive, print::warn)?;
    let task = tasks.find_named(&options.task, Naming::Part)?;
    let state = tasks.store.dir();
    if options.json {
        return print::json(json!({ "task": view(task, state) }));
    }
    let settings = whole_settings();
    let expected = expected_admission(&tasks, task, settings.as_ref());
    let facts = facts(task, expected, &tasks, state);
    let held_back = || {
        let settings = settings.as_ref().filter(|_| expected != Admission::Immediate)?;
        session::why_held_back(&tasks, task, settings)
    };
    // What the model reads in its own shell counts as delivered, so it must be what a notice says.
    let reader = own_requester();
    if print::is_to_terminal() && reader.is_none() && !options.as_claude_reads_it {
        let held_back = (!task.status().is_final()).then(held_back).flatten();
        let held_back = held_back.map(|why| ("held back", why));
        let facts: Vec<Fact> = facts.into_iter().chain(held_back).collect();
        return print::out(&page::page(task, facts, state, Paint::of_output()));
    }
    let facts: String = facts.iter().map(|(name, fact)| format!("{name}: {fact}\n")).collect();
    if let Status::Finished(_) = task.status() {
        let asked = task.launched.as_ref().map(|_| asked(task)).unwrap_or_default();
        let report = report(task, state, LINES);
        let message = match task.kind {
            Kind::Agent => end_of_output(task, state),
            Kind::Command | Kind::Service | Kind::Session => String::new(),
        };
        print::out(&format!("{report}{asked}{facts}{message}"))?;
        // Best effort: at worst the result is delivered once more.
        let _ = acknowledge(&tasks.store, task, reader.as_ref());
        return Ok(());
    }
    let held_back = held_back().map(|why| format!("held back: {why}\n")).unwrap_or_default();
    let lasted = time(task, Utc::now()).map(|ms| format!(", for {}", duration(ms)));
    let heading = format!("{} {}{}.", task.heading(), predicate(task), lasted.unwrap_or_default());
    print::out(&format!(
        "{heading}\n{}{facts}{held_back}{}",
        asked(task),
        end_of_output(task, state)
    ))
}

/// The command, or the call for the agent.
fn asked(task: &Task) -> String {
    match (&task.launched, &task.delegated) {
        (None, Some(session)) => session::asked(session),
        (Some(agent), _) => {
            let model = agent.model().map(|model| format!(", model {model}")).unwrap_or_default();
            format!("agent: {}{model}\nprompt: {}\n", agent.agent_type, agent.prompt)
        }
        (None, None) => format!("command: {}\n", command_line(&task.command)),
    }
}

/// The end of the output so far, or of what an agent said last, quoted as in a reminder because a model may read it too.
fn end_of_output(task: &Task, state: &StateDir) -> String {
    let client_tmp = client_tmp_dir(&Environment::read());
    let Some(mut source) = Source::open(task, state, &client_tmp) else { return String::new() };
    let (name, whose) = match task.kind {
        Kind::Agent => ("last message", "the agent's"),
        Kind::Command | Kind::Service | Kind::Session => ("output", "the command's"),
    };
    let Ok(window) = Window::take(&mut source, task, Begin::LastLines, END) else {
        return format!("{name}: could not be read\n");
    };
    let from = window.lines.len().saturating_sub(LINES);
    let lines = &window.lines[from..];
    let part = match lines.len() {
        0 => return String::new(),
        _ if task.kind == Kind::Agent && from == 0 && window.from == 0 => "all of it".to_owned(),
        1 => "its last whole line".to_owned(),
        count => format!("its last {count} whole lines"),
    };
    let quoted: String = lines.iter().map(|line| format!("| {line}\n")).collect();
    let size = match task.status() {
        Status::Finished(_) => size(window.end),
        Status::Pending { .. } | Status::Queued { .. } | Status::Running { .. } => {
            format!("{} so far", size(window.end))
        }
    };
    format!("{name} ({size}; {part}; each line after \"| \" is {whose}):\n{quoted}")
}
