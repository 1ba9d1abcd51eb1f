//! One example of each text that the model reads, for the page `docs/what-claude-reads.md`.

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;

use chrono::{DateTime, Utc};
use sisyphus_base::environment::Attendance;
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::paths::StateDir;
use sisyphus_settings::{Foreground, Group, Settings, SlotLimit};
use sisyphus_state::agents::{FormerCall, Limits, News};
use sisyphus_state::line::{GroupQueue, Listed, Occupant, Snapshot};
use sisyphus_state::run::Run;
use sisyphus_state::store::{Active, Leased, LeasedMatches, MatchWakes, Tally};
use sisyphus_tasks::agent_call::AgentCall;
use sisyphus_tasks::code_zero::{CodeZero, Options, Place};
use sisyphus_tasks::delivery::Attempt;
use sisyphus_tasks::kept_output::KeptOutput;
use sisyphus_tasks::matches::Found;
use sisyphus_tasks::oom_kill::OomKill;
use sisyphus_tasks::outcome::{AgentFailure, LostReason, Outcome};
use sisyphus_tasks::session::{Changes, SessionReport, Worktree};
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::samples::{confirmed, delegated, finished, in_status, with_ending};
use sisyphus_tasks::task::{Kind, Task};
use sisyphus_tasks::usage::Usage;

use super::{
    Background, MATCHES_MOST, Rest, Surroundings, agent_news, agent_waits, duplicate_line,
    duplicate_refused, group_refused, launch_line, matches_said, reminder, sleep_refused,
    stall_line, table,
};

/// What the model reads on one occasion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// When the model reads it.
    pub occasion: &'static str,
    pub text: String,
    /// How many tokens the text may cost, without quoted output; `None` if its length depends on the tasks.
    pub budget: Option<usize>,
}

impl Example {
    /// An estimate of its tokens, without quoted output: a quarter of its characters.
    pub fn tokens(&self) -> usize {
        let own = self.text.lines().filter(|line| !line.starts_with("| "));
        own.map(|line| line.chars().count() + 1).sum::<usize>().div_ceil(4)
    }
}

/// A result without its quoted output.
const RESULT: usize = 90;
/// The result of a delegated session, without its answer.
const SESSION: usize = 120;
/// The line of a queued command.
const QUEUED: usize = 45;
/// The answer to a denied call.
const DENIED: usize = 70;
/// The texts about a group.
const GROUP: usize = 85;
/// The lines of a running command, without the lines themselves.
const MATCHES: usize = 60;
/// The line of a queued agent.
const QUEUED_AGENT: usize = 80;

fn example(occasion: &'static str, text: String, budget: usize) -> Example {
    Example { occasion, text, budget: Some(budget) }
}

/// All examples. Their outputs are written below `folder`.
pub fn examples(folder: &Path) -> io::Result<Vec<Example>> {
    let mut all = results(folder)?;
    all.extend(commands(folder));
    all.extend(agents());
    all.extend(sessions(folder)?);
    Ok(all)
}

fn results(folder: &Path) -> io::Result<Vec<Example>> {
    let state = StateDir::at(folder);
    let tests =
        "compiling 12 files\nerror: auth/login.test: expected 200, got 401\n47 passed, 3 failed\n";
    let failed = done("t4kd9", "run the tests", "npm test", Outcome::Failed { exit_code: 1 });
    let failed = with_output(folder, failed, tests)?;
    let completed = done("t7mxq", "build", "npm run build", Outcome::Completed);
    let completed = with_output(folder, completed, &"built a part\n".repeat(40))?;
    let masked = done("t5hbr", "run the tests", "npm test | tail -1", Outcome::Completed);
    let mut masked = with_output(folder, masked, "47 passed, 3 failed\n")?;
    let (program, place) = ("tail".to_owned(), Place::PipelineEnd);
    masked.code_zero = Some(CodeZero { program, place });
    let masked = with_ending(masked, |ending| ending.options = Options::Usual);
    let killed = Outcome::Failed { exit_code: 137 };
    let killed = done("t6npw", "build the server", "make server", killed);
    let killed = with_output(folder, killed, "bash: line 1: 4711 Killed\n")?;
    let killed = with_ending(killed, |ending| {
        ending.usage = Some(Usage { cpu_ms: 192_000, largest_process_bytes: 1_200_000_000 });
        ending.oom_kill = Some(OomKill::ControlGroup);
    });
    let timed_out = Outcome::TimedOut { limit_ms: Some(1_800_000) };
    let timed_out = done("t2wvn", "sync", "rsync -a a/ host:b/", timed_out);
    let lost = Outcome::Lost { why: LostReason::RunnerDied };
    let lost = done("t9fcz", "seed the database", "make seed", lost);
    let last = Rest::default();
    let more = Rest { live: 2, ..Rest::default() };
    let tally: Tally = ["failed", "completed", "completed"].into_iter().collect();
    let sum = Rest { sum: tally, ..Rest::default() };
    let said = |task: &Task, attempt, rest: &Rest| {
        let leased = Leased { task: task.clone(), attempt };
        reminder(&[leased], rest, &state, Settings::default().output_lines).unwrap_or_default()
    };
    let result = |occasion, text| example(occasion, text, RESULT);
    Ok(vec![
        result("A command fails", said(&failed, Attempt::First, &more)),
        result("A command succeeds, and no other runs", said(&completed, Attempt::First, &last)),
        result("A success whose exit code says little", said(&masked, Attempt::First, &last)),
        result("The last of three commands finishes", said(&completed, Attempt::First, &sum)),
        result(
            "The kernel ends a process for want of memory",
            said(&killed, Attempt::First, &last),
        ),
        result("A command runs into its time limit", said(&timed_out, Attempt::First, &last)),
        result("The runner of a command is killed", said(&lost, Attempt::First, &last)),
        result(
            "A hook died after it printed a result: the model may have read it",
            said(&failed, Attempt::Redelivery, &last),
        ),
        result(
            "The exit code of a command that was reported as lost becomes known",
            said(&failed, Attempt::Correction, &last),
        ),
    ])
}

fn commands(folder: &Path) -> Vec<Example> {
    let limits = limits(2);
    let line = Snapshot::default();
    let mut active = Active::default();
    active.insert(live("t4kd9", 1, "run the tests", running(0)));
    active.insert(live("t7mxq", 2, "build", running(60)));
    let queued = live("t2wvn", 3, "lint", waits());
    active.insert(queued.clone());
    let mut first = live("t4kd9", 1, "run the tests", running(0));
    first.limit_ms = Some(1_800_000);
    let launched = |active: &Active, task: &Task| {
        launch_line(active, &line, task, &limits, Attendance::Attended).unwrap_or_default()
    };
    let one = live("t4kd9", 1, "run the tests", running(0));
    let denied = sleep_refused(&[&one], at(90));
    let group = group().unwrap_or_default();
    let lines = ["error: cannot find `x`", "error: cannot find `y`"].map(str::to_owned).to_vec();
    let watched = Found { lines, more: 3, address: None };
    let address = Some("➜  Local:   http://localhost:5173/".to_owned());
    let listens = Found { address, ..Found::default() };
    let matches = |occasion, found| {
        let leased = LeasedMatches { task: one.clone(), found, attempt: Attempt::First };
        let said = matches_said(&[leased], MatchWakes::Left, MATCHES_MOST);
        example(occasion, said.unwrap_or_default(), MATCHES)
    };
    let silent = "A command has printed nothing for `sisyphus.stale_minutes`";
    vec![
        example("A command starts in a terminal", launched(&active, &first), QUEUED),
        example("A command has to wait", launched(&active, &queued), QUEUED),
        example("A command of a group has to wait", group.0, GROUP),
        example("`\"foreground\": \"ask\"`, and the group is full", group.1, GROUP),
        example(
            "The same command already runs in that folder",
            duplicate_line(&one, &one.session, at(90)),
            QUEUED,
        ),
        example(
            "`sisyphus.deny_duplicates` is on",
            duplicate_refused(&one, &one.session, at(90)),
            DENIED,
        ),
        example(silent, stall_line(&one, at(0), at(300)), QUEUED),
        matches("A line of a watched command matches", watched),
        matches("A service says where it listens", listens),
        example("A call that only sleeps is denied while a command runs", denied, DENIED),
        Example {
            occasion: "A session is resumed or compacted",
            text: live_table(&active, &StateDir::at(folder)),
            budget: None,
        },
    ]
}

/// What the model reads of a group: of a command that waits for it, and instead of one in the foreground.
fn group() -> Option<(String, String)> {
    let group = Group {
        name: "build".to_owned(),
        patterns: vec!["cargo *".to_owned()],
        limit: NonZeroUsize::MIN,
        foreground: Foreground::Asks,
    };
    let limits = Limits::of(&Settings { groups: vec![group], ..Settings::default() });
    let of_group = |mut task: Task| {
        task.group = Some("build".to_owned());
        task
    };
    let holder = of_group(live("t4kd9", 1, "build the server", running(0)));
    let occupant = Occupant {
        task: TaskId::new(holder.client_id()?.as_str()).ok()?,
        folder: Some("/home/dev/server".to_owned()),
        configuration: None,
        pid: 1,
    };
    let holders = vec![Listed { place: 1, occupant: Some(occupant) }];
    let queue = GroupQueue { holders, waiters: Vec::new() };
    let mut line = Snapshot::default();
    line.groups.insert("build".to_owned(), queue);
    let waits = of_group(live("t7mxq", 2, "run the tests", waits()));
    let mut active = Active::default();
    active.insert(holder);
    active.insert(waits.clone());
    let waits = launch_line(&active, &line, &waits, &limits, Attendance::Unattended)?;
    Some((waits, group_refused(&active, &line, "build", NonZeroUsize::MIN)))
}

fn live_table(active: &Active, state: &StateDir) -> String {
    let (line, limits) = (Snapshot::default(), limits(2));
    let around = Surroundings { line: Some(&line), limits: &limits, state, now: at(90) };
    table(active, |_| true, around).unwrap_or_default()
}

fn agents() -> Vec<Example> {
    let limits = limits(2);
    let mut active = Active::default();
    let agents = [("t4kd9", 1, running(60)), ("t7mxq", 2, running(60)), ("t2wvn", 3, waits())];
    for (id, number, status) in agents {
        let mut task = live(id, number, "explore the API", status);
        task.kind = Kind::Agent;
        active.insert(task);
    }
    let queued = active.tasks.last();
    let waits = queued.and_then(|agent| agent_waits(&active, agent, &limits, at(90)));
    let denied = SessionId::new("session-1").ok().map(|session| {
        News::Denied(FormerCall {
            session,
            description: "review the migration".to_owned(),
            call: AgentCall::default(),
            machine: None,
        })
    });
    let denied = denied.and_then(|call| agent_news(&[call])).unwrap_or_default();
    vec![
        example("An agent over the limit is launched", waits.unwrap_or_default(), QUEUED_AGENT),
        example("An earlier version of the plugin denied an agent over the limit", denied, DENIED),
    ]
}

fn waits() -> Status {
    Status::Queued { queued_at: at(70) }
}

/// What the model reads of delegated sessions.
fn sessions(folder: &Path) -> io::Result<Vec<Example>> {
    let state = StateDir::at(folder);
    let report = SessionReport {
        model: Some("claude-opus-5-5".to_owned()),
        tool_calls: 31,
        turns: Some(12),
        cost_micro_usd: Some(420_000),
        ..SessionReport::default()
    };
    let worktree = Worktree {
        path: "/home/dev/proj/.claude/worktrees/review".into(),
        branch: Some("worktree-review".to_owned()),
        changes: Some(Changes { files: 2, commits: 1 }),
        removed_at: None,
    };
    let denied = ["Bash", "Write", "Bash"].map(str::to_owned).to_vec();
    let good = SessionReport { worktree: Some(worktree), denied, ..report.clone() };
    let good = delegated(done("t4kd9", "review the migration", "", Outcome::Completed), Some(good));
    let answer = "The migration has two risks:\n1. it locks `orders` while it copies\n2. it can't be undone\n";
    let good = with_output(folder, good, answer)?;
    let bad = SessionReport { problem: Some("API Error: 500".to_owned()), ..report };
    let failed = Outcome::AgentFailed { why: AgentFailure::Error };
    let bad = delegated(done("t7mxq", "write the tests", "", failed), Some(bad));
    let bad = with_output(folder, bad, "I have read the module. Now I write the tests.\n")?;
    let mut active = Active::default();
    for (id, number, since) in [("t4kd9", 1, 0), ("t7mxq", 2, 60)] {
        active.insert(delegated(live(id, number, "review", running(since)), None));
    }
    active.insert(delegated(live("t2wvn", 3, "write the tests", waits()), None));
    let run = active.tasks.first().and_then(|task| Run::of(task, &state));
    if let Some(run) = run {
        run.create()?;
        fs::write(run.report(), "{\"tool_calls\":7}")?;
    }
    let said = |task: &Task, rest: &Rest| {
        let leased = Leased { task: task.clone(), attempt: Attempt::First };
        reminder(&[leased], rest, &state, Settings::default().output_lines).unwrap_or_default()
    };
    let more = Rest { live: 2, background: Background::Tasks, ..Rest::default() };
    let last = Rest { background: Background::Tasks, ..Rest::default() };
    Ok(vec![
        example("A delegated session finishes", said(&good, &more), SESSION),
        example("A delegated session fails", said(&bad, &last), SESSION),
        Example {
            occasion: "A session is resumed or compacted while delegated sessions run and wait",
            text: live_table(&active, &state),
            budget: None,
        },
    ])
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap_or_default()
}

fn limits(slots: usize) -> Limits {
    let slots = NonZeroUsize::new(slots).map_or(SlotLimit::Unlimited, SlotLimit::AtMost);
    Limits::of(&Settings { max_background_tasks: slots, ..Settings::default() })
}

fn running(since: i64) -> Status {
    Status::Running { started_at: at(since), watch: Watch::Supervised }
}

fn live(id: &str, number: u64, description: &str, status: Status) -> Task {
    let mut task = in_status(confirmed(id, number), status);
    description.clone_into(&mut task.description);
    task.client_limit_ms = None;
    task
}

fn done(id: &str, description: &str, command: &str, outcome: Outcome) -> Task {
    let mut task = finished(id, outcome);
    description.clone_into(&mut task.description);
    command.clone_into(&mut task.command);
    with_ending(task, |ending| ending.duration_ms = Some(72_000))
}

/// Writes an output to Claude Code's file, and a copy to the runner's.
fn with_output(folder: &Path, mut task: Task, output: &str) -> io::Result<Task> {
    let state = StateDir::at(folder);
    let client_file = folder.join(format!("{}.output", task.id));
    fs::create_dir_all(state.output_dir())?;
    fs::write(state.output(&task.id), output)?;
    fs::write(&client_file, output)?;
    let bytes = output.len() as u64;
    task.output = Some(KeptOutput { bytes, dropped: 0, client_file: Some(client_file) });
    Ok(task)
}

#[cfg(test)]
mod tests {
    use sisyphus_testing::TempDir;

    use super::*;

    /// No text costs more than its budget, and none is empty.
    #[test]
    fn every_text_keeps_its_budget() {
        let dir = TempDir::new();
        for example in examples(dir.path()).unwrap() {
            let tokens = example.tokens();
            assert!(example.text.contains("[sisyphus] "), "{example:?}");
            assert!(example.budget.is_none_or(|budget| tokens <= budget), "{tokens}: {example:?}");
        }
    }
}
