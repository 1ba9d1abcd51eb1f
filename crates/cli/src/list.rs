//! `sisyphus list`.

mod age;
mod filter;
pub(crate) mod since;
pub(crate) mod slots;
mod watch;

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::Args as ClapArgs;
use serde_json::json;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::client_config_dir;
use sisyphus_base::text::clean_line;
use sisyphus_control::{HistoryDepth, Tasks};
use sisyphus_settings::Settings;
use sisyphus_state::agents::Limits;
use sisyphus_state::expected_admission::expected_admission_of;
use sisyphus_state::line::Standing;
use sisyphus_state::reach::{is_in_reach, place_out_of_reach};
use sisyphus_state::store::Active;
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::outcome::{AgentFailure, Outcome, duration};
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};
use sisyphus_wording::elsewhere;

use crate::style::{Hue, Paint, hue};
use crate::table::{Cell, Column, lines};
use crate::view::views;
use crate::{print, screen, session};
use filter::{Chosen, Filter};
pub(crate) use watch::last_line;
use watch::watch;

/// Widest project and description when no terminal sets a limit, in characters.
const PROJECT_MAX: usize = 16;
const WHAT_MAX: usize = 60;
/// How many ended tasks are listed if no option says it.
const ENDED: usize = 20;
/// How many characters of a description are read.
const LONGEST_WHAT: usize = 500;

const COLUMNS: [Column; 6] = [
    Column::left("ID", 9),
    Column::left("STATE", 10),
    Column::right("TIME", 9).may_go(3),
    Column::right("AGE", 0).may_go(2),
    Column::left("PROJECT", 0).may_shrink_to(7).may_go(1),
    Column::left("WHAT", 0).may_shrink_to(8),
];

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  sisyphus list --here --failed
  sisyphus list --since 2h
  sisyphus list --watch")]
pub(crate) struct List {
    /// List archived tasks too.
    #[arg(long)]
    pub(crate) all: bool,
    /// List at most N ended tasks. Without it, 20, or with `--all` every one.
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<usize>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Redraw the list until interrupted, with the last line that each running task has printed.
    #[arg(long, short, conflicts_with = "json")]
    pub(crate) watch: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Prints the tasks that have not ended, and the newest that have.
pub(crate) fn list(options: &List) -> Result<()> {
    if options.watch {
        return watch(options);
    }
    let (tasks, chosen) = meant(options)?;
    if options.json {
        let shown = tasks.active.iter().filter(|task| chosen.has(task)).chain(&tasks.ended);
        let views = views(shown, tasks.store.dir());
        let elsewhere = tasks.line.elsewhere().into_iter();
        let elsewhere: Vec<_> = elsewhere
            .map(|(folder, slots)| json!({ "configuration": folder, "slots": slots }))
            .collect();
        return print::json(json!({
            "tasks": views,
            // Scripts may read it. A queued agent is a task now.
            "in_line": [],
            "elsewhere": elsewhere,
        }));
    }
    let width = screen::width_of_output();
    let mut lines = table(&chosen, &tasks, Utc::now(), width, Paint::of_output());
    lines.extend(width.and_then(|width| below(&tasks, width, Paint::of_output())));
    print::out(&lines.into_iter().map(|line| line + "\n").collect::<String>())
}

/// The tasks to read, and which of them to list.
pub(crate) fn meant(options: &List) -> Result<(Tasks, Chosen)> {
    let last = options.last.unwrap_or(if options.all { usize::MAX } else { ENDED });
    let reach = match options {
        List { all: true, .. } => HistoryDepth::Archive,
        // With 0 the rest is counted.
        List { filter, .. } if filter.is_empty() && last > 0 => HistoryDepth::Newest(last),
        List { .. } => HistoryDepth::Recent,
    };
    let mut tasks = Tasks::read(reach, print::warn)?;
    let mut chosen = options.filter.chosen(&tasks)?;
    // The places in the queue need every active task, so those are selected where they are shown.
    tasks.ended.retain(|task| chosen.has(task));
    // With 0 there may be nothing to show although there are tasks.
    if last == 0 && !tasks.active.iter().any(|task| chosen.has(task)) {
        chosen.left_out = tasks.ended.len();
    }
    tasks.ended.truncate(last);
    Ok((tasks, chosen))
}

/// The table, one string a line: the titles, then each task, active ones first.
pub(crate) fn table(
    chosen: &Chosen,
    tasks: &Tasks,
    now: DateTime<Utc>,
    width: Option<usize>,
    paint: Paint,
) -> Vec<String> {
    let settings = tasks.active.iter().any(is_recorded_queue).then(whole_settings).flatten();
    let most = if width.is_some() { LONGEST_WHAT } else { WHAT_MAX };
    let row = |task: &Task| {
        [
            Cell::from(task.id.as_str()),
            Cell::of(hue(task.status()), with_place(state(task), task, tasks, settings.as_ref())),
            Cell::from(time(task, now).map_or_else(|| "-".to_owned(), duration)),
            Cell::from(age::age(task, now).unwrap_or_else(|| "-".to_owned())),
            Cell::from(project(task)),
            Cell::from(for_group(task, tasks) + &what(task, most)),
        ]
    };
    let shown = tasks.active.iter().filter(|task| chosen.has(task)).chain(&tasks.ended);
    let mut rows: Vec<[Cell; 6]> = shown.map(row).collect();
    if let Some(nothing) = chosen.nothing() {
        if rows.is_empty() {
            return vec![nothing];
        }
        return lines(&COLUMNS, &rows, width, paint);
    }
    rows.extend(settings.and_then(|settings| held_back(tasks, &settings)));
    let elsewhere = elsewhere(&tasks.line).into_iter();
    rows.extend(elsewhere.map(|what| without_task(Cell::of(Hue::Live, "running"), what)));
    if rows.is_empty() {
        return vec!["No background commands yet.".to_owned()];
    }
    lines(&COLUMNS, &rows, width, paint)
}

/// Why sessions wait for fewer slots than the user allows: a row with the first reason that is found.
fn held_back(tasks: &Tasks, settings: &Settings) -> Option<[Cell; 6]> {
    let why = tasks.active.iter().find_map(|it| session::why_held_back(tasks, it, settings))?;
    Some(without_task(Cell::of(Hue::Waiting, "held back"), why))
}

/// A row of what is no task of this configuration folder.
fn without_task(state: Cell, what: String) -> [Cell; 6] {
    ["-".into(), state, "-".into(), "-".into(), "".into(), what.into()]
}

/// The line below the table on a terminal of this width.
fn below(tasks: &Tasks, width: usize, paint: Paint) -> Option<String> {
    let line = slots::slots_line(tasks, &whole_settings()?)?;
    Some(paint.paint(Hue::Dim, &screen::fit(&line, width)))
}

/// The state of a task, with its number if it is queued.
pub(crate) fn with_place(
    state: String,
    task: &Task,
    tasks: &Tasks,
    settings: Option<&Settings>,
) -> String {
    let number = place(task, tasks, settings);
    number.map_or_else(|| state.clone(), |number| format!("{state}({number})"))
}

/// Its number in the queue that it waits in.
pub(crate) fn place(task: &Task, tasks: &Tasks, settings: Option<&Settings>) -> Option<usize> {
    if is_recorded_queue(task) {
        return match expected_admission(tasks, task, settings) {
            Admission::Queued { position } => Some(position),
            Admission::Immediate => None,
        };
    }
    let in_group = |id: &str| tasks.line.standing_in(task.group.as_deref()?, id);
    let standing = |id: &str| tasks.line.standing(id).or_else(|| in_group(id));
    match task.name_in_queue().and_then(standing) {
        Some(Standing::Waits(number)) if is_unstarted(task) => Some(number),
        Some(_) | None => None,
    }
}

/// Its place in the queue, as far as the settings can be read.
pub(crate) fn expected_admission(
    tasks: &Tasks,
    task: &Task,
    settings: Option<&Settings>,
) -> Admission {
    let Some(settings) = settings else { return Admission::Immediate };
    expected_admission_of(&active(tasks), Some(&tasks.line), &task.id, &Limits::of(settings))
}

/// The tasks as the state has them.
fn active(tasks: &Tasks) -> Active {
    let mut active = Active::default();
    active.tasks.clone_from(&tasks.active);
    active.agents.throttles.clone_from(&tasks.throttles);
    active
}

/// Whether the records alone show its place: no lock stands for it in the queue of commands.
fn is_recorded_queue(task: &Task) -> bool {
    matches!(task.kind, Kind::Agent | Kind::Session) && is_unstarted(task)
}

fn is_unstarted(task: &Task) -> bool {
    matches!(task.status(), Status::Pending { .. } | Status::Queued { .. })
}

/// The user's settings; `None` if they can't be read now.
pub(crate) fn whole_settings() -> Option<Settings> {
    let config_dir = client_config_dir(&Environment::read()).ok()?;
    Settings::read_whole(&config_dir)
}

/// The last part of the task's folder.
pub(crate) fn project(task: &Task) -> String {
    let name = task.cwd.file_name().unwrap_or_default().to_string_lossy();
    clean_line(name.as_bytes(), PROJECT_MAX)
}

/// The description on one line, or the command if there is none.
pub(crate) fn what(task: &Task, most: usize) -> String {
    let mut what = match (&task.launched, &task.delegated) {
        (Some(agent), _) => format!("agent {}: {}", agent.agent_type, task.description),
        (None, Some(session)) => session::named(session, task),
        (None, None) if task.description.is_empty() => task.command.clone(),
        (None, None) => task.description.clone(),
    };
    if let Some(after) = not_yet_after(task) {
        what = format!("after {after}: {what}");
    }
    if let Some(place) = place_out_of_reach(task) {
        what = format!("on {place}: {what}");
    }
    clean_line(what.replace(['\r', '\n', '\t'], " ").as_bytes(), most)
}

/// The tasks that a command waits for before it joins the queue.
fn not_yet_after(task: &Task) -> Option<String> {
    let from_terminal = task.from_terminal.as_ref()?;
    let is_pending = matches!(task.status(), Status::Pending { .. });
    let names: Vec<&str> = from_terminal.after.iter().map(|it| it.task.as_str()).collect();
    (is_pending && !names.is_empty()).then(|| names.join(", "))
}

/// Names the group for which a command waits.
pub(crate) fn for_group(task: &Task, tasks: &Tasks) -> String {
    let waits = |group: &&String| {
        let standing = task.name_in_queue().and_then(|id| tasks.line.standing_in(group, id));
        is_unstarted(task) && matches!(standing, Some(Standing::Waits(_)))
    };
    let group = task.group.as_ref().filter(waits);
    group.map_or_else(String::new, |group| format!("waits for group {group}: "))
}

/// The state, with the exit code if there is one.
pub(crate) fn state(task: &Task) -> String {
    if !is_in_reach(task) {
        return "out of reach".to_owned();
    }
    let outcome = task.status().ending().map(|ending| &ending.outcome);
    if let Some(Outcome::Failed { exit_code }) = outcome {
        return format!("failed({exit_code})");
    }
    if let Some(Outcome::AgentFailed { why }) = outcome {
        return match why {
            AgentFailure::RateLimit => "failed(rate limit)".to_owned(),
            AgentFailure::TurnLimit => "failed(turns)".to_owned(),
            AgentFailure::Budget => "failed(budget)".to_owned(),
            AgentFailure::Error => "failed".to_owned(),
        };
    }
    task.word().to_owned()
}

/// How long the task ran, or how long it has been running or waiting, in milliseconds.
pub(crate) fn time(task: &Task, now: DateTime<Utc>) -> Option<u64> {
    match task.status().ending() {
        Some(_) => task.ran_ms(),
        None => u64::try_from((now - task.status().since()?).num_milliseconds()).ok(),
    }
}
