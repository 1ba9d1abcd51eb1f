//! A command that a person runs in a terminal: checks what is asked for, and hands it to a runner.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use chrono::Utc;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::{SessionId, TaskId, Ticket};
use sisyphus_base::machine::Machine;
use sisyphus_base::text::one_line;
use sisyphus_process::{Plan, exec};
use sisyphus_service::{is_in_group, is_service};
use sisyphus_settings::Settings;
use sisyphus_state::request::{CommandRequest, Slot, write_request};
use sisyphus_state::run::Run;
use sisyphus_state::store::Store;
use sisyphus_tasks::call::beginning;
use sisyphus_tasks::from_terminal::{After, FromTerminal, OutputPlace};
use sisyphus_tasks::memory_limit::MemoryLimit;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};

use crate::launch::{absolute, find_runner, start_runner};

/// The shells that take a line behind `-c`.
const SHELLS: [&str; 4] = ["sh", "bash", "dash", "zsh"];
/// Longest name of a group in an error, in characters.
const NAME_MAX: usize = 200;

/// What a person asks for.
#[derive(Debug, Clone)]
pub struct Order {
    /// The program and its arguments.
    pub words: Vec<OsString>,
    /// The command as the records show it. Groups and services are recognized by it, or by the line that a shell in it runs.
    pub line: String,
    pub folder: PathBuf,
    pub description: String,
    /// The group that the person names. Otherwise the user's patterns decide.
    pub group: Option<String>,
    pub after: Vec<After>,
    pub limit_ms: Option<u64>,
    pub place: OutputPlace,
    pub slot: Slot,
}

impl Order {
    /// The request that a runner takes, by the settings in the folder `config`.
    ///
    /// # Errors
    /// The person names a group that the settings do not have.
    pub fn checked(self, config: &Path) -> Result<CommandRequest> {
        let settings = Settings::read_in(config, Some(&self.folder));
        let (kind, group) = self.kind_and_group(&settings)?;
        let status = Status::Pending { announced_at: Utc::now() };
        // No conversation has it. A session of its own makes the name of its run folder.
        let session = SessionId::random();
        let mut task = Task::new(TaskId::random(), Ticket::now(), session, self.folder, status);
        task.machine = Machine::here();
        (task.kind, task.group) = (kind, group);
        task.command = beginning(&self.line);
        task.description = beginning(&self.description);
        task.limit_ms = self.limit_ms;
        task.memory_limit = MemoryLimit::of(settings.memory_limit_mb);
        let from_terminal = FromTerminal { place: self.place, after: self.after };
        task.from_terminal = Some(Box::new(from_terminal));
        Ok(CommandRequest { task, words: self.words, slot: self.slot })
    }

    fn kind_and_group(&self, settings: &Settings) -> Result<(Kind, Option<String>)> {
        if let Some(name) = &self.group {
            let is_known = settings.groups.iter().any(|group| &group.name == name);
            ensure!(
                is_known,
                "could not run in the group `{}`: `sisyphus.groups` in settings.json has no such group",
                one_line(name, NAME_MAX)
            );
            return Ok((Kind::Command, Some(name.clone())));
        }
        let line = self.line_of_shell().unwrap_or(&self.line);
        if is_service(line, &settings.service_patterns) {
            return Ok((Kind::Service, None));
        }
        let mut groups = settings.groups.iter();
        let its = groups.find(|group| is_in_group(line, &group.patterns));
        Ok((Kind::Command, its.map(|group| group.name.clone())))
    }

    /// The line that a shell is to run, as in `sh -c 'make && make test'`: that is what the person means.
    fn line_of_shell(&self) -> Option<&str> {
        let [shell, option, line, ..] = self.words.as_slice() else { return None };
        let name = Path::new(shell).file_name()?;
        (option == "-c" && SHELLS.iter().any(|it| name == *it)).then(|| line.to_str())?
    }
}

/// Starts a runner that outlives this process. Returns when it has recorded the command.
pub fn run_detached(store: &Store, request: &CommandRequest) -> Result<()> {
    let run = hand_over(store, request)?;
    start_runner(store.dir(), "command", &run).context("could not run it")
}

/// Replaces this process by a runner, and that way by the command. Returns only if that fails.
pub fn run_here(store: &Store, request: &CommandRequest) -> anyhow::Error {
    let become_runner = || {
        let runner = find_runner(store.dir())?;
        let run = hand_over(store, request)?;
        Ok(become_program(runner, vec!["command".into(), absolute(&run)?]))
    };
    become_runner().unwrap_or_else(|error| error)
}

/// Replaces this process by the command itself, without a queue and a record. Returns only if that fails.
pub fn run_unsupervised(words: &[OsString]) -> anyhow::Error {
    let (program, args) =
        words.split_first().map_or_else(Default::default, |(it, rest)| (it.clone(), rest.to_vec()));
    become_program(program.into(), args)
}

fn become_program(program: PathBuf, args: Vec<OsString>) -> anyhow::Error {
    exec(&Plan { arg0: program.clone().into(), program, args, environment: Vec::new() })
}

fn hand_over(store: &Store, request: &CommandRequest) -> Result<Run> {
    let state = store.dir();
    state.create()?;
    state.ensure_writable()?;
    let run = Run::started_by_us(state, &request.task.session, &request.task.id);
    write_request(&run, request)?;
    Ok(run)
}

/// The shell that runs the text of a command again, and its arguments: the one that Claude Code would start.
pub fn in_shell(line: &str, environment: &Environment) -> Vec<OsString> {
    vec![environment.command_shell().into(), "-c".into(), line.into()]
}
