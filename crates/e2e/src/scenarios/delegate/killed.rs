//! Twenty sessions through five slots, while Claude Code of sessions, runners, the server and the caller are killed at
//! random. No result is lost, and no session starts twice.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::sys;

use super::wait_for_own;
use super::{SOON, delegate, listed, processes, search, session_of, setup, started, turn};
use crate::api::{Api, Block, Request, bash, text};
use crate::home::Home;
use crate::session::Session;
use crate::stage::Stage;
use crate::wait;

const CONVERSATION: &str = "5e551011-0000-4000-8000-000000002020";
const COUNT: usize = 20;
const SEED: u64 = 20;

fn script(request: &Request, _: usize) -> Vec<Block> {
    let Some(name) = session_of(request) else {
        return match turn(request) {
            0 => vec![search()],
            1 => (0..COUNT).map(|number| delegate(&format!("s{number}"))).collect(),
            _ => vec![text("Noted.")],
        };
    };
    if request.tool_results().is_empty() {
        return vec![bash(&format!("echo {name} >> started; sleep 1"))];
    }
    vec![text(format!("Answer of {name}."))]
}

pub(in crate::scenarios) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(5))?;
    let api = Api::start(&home.folder.join("api"), script)?;
    let mut caller = Session::idle(&home, &api, &["--session-id", CONVERSATION])?;
    caller.send("go")?;
    let answered = wait_for_own(&api, 2)?;
    ensure!(super::delegated(&answered).len() == COUNT, "not all were accepted");
    // Dropping one that was killed would end every process of the home.
    let mut callers = vec![caller];
    let killed = kill_some(&home, &api, &mut callers, &mut Dice { state: SEED })?;
    ensure!(killed.len() == 4, "with the seed {SEED} only these were killed: {killed:?}");
    let all = wait::until("all sessions to end", SOON * 2, || {
        let all = listed(&home)?;
        Ok(all.iter().all(|it| !it["ended_at"].is_null()).then_some(all))
    })?;
    ensure!(all.len() == COUNT, "{} records of {COUNT}", all.len());
    let mut words: BTreeMap<String, usize> = BTreeMap::new();
    for task in &all {
        *words.entry(task["status"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    println!("        seed {SEED}, killed: {killed:?}; the ends: {words:?}");
    let mut ran = started(&home);
    let count = ran.len();
    ran.sort();
    ran.dedup();
    ensure!(ran.len() == count, "started twice: {:?}", started(&home));

    let mut caller = callers.pop().context("no caller")?;
    for _ in 0..2 {
        caller.send("what came of them?")?;
        super::settled(&api)?;
    }
    let said = super::settled(&api)?.reminders().join("\n");
    for task in &all {
        let id = task["id"].as_str().unwrap_or_default();
        let sentence = format!("Background task {id} ");
        ensure!(said.matches(&sentence).count() == 1, "not once: {sentence}in {said}");
        let answer = format!("| Answer of {}.", task["description"].as_str().unwrap_or_default());
        let is_right = task["status"] != "completed" || said.matches(&answer).count() == 1;
        ensure!(is_right, "not once: {answer} in {said}");
    }
    caller.finish()
}

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Runner,
    Claude,
    Server,
    Caller,
}

use Target::{Caller, Claude, Runner, Server};

/// The seed decides what is killed, in which order and after which pause. The machine decides which processes there are.
struct Dice {
    state: u64,
}

impl Dice {
    /// One of `0..count`.
    fn below(&mut self, count: usize) -> usize {
        let mut hasher = DefaultHasher::new();
        self.state.hash(&mut hasher);
        self.state = hasher.finish();
        usize::try_from(self.state >> 32).unwrap_or_default() % count.max(1)
    }

    /// Each kind of process several times, in random order.
    fn targets(&mut self) -> Vec<Target> {
        let mut left =
            vec![Runner, Runner, Runner, Claude, Claude, Claude, Server, Server, Caller, Caller];
        let mut order = Vec::new();
        while !left.is_empty() {
            let next = self.below(left.len());
            order.push(left.swap_remove(next));
        }
        order
    }
}

/// Kills processes of each kind, and returns how many. A caller that was killed is resumed; the last one lives.
fn kill_some<'home>(
    home: &'home Home,
    api: &Api,
    callers: &mut Vec<Session<'home>>,
    dice: &mut Dice,
) -> Result<BTreeMap<Target, usize>> {
    let mut killed = BTreeMap::new();
    for target in dice.targets() {
        std::thread::sleep(Duration::from_millis(200) * u32::try_from(dice.below(5))?);
        let found = match target {
            Runner => processes(home, |line| line.contains(" session ") && line.contains("/runs/")),
            Claude => processes(home, |line| line.contains(" --session-id ") && !is_caller(line)),
            Server => processes(home, |line| line.contains("sisyphus-mcp")),
            Caller => {
                callers.last_mut().context("no caller")?.kill()?;
                callers.push(Session::idle(home, api, &["--resume", CONVERSATION])?);
                *killed.entry(target).or_default() += 1;
                continue;
            }
        };
        if !found.is_empty() {
            sys::kill_process(found[dice.below(found.len())]);
            *killed.entry(target).or_default() += 1;
        }
    }
    Ok(killed)
}

/// The caller reads its prompts from its input.
fn is_caller(line: &str) -> bool {
    line.contains("--input-format")
}
