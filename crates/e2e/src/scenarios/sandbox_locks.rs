//! T3, T4 and T5: a sandboxed command holds every lock that it can open or create, in every folder of the queue, and
//! removes what it can. Commands of another session still start outside, in order, and never more than the limit
//! allows.

use std::fs;
use std::ops::Range;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use sisyphus_harness::program;

use super::attacker::Attacker;
use super::queue::{SLOTS, check_log};
use crate::api::{Api, Block, bash, text};
use crate::home::{Home, Setup};
use crate::session::{BYPASS, Session};
use crate::stage::Stage;
use crate::wait;

const LIMIT: Duration = Duration::from_secs(30);
/// In the sandbox the second in the queue looks for a free slot twice a second.
const LOOK: Duration = Duration::from_millis(1_500);
/// The first is a call of the attacker's session, the others belong to another session.
const COMMANDS: usize = 5;
/// The exit code of the first; the others count up from it.
const CODE: usize = 20;

const STEPS: &str = r#"
umask 077
# Names that sort before every ticket, of 0.1.0 and of now.
FIRST='000000000000-tzzzzzzzz 00000000000000000000-00000000-tzzzzzzzz'
hold_anew() { mkdir -p "${1%/*}" && rm -f "$1" && hold '<>' "$1"; }
planted() {
	for top in "$ROOT/queue" "$ROOT/line"; do
		for name in {waiting,running,slots}/{slot-1,slot-2} turn; do
			attempt 'hold a lock below tmp' hold_anew "$top/$name"
		done
		for name in $FIRST; do attempt 'stand first below tmp' hold_anew "$top/waiting/$name"; done
	done
	for name in $FIRST; do attempt 'stand first outside' hold '<>' "$RUNTIME/line/waiting/$name"; done
	for folder in "$RUNTIME" "$RUNTIME"/line "$RUNTIME"/line/*; do
		attempt 'create outside' create "$folder"
		attempt 'move a folder outside' mv -T "$folder" "$folder.moved"
	done
	for folder in "$RUNTIME"/line "$RUNTIME"/line/*; do attempt 'hold a folder outside' hold '<' "$folder"; done
	for folder in /tmp /run; do attempt 'create where the line is by default' create "$folder"; done
	taken "$RUNTIME"/line/slots/slot-? "$RUNTIME"/line/waiting/*
}
taken() {
	for file in "$@"; do
		for way in '<' '>' '<>'; do attempt 'hold a lock outside' hold "$way" "$file"; done
		attempt 'remove a lock outside' rm -f "$file"
		attempt 'hold the words on a lock' hold '<' "$file.json"
		attempt 'change the words on a lock' change "$file.json" '{}'
	done
}
lined_up() {
	taken "$RUNTIME"/line/slots/slot-?
	for words in "$RUNTIME"/line/waiting/*.json; do taken "${words%.json}"; done
}
removed() { attempt 'remove all below tmp' eval 'rm -rf "$ROOT" && [ ! -e "$ROOT" ]'; }
"#;

/// With one slot held, and the files of dead runners: the other slot and a place in the queue.
const PLANTED: [(&str, usize); 11] = [
    ("failed: create where the line is by default", 2),
    ("did: hold a lock below tmp", 14),
    ("did: stand first below tmp", 4),
    ("failed: stand first outside", 2),
    ("failed: create outside", 4),
    ("failed: move a folder outside", 4),
    // The kernel locks any readable folder, but no process uses such a lock.
    ("did: hold a folder outside", 3),
    ("failed: hold a lock outside", 9),
    ("failed: remove a lock outside", 3),
    ("failed: hold the words on a lock", 3),
    ("failed: change the words on a lock", 3),
];

/// The lock files that a killed runner leaves, which no process holds.
const LEFT: &str = r#"
umask 577
for file in slots/slot-1 slots/slot-2 waiting/00000000000000000000-00000000-tleft0000; do
	[ -e "$1/line/$file" ] || : >"$1/line/$file"
done
"#;

/// With all slots held, and the other commands queued.
const LINED_UP: [(&str, usize); 4] = [
    ("failed: hold a lock outside", 3 * COMMANDS),
    ("failed: remove a lock outside", COMMANDS),
    ("failed: hold the words on a lock", COMMANDS),
    ("failed: change the words on a lock", COMMANDS),
];

pub(super) fn run(stage: &Stage) -> Result<()> {
    let settings =
        json!({ "sandbox": { "enabled": true }, "sisyphus": { "max_background_tasks": SLOTS } });
    let home = stage.home("home", &Setup::with_plugin().settings(settings).own_tmp())?;
    let attacker = Attacker::prepare(stage, &home, STEPS)?;
    let inside = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![command(0).exempt(), Attacker::call(&["planted", "lined_up", "removed"])],
        _ => vec![text("Waiting.")],
    })?;
    let outside = Api::start(&home.folder.join("api-outside"), |_, number| match number {
        0 => vec![command(1)],
        2 => (2..COMMANDS).map(command).collect(),
        _ => vec![text("Waiting.")],
    })?;
    let mut session = Session::idle(&home, &inside, &[BYPASS])?;
    session.send("go")?;
    wait_for_start(&home, 0)?;
    let shell = program::need("bash", stage.name)?;
    let left = home.command(&shell).args(["-euc", LEFT, "bash"]).arg(home.runtime()).status()?;
    ensure!(left.success(), "could not leave lock files");
    attacker.play("planted", &PLANTED)?;

    let no_sandbox = json!({ "sandbox": { "enabled": false } }).to_string();
    let mut other = Session::idle(&home, &outside, &[BYPASS, "--settings", &no_sandbox])?;
    other.send("go")?;
    wait_for_start(&home, 1)?;
    outside.wait_for("the end of the turn", LIMIT, |requests| requests.get(1).map(drop))?;
    other.send("the others too")?;
    wait::until_true("all others to be queued", LIMIT, || in_line(&home) == COMMANDS - SLOTS)?;
    all_slots_taken(&home)?;
    for (step, expected) in
        [("lined_up", LINED_UP.as_slice()), ("removed", &[("did: remove all below tmp", 1)])]
    {
        attacker.play(step, expected)?;
        all_slots_taken(&home)?;
    }

    for number in 0..COMMANDS {
        fs::write(home.project.join(format!("stop-{number}")), "")?;
        if number + SLOTS < COMMANDS {
            wait_for_start(&home, number + SLOTS)?;
        }
    }
    check_told(&inside, 0..1)?;
    check_told(&outside, 1..COMMANDS)?;
    check_log(&log(&home), COMMANDS)?;
    attacker.stop()?;
    session.finish()?;
    other.finish()
}

/// Writes to the file `log` when it starts and when it ends. It ends on request.
fn command(number: usize) -> Block {
    let code = CODE + number;
    let wait = format!("until [ -e stop-{number} ]; do sleep 0.1; done");
    let line = format!("echo start {number} >>log; {wait}; echo end {number} >>log; exit {code}");
    bash(&line).description(&format!("number {number}")).background()
}

fn log(home: &Home) -> String {
    fs::read_to_string(home.project.join("log")).unwrap_or_default()
}

fn wait_for_start(home: &Home, number: usize) -> Result<()> {
    let start = format!("start {number}");
    wait::until_true(&format!("command {number} to start"), LIMIT, || {
        log(home).lines().any(|line| line == start)
    })
}

/// How many entries of the queue wait.
fn in_line(home: &Home) -> usize {
    let names = fs::read_dir(home.runtime().join("line/waiting")).into_iter().flatten().flatten();
    names.filter(|it| it.path().extension().is_some_and(|extension| extension == "json")).count()
}

/// Checks that the first two run, and no other one starts.
fn all_slots_taken(home: &Home) -> Result<()> {
    thread::sleep(LOOK);
    let log = log(home);
    ensure!(log == "start 0\nstart 1\n", "the limit is not held:\n{log}");
    Ok(())
}

/// Checks that the session got the report of each of its commands, once.
fn check_told(api: &Api, numbers: Range<usize>) -> Result<()> {
    let outcome = |number: usize| {
        format!("(\"number {number}\") failed with exit code {} after", CODE + number)
    };
    api.wait_for("the ends", LIMIT, |requests| {
        let told = requests.last()?.text();
        numbers.clone().all(|number| told.contains(&outcome(number))).then_some(())
    })?;
    api.wait_until_quiet(Duration::from_secs(2), LIMIT)?;
    let told = api.last()?.text();
    for number in numbers {
        let count = told.matches(&outcome(number)).count();
        ensure!(count == 1, "`{}` was reported {count} times", outcome(number));
    }
    Ok(())
}
