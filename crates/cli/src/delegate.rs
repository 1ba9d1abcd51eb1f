//! `sisyphus delegate`.

use std::io::Read as _;

use anyhow::{Context as _, Result};
use clap::Args as ClapArgs;
use sisyphus_base::environment::Environment;
use sisyphus_control::delegate::{Ask, Asker, WorktreeAsk, delegate as start, ensure_trusted};
use sisyphus_control::{ensure_person, open_store};
use sisyphus_tasks::admission::Admission;

use crate::print::{self, Verdict};
use crate::project::current_folder;
use crate::wait::{Wait, wait};

/// Longest prompt that is read, in bytes; a longer one is refused.
const PROMPT_MAX: u64 = 2 * 1024 * 1024;
/// Longest description that is taken from a prompt, in characters.
const DESCRIPTION_MAX: usize = 60;

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  sisyphus delegate 'find out why the build is slow, change nothing'
  sisyphus delegate --worktree --budget 2 - < task.md
  sisyphus delegate --continue t7k2m9qa4 'now write the test'")]
pub(crate) struct Delegate {
    /// What the session is to do; `-` reads it from standard input.
    pub(crate) prompt: String,
    /// A few words that name the task in lists; by default the beginning of the prompt.
    #[arg(long, short)]
    pub(crate) description: Option<String>,
    /// The agent that the session is.
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// The model that the session runs.
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Work in a git worktree, of this name if there is one.
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "")]
    pub(crate) worktree: Option<String>,
    /// What the session may cost at most, in dollars.
    #[arg(long, value_name = "USD")]
    pub(crate) budget: Option<f64>,
    /// The time limit of the session, in minutes.
    #[arg(long, value_name = "MINUTES")]
    pub(crate) timeout: Option<u64>,
    /// Continue the conversation of this task, which is over: its id or the beginning of it, or its description.
    #[arg(long = "continue", value_name = "TASK", conflicts_with = "worktree")]
    pub(crate) continues: Option<String>,
    /// Wait for the end, and print the answer.
    #[arg(long, short)]
    pub(crate) wait: bool,
}

/// Delegates a session to Claude Code, in the current folder.
pub(crate) fn delegate(options: &Delegate) -> Result<Verdict> {
    let environment = Environment::read();
    ensure_person(&environment, "delegate", "the model has `delegate_task`")?;
    let folder = current_folder()?;
    ensure_trusted(&folder, &environment)?;
    let prompt = prompt(&options.prompt)?;
    let description = options.description.clone().unwrap_or_else(|| beginning(&prompt));
    let ask = Ask {
        description,
        prompt,
        agent: options.agent.clone(),
        model: options.model.clone(),
        continues: options.continues.clone(),
        worktree: options.worktree.clone().map(|name| match name {
            name if name.is_empty() => WorktreeAsk::Any,
            name => WorktreeAsk::Named(name),
        }),
        max_budget_usd: options.budget,
        limit_ms: options.timeout.map(|minutes| minutes.saturating_mul(60_000)),
    };
    let launched = start(&open_store()?, ask, &Asker::Person { folder }, print::warn)?;
    let id = launched.task.id.to_string();
    if options.wait {
        return await_answer(&id);
    }
    let place = match launched.place {
        Admission::Immediate => String::new(),
        Admission::Queued { position } => format!(", number {position} in the queue"),
    };
    print::out(&format!("{id} is launched{place}; `sisyphus show {id}` shows it\n"))?;
    Ok(Verdict::Good)
}

/// Waits for the task, then prints its answer.
fn await_answer(id: &str) -> Result<Verdict> {
    let verdict = wait(&Wait { tasks: vec![id.to_owned()], timeout: None, json: false })?;
    let output = crate::output::Output { tasks: vec![id.to_owned()], follow: false, tail: None };
    crate::output::output(&output)?;
    Ok(verdict)
}

fn prompt(given: &str) -> Result<String> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    let mut text = String::new();
    let read = std::io::stdin().take(PROMPT_MAX).read_to_string(&mut text);
    read.context("could not read the prompt from standard input")?;
    Ok(text)
}

fn beginning(prompt: &str) -> String {
    sisyphus_base::text::one_line(prompt, DESCRIPTION_MAX)
}
