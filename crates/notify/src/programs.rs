//! Starts the program that the user has set, for each task that ended. The note of an end is taken under the lock before
//! the program starts: if the notifier is killed in between, the program does not start for that task. It never starts
//! twice.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use sisyphus_base::hook_log;
use sisyphus_base::id::TaskId;
use sisyphus_process::Program;
use sisyphus_settings::Settings;
use sisyphus_state::notify::{ForProgram, Notes, ProgramReport, is_old};
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_state::transitions::Transition;

use crate::places::Places;

/// How many programs run at once. Further ends wait.
const AT_ONCE: usize = 4;
/// How long a program may run.
const LIMIT: Duration = Duration::from_secs(30);

/// The programs that run.
pub(crate) struct Programs {
    config_dir: PathBuf,
    home: PathBuf,
    /// The program with its arguments, as the settings were at the last look; empty if there is none.
    command: Vec<String>,
    running: Vec<(TaskId, JoinHandle<Result<()>>)>,
}

impl Programs {
    pub(crate) fn new(config_dir: PathBuf, home: PathBuf) -> Self {
        Self { config_dir, home, command: Vec::new(), running: Vec::new() }
    }

    /// Whether nothing runs and nothing waits.
    pub(crate) fn are_done(&self, notes: &Notes) -> bool {
        self.running.is_empty() && (self.command.is_empty() || notes.for_program.is_empty())
    }

    /// Drops the notes if there is no program.
    pub(crate) fn forget_unwanted(&self, notes: &mut Notes) {
        if self.command.is_empty() {
            notes.for_program.clear();
        }
    }

    /// Reports the programs that have ended, and starts those that are due.
    pub(crate) fn serve(
        &mut self,
        store: &Store,
        notes: &Notes,
        places: &mut Places,
    ) -> Result<()> {
        self.report(store);
        let now = Utc::now();
        if notes.for_program.is_empty() {
            return Ok(());
        }
        let settings = Settings::read_whole(&self.config_dir);
        self.command = settings.map(|settings| settings.on_complete).unwrap_or_default();
        let room = AT_ONCE - self.running.len();
        let is_any_due = notes.for_program.iter().any(|note| is_due(note, now));
        if self.command.is_empty() || room == 0 || !is_any_due {
            return Ok(());
        }
        for note in store.take_notes(LOCK_WAIT_IN_RUNNER, |notes| take(notes, now, room))? {
            self.start(&note.event, places.of(&note.event.cwd).root.clone())?;
        }
        Ok(())
    }

    fn start(&mut self, event: &Transition, project: PathBuf) -> Result<()> {
        let program = Program {
            command: self.command.clone(),
            folder: self.home.clone(),
            environment: environment(event, &project),
            input: input(event, &project)?,
            limit: LIMIT,
        };
        let run = thread::Builder::new().spawn(move || program.run());
        self.running.push((event.id.clone(), run.context("could not start a thread")?));
        Ok(())
    }

    /// Writes down how each program ended, for the doctor; a failure goes to the log, once.
    fn report(&mut self, store: &Store) {
        for (task, run) in self.running.extract_if(.., |(_, run)| run.is_finished()) {
            let ended = run.join().unwrap_or_else(|_| Err(anyhow::anyhow!("panicked")));
            let problem = ended.err().map(|error| format!("{error:#}"));
            // The user may have removed the state folder. Nothing here creates it again.
            if !store.dir().root().exists() {
                continue;
            }
            if let Some(problem) = &problem {
                hook_log::append(store.dir(), "on_complete", &format!("for {task}: {problem}"));
            }
            let report = ProgramReport { at: Utc::now(), task, problem };
            if let Err(error) = report.write(store.dir()) {
                hook_log::append(store.dir(), "on_complete", &format!("{error:#}"));
            }
        }
    }
}

fn is_due(note: &ForProgram, now: DateTime<Utc>) -> bool {
    // A note from the future comes from before the clock was set back.
    note.at > now || now - note.at >= note.holds()
}

/// Takes at most so many notes that are due, the oldest first. Those that are too old are dropped.
fn take(notes: &mut Notes, now: DateTime<Utc>, room: usize) -> Vec<ForProgram> {
    notes.for_program.retain(|note| !is_old(note.at, now));
    notes.for_program.extract_if(.., |note| is_due(note, now)).take(room).collect()
}

/// The event as one line, with the project.
fn input(event: &Transition, project: &Path) -> Result<Vec<u8>> {
    let mut value = serde_json::to_value(event).context("could not encode an event")?;
    value["project"] = project.to_string_lossy().into();
    Ok(format!("{value}\n").into_bytes())
}

/// The same for a shell. What is not known is empty.
fn environment(event: &Transition, project: &Path) -> Vec<(&'static str, OsString)> {
    let number = |number: Option<i64>| number.map(|it| it.to_string()).unwrap_or_default();
    let duration = event.duration_ms.and_then(|ms| i64::try_from(ms).ok());
    let kind = serde_json::to_value(event.kind).ok();
    let kind = kind.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
    vec![
        ("SISYPHUS_TASK_ID", event.id.as_str().into()),
        ("SISYPHUS_KIND", kind.into()),
        ("SISYPHUS_SESSION", event.session.as_str().into()),
        ("SISYPHUS_STATUS", event.to.clone().into()),
        ("SISYPHUS_SAID", event.said.clone().into()),
        ("SISYPHUS_EXIT_CODE", number(event.exit_code.map(i64::from)).into()),
        ("SISYPHUS_SIGNAL", number(event.signal.map(i64::from)).into()),
        ("SISYPHUS_DURATION_MS", number(duration).into()),
        ("SISYPHUS_DESCRIPTION", event.name().into()),
        ("SISYPHUS_FOLDER", event.cwd.clone().into()),
        ("SISYPHUS_PROJECT", project.into()),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn note(id: &str, by: Option<&str>, age: i64) -> ForProgram {
        let now = Utc::now();
        let event = json!({
            "version": 1, "at": now, "id": id, "kind": "command", "session": "s1", "cwd": "/p",
            "description": "", "command": "make", "from": "running", "to": "cancelled", "said": "x",
            "by": by,
        });
        let at = now - chrono::Duration::seconds(age);
        ForProgram { event: serde_json::from_value(event).unwrap(), at }
    }

    /// What the end of a session may have caused is held back for 5 seconds, and what waited for 10 minutes is dropped.
    #[test]
    fn a_note_is_taken_when_it_is_sure() {
        let mut notes = Notes::default();
        notes.for_program = vec![
            note("t1", Some("unknown"), 1),
            note("t2", Some("unknown"), 6),
            note("t3", Some("user"), 0),
            note("t4", None, 700),
            note("t5", None, -60),
        ];
        let mut take = |room| {
            let taken = take(&mut notes, Utc::now(), room);
            taken.iter().map(|note| note.event.id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(take(2), ["t2", "t3"]);
        assert_eq!(take(9), ["t5"]);
        assert_eq!(take(9), [""; 0]);
        assert_eq!(notes.for_program.len(), 1);
    }

    #[test]
    fn what_is_not_known_is_empty() {
        let event = note("t1", None, 0).event;
        let variables = environment(&event, Path::new("/project"));
        let of = |name: &str| variables.iter().find(|(it, _)| *it == name).unwrap().1.clone();
        assert_eq!(of("SISYPHUS_EXIT_CODE"), "");
        assert_eq!(of("SISYPHUS_DESCRIPTION"), "make");
        assert_eq!(of("SISYPHUS_KIND"), "command");
    }
}
