//! `sisyphus top`: gives the dashboard what it shows, and does what its keys ask for.

mod output;

use std::collections::HashMap;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, ensure};
use chrono::Utc;
use sisyphus_base::environment::{Colours, Environment, Terminal};
use sisyphus_base::id::TaskId;
use sisyphus_base::paths::client_tmp_dir;
use sisyphus_control::{HistoryDepth, Tasks};
use sisyphus_process::exit_as;
use sisyphus_state::request::Slot;
use sisyphus_tasks::outcome::{Canceller, duration};
use sisyphus_tasks::run::Exit as ProcessExit;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;
use sisyphus_top::{Backend, Exit, Life, Palette, Row, Snapshot, Tone};

use crate::cancel::problem;
use crate::format::predicate;
use crate::list::slots::{groups, slots};
use crate::list::{for_group, last_line, project, state, time, what, whole_settings, with_place};
use crate::print::{self, Verdict};
use crate::queue::restart::{Preview, ensure_allowed, start_again};
use crate::style::{Hue, hue};
use output::Output;

/// How many ended tasks are shown.
const ENDED: usize = 100;
/// Longest description and longest error, in characters.
const WHAT_MAX: usize = 300;
const PROBLEM_MAX: usize = 500;

/// Shows the dashboard until it is left.
pub(crate) fn top() -> Result<Verdict> {
    let environment = Environment::read();
    ensure!(
        io::stdin().is_terminal() && print::is_to_terminal(),
        "could not show the dashboard: standard input or output is not a terminal; use `sisyphus list --watch`"
    );
    ensure!(
        environment.terminal != Terminal::None,
        "could not show the dashboard: this terminal can't move its cursor; use `sisyphus list`"
    );
    let palette = match environment.colours {
        Colours::Wanted => Palette::Coloured,
        Colours::Unwanted => Palette::Plain,
    };
    let client_tmp = client_tmp_dir(&environment);
    let source = Source {
        environment,
        client_tmp,
        tasks: Mutex::default(),
        last_lines: Mutex::default(),
        output: Mutex::default(),
    };
    Ok(match sisyphus_top::run(Arc::new(source), palette)? {
        Exit::Quit => Verdict::Good,
        Exit::Gone => Verdict::Bad,
        Exit::Signal(number) => Verdict::Code(exit_as(ProcessExit::Signal(number))),
    })
}

/// What the dashboard reads.
struct Source {
    environment: Environment,
    client_tmp: PathBuf,
    /// What was read last. Never held during a read: the keyboard waits for it.
    tasks: Mutex<Option<Arc<Tasks>>>,
    /// The last lines of ended tasks, which do not change.
    last_lines: Mutex<HashMap<TaskId, String>>,
    output: Mutex<Output>,
}

impl Backend for Source {
    fn read(&self) -> Result<Snapshot> {
        let tasks = Tasks::read(HistoryDepth::Newest(ENDED), problem_sink::take_in)?;
        let settings = whole_settings();
        let limits = settings.clone().unwrap_or_default();
        let now = Utc::now();
        let mut last_lines = lock(&self.last_lines);
        let shown = tasks.active.iter().chain(&tasks.ended);
        let rows = shown
            .map(|task| Row {
                id: task.id.to_string(),
                life: if task.status().is_final() { Life::Ended } else { Life::Live },
                state: with_place(state(task), task, &tasks, settings.as_ref()),
                tone: tone(task.status()),
                time: time(task, now).map_or_else(|| "-".to_owned(), duration),
                project: project(task),
                what: for_group(task, &tasks) + &what(task, WHAT_MAX),
                last_line: self.last_line(task, &tasks, &mut last_lines),
            })
            .collect();
        let snapshot = Snapshot {
            slots: slots(&tasks, &limits).to_string(),
            groups: groups(&tasks, &limits),
            rows,
            problem: problem_sink::take_out(),
        };
        *lock(&self.tasks) = Some(Arc::new(tasks));
        Ok(snapshot)
    }

    fn tail(&self, id: &str) -> Vec<String> {
        let Some(tasks) = self.known() else { return Vec::new() };
        let Some(task) = find(&tasks, id) else { return Vec::new() };
        lock(&self.output).of(task, tasks.store.dir(), &self.client_tmp)
    }

    fn restart_preview(&self, id: &str) -> Result<Vec<String>> {
        ensure_allowed(&self.environment)?;
        let known = self.known();
        let task = known.as_ref().and_then(|tasks| find(tasks, id));
        let Preview { folder, lines } = Preview::of(task.context("its record is gone")?)?;
        let command = lines.into_iter().map(|line| format!("  {line}"));
        Ok([format!("In {folder}:")].into_iter().chain(command).collect())
    }

    fn restart(&self, id: &str) -> Result<String> {
        ensure_allowed(&self.environment)?;
        let tasks = Tasks::read(HistoryDepth::Recent, problem_sink::take_in)?;
        let task = find(&tasks, id).context("its record is gone")?;
        let started = start_again(task, Slot::Own, &tasks.store, &self.environment)?;
        Ok(format!("{id} runs again as {}.", started.id))
    }

    fn cancel(&self, id: &str) -> Result<String> {
        let tasks = Tasks::read(HistoryDepth::Recent, problem_sink::take_in)?;
        let task = find(&tasks, id).context("its record is gone")?.clone();
        let (store, sink) = (&tasks.store, problem_sink::take_in);
        let answers = sisyphus_control::cancel(store, vec![task], Canceller::User, sink)?;
        let said = answers.iter().map(|answer| {
            let (name, predicate) = (answer.task.heading(), predicate(&answer.task));
            let why = problem(&answer.ending).map(|why| format!("; {why}")).unwrap_or_default();
            format!("{name} {predicate}{why}.")
        });
        Ok(said.collect::<Vec<_>>().join(" "))
    }
}

impl Source {
    fn known(&self) -> Option<Arc<Tasks>> {
        lock(&self.tasks).clone()
    }

    /// The last line that a task has printed, on one line.
    fn last_line(&self, task: &Task, tasks: &Tasks, ended: &mut HashMap<TaskId, String>) -> String {
        let read = || last_line(task, tasks.store.dir(), &self.client_tmp).unwrap_or_default();
        match task.status() {
            Status::Running { .. } => read(),
            Status::Finished(_) => ended.entry(task.id.clone()).or_insert_with(read).clone(),
            Status::Pending { .. } | Status::Queued { .. } => String::new(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn find<'a>(tasks: &'a Tasks, id: &str) -> Option<&'a Task> {
    tasks.active.iter().chain(&tasks.ended).find(|task| task.id.as_str() == id)
}

fn tone(status: &Status) -> Tone {
    match hue(status) {
        Hue::Good => Tone::Good,
        Hue::Bad => Tone::Bad,
        Hue::Waiting => Tone::Waiting,
        Hue::Live => Tone::Live,
        Hue::None | Hue::Dim | Hue::Title => Tone::Dim,
    }
}

/// Where problems go that stop nothing: standard error is the screen.
mod problem_sink {
    use std::sync::Mutex;

    use sisyphus_base::text::for_people;

    use super::{PROBLEM_MAX, lock};

    static NEWEST: Mutex<Option<String>> = Mutex::new(None);

    pub(super) fn take_in(error: &anyhow::Error) {
        let text = for_people(&format!("{error:#}"), PROBLEM_MAX);
        *lock(&NEWEST) = Some(text);
    }

    pub(super) fn take_out() -> Option<String> {
        lock(&NEWEST).take()
    }
}
