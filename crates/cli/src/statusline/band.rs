//! `sisyphus statusline --json`: what `hooks/register.js` draws inside Claude Code. The texts are ready to be drawn, and
//! harmless: the module decides nothing. While a task runs, a terminal asks once a second.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::SessionId;
use sisyphus_base::paths::{client_config_dir, client_tmp_dir};
use sisyphus_base::text::clean_line;
use sisyphus_control::{HistoryDepth, Naming, Tasks};
use sisyphus_settings::{Settings, Switch};
use sisyphus_state::output::{Begin, Source, Window};
use sisyphus_state::reach::is_in_reach;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};

use super::row::{Row, row};
use super::{Session, has_failed};
use crate::project::project_dir;
use crate::{list, print};

/// How many tasks the band shows. The prompt needs the room more.
const BAND_MAX: usize = 4;
/// How many ended tasks the pane lists.
const ENDED_MAX: usize = 15;
/// How many last lines of an output the pane shows, and how many bytes are read for them.
const LINES: usize = 40;
const END: usize = 16 * 1024;
/// Longest line of an output, in characters.
const LINE_MAX: usize = 300;

/// The answer. `docs/json.md` has its fields.
#[derive(Debug, Serialize)]
struct Answer {
    /// How many tasks of the session run, wait and failed a moment ago.
    running: usize,
    queued: usize,
    failed: usize,
    /// The rows above the prompt, and how many more tasks are live.
    band: Vec<Row>,
    more: usize,
    /// The rows of the pane: live tasks, then the newest that have ended.
    tasks: Vec<Row>,
    /// The task that was asked for.
    chosen: Option<Chosen>,
    /// By Claude Code's id of the agent.
    queued_agents: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct Chosen {
    task: Row,
    lines: Vec<String>,
    can_cancel: bool,
}

/// Prints the answer. `task` is the id of a task whose output is wanted too.
pub(crate) fn print(task: Option<&str>) -> Result<()> {
    let environment = Environment::read();
    let settings = Settings::read_in(&client_config_dir(&environment)?, project_dir().as_deref());
    // A problem with one file is no news for Claude Code's screen.
    let tasks = Tasks::read(HistoryDepth::Recent, |_| ())?;
    let seen = Seen {
        session: Session::of_input(),
        settings,
        client_tmp: client_tmp_dir(&environment),
        now: Utc::now(),
        tasks: &tasks,
    };
    print::json(serde_json::to_value(seen.answer(task))?)
}

struct Seen<'a> {
    tasks: &'a Tasks,
    session: Option<SessionId>,
    settings: Settings,
    client_tmp: PathBuf,
    now: DateTime<Utc>,
}

impl Seen<'_> {
    fn answer(&self, task: Option<&str>) -> Answer {
        let is_meant = |task: &&Task| self.session.as_ref().is_none_or(|it| &task.session == it);
        let is_live = |task: &&Task| (is_running(task) || task.is_queued()) && is_in_reach(task);
        let live: Vec<&Task> = self.tasks.active.iter().filter(is_meant).filter(is_live).collect();
        let ended: Vec<&Task> = self.tasks.ended.iter().filter(is_meant).take(ENDED_MAX).collect();
        let failed: Vec<&&Task> = ended.iter().filter(|it| has_failed(it, self.now)).collect();
        let running = live.iter().filter(|it| is_running(it)).count();
        let (band, more) = match self.settings.band {
            Switch::Off => (Vec::new(), 0),
            Switch::On => {
                let shown = live.iter().take(BAND_MAX).chain(failed.first().copied());
                (shown.map(|task| self.row(task)).collect(), live.len().saturating_sub(BAND_MAX))
            }
        };
        let queued_agents = match self.settings.mark_queued_agents {
            Switch::Off => BTreeMap::new(),
            Switch::On => self.tasks.active.iter().filter_map(|it| self.mark(it)).collect(),
        };
        Answer {
            running,
            queued: live.len() - running,
            failed: failed.len(),
            band,
            more,
            tasks: live.iter().chain(&ended).map(|task| self.row(task)).collect(),
            chosen: task.and_then(|name| self.chosen(name)),
            queued_agents,
        }
    }

    fn row(&self, task: &Task) -> Row {
        let place = list::place(task, self.tasks, Some(&self.settings));
        let last_line = || list::last_line(task, self.tasks.store.dir(), &self.client_tmp);
        row(task, place, last_line, self.now)
    }

    /// What precedes the name of an agent in Claude Code's own list.
    fn mark(&self, task: &Task) -> Option<(String, String)> {
        let is_queued = task.kind == Kind::Agent && matches!(task.status(), Status::Queued { .. });
        let place = list::place(task, self.tasks, Some(&self.settings)).filter(|_| is_queued)?;
        Some((task.client_id()?.as_str().to_owned(), format!("queued({place})")))
    }

    fn chosen(&self, name: &str) -> Option<Chosen> {
        let task = self.tasks.find_named(name, Naming::Whole).ok()?;
        let lines = self.lines(task).unwrap_or_default();
        Some(Chosen { task: self.row(task), lines, can_cancel: !task.status().is_final() })
    }

    fn lines(&self, task: &Task) -> Option<Vec<String>> {
        let mut source = Source::open(task, self.tasks.store.dir(), &self.client_tmp)?;
        let window = Window::take(&mut source, task, Begin::LastLines, END).ok()?;
        let from = window.lines.len().saturating_sub(LINES);
        let clean = |line: &String| clean_line(line.as_bytes(), LINE_MAX);
        Some(window.lines[from..].iter().map(clean).collect())
    }
}

fn is_running(task: &Task) -> bool {
    matches!(task.status(), Status::Running { .. })
}
