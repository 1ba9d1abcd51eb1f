//! `sisyphus restart`.

use std::io::{self, BufRead as _, IsTerminal as _};

use anyhow::{Result, bail, ensure};
use clap::Args as ClapArgs;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::client_config_dir;
use sisyphus_control::command::{Order, in_shell, run_detached};
use sisyphus_control::{HistoryDepth, Naming, Tasks, ensure_person};
use sisyphus_state::request::Slot;
use sisyphus_state::store::Store;
use sisyphus_tasks::call::is_whole;
use sisyphus_tasks::from_terminal::OutputPlace;
use sisyphus_tasks::task::{Kind, Task};

use crate::print::{self, Verdict};
use crate::queue::run::{INSTEAD, follow, say_id, slot_of_follower};

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  sisyphus restart t7k2m9qa4
  sisyphus restart --yes --wait 'run the tests'")]
pub(crate) struct Restart {
    /// The task, which has ended: its id or the beginning of it, Claude Code's id for it, its description (its
    /// command, if it has none), or the word before a colon in the description. A description that several runs of
    /// one command share, or their command, means the last of them, if all have ended.
    pub(crate) task: String,
    /// Print its output, and exit as it exits.
    #[arg(long, short)]
    pub(crate) wait: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Runs an ended command again, in the background and in its folder.
pub(crate) fn restart(options: &Restart) -> Result<Verdict> {
    let environment = Environment::read();
    ensure_allowed(&environment)?;
    let tasks = Tasks::read(HistoryDepth::Archive, print::warn)?;
    let task = tasks.find_named(&options.task, Naming::LastRun)?;
    let preview = Preview::of(task)?;
    if !options.yes && !is_wanted(&preview)? {
        return Ok(Verdict::Bad);
    }
    let slot = if options.wait { slot_of_follower() } else { Slot::Own };
    let task = start_again(task, slot, &tasks.store, &environment)?;
    if options.wait {
        return Ok(follow(tasks.store, &task));
    }
    Ok(say_id(&task))
}

/// Refuses below Claude Code.
pub(crate) fn ensure_allowed(environment: &Environment) -> Result<()> {
    ensure_person(environment, "restart a command", INSTEAD)
}

/// Runs the command of a task again. Returns the new task.
pub(crate) fn start_again(
    task: &Task,
    slot: Slot,
    store: &Store,
    environment: &Environment,
) -> Result<Task> {
    check(task)?;
    let order = Order {
        words: in_shell(&task.command, environment),
        line: task.command.clone(),
        folder: task.cwd.clone(),
        description: task.description.clone(),
        group: None,
        after: Vec::new(),
        limit_ms: task.limit_ms.filter(|_| task.from_terminal.is_some()),
        place: OutputPlace::Kept,
        slot,
    };
    let request = order.checked(&client_config_dir(environment)?)?;
    run_detached(store, &request)?;
    Ok(request.task)
}

/// What would run, as a person has to see it.
pub(crate) struct Preview {
    pub(crate) folder: String,
    /// The command.
    pub(crate) lines: Vec<String>,
}

impl Preview {
    /// # Errors
    /// The task can't run again.
    pub(crate) fn of(task: &Task) -> Result<Self> {
        check(task)?;
        let folder = visible(&task.cwd.to_string_lossy());
        Ok(Self { folder, lines: task.command.split('\n').map(visible).collect() })
    }
}

fn check(task: &Task) -> Result<()> {
    let id = &task.id;
    match task.kind {
        Kind::Command | Kind::Service => {}
        Kind::Agent => bail!("could not restart {id}: it is an agent of Claude Code"),
        Kind::Session => {
            bail!(
                "could not restart {id}: it is a session; continue it with `sisyphus delegate --continue {id}`"
            )
        }
    }
    ensure!(
        task.status().is_final(),
        "could not restart {id}: it is {}; wait for it, or cancel it first",
        task.word()
    );
    ensure!(
        is_whole(&task.command) && !task.command.is_empty(),
        "could not restart {id}: its record holds only the beginning of the command"
    );
    ensure!(
        !task.command.contains(char::REPLACEMENT_CHARACTER),
        "could not restart {id}: its command holds bytes that are no text, which its record does not have"
    );
    ensure!(
        task.cwd.is_dir(),
        "could not restart {id}: its folder `{}` is gone",
        task.cwd.display()
    );
    Ok(())
}

/// Each character as a person has to see it. A terminal would act on some, and so hide what would run.
fn visible(text: &str) -> String {
    let hides = |it: char| {
        // Marks of direction and characters without a width.
        it.is_control()
            || matches!(it, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let mut shown = String::new();
    for it in text.chars() {
        if hides(it) { shown.extend(it.escape_default()) } else { shown.push(it) }
    }
    shown
}

/// Shows what would run, and asks. Without a terminal nothing can be asked.
fn is_wanted(Preview { folder, lines }: &Preview) -> Result<bool> {
    let command: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    ensure!(
        io::stdin().is_terminal(),
        "could not ask whether to run this again in {folder}, without a terminal; `--yes` runs it:\n{}",
        command.trim_end()
    );
    print::draw(&format!("In {folder}:\n{command}Run this again? [y/N] "));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_command_is_hidden() {
        let cases = [
            ("echo 'ä' | tail -1", "echo 'ä' | tail -1"),
            ("rm x #\recho harmless", r"rm x #\recho harmless"),
            (": \x1b]0 ;rm x;\x07", r": \u{1b}]0 ;rm x;\u{7}"),
            ("a\tb\u{202e}c\u{200b}", r"a\tb\u{202e}c\u{200b}"),
        ];
        for (text, expected) in cases {
            assert_eq!(visible(text), expected);
        }
    }
}
