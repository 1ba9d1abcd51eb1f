//! One result and five kinds of events at the same moment: exactly one hook reports it. If that hook is killed, another
//! one reports the result again and marks it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sisyphus_testing::TestEnv;

use crate::payload::with;
use crate::session::Session;
use crate::start::{binary_of, log};

/// All of them in a release build; a few where each takes longer.
const ROUNDS: u32 = if cfg!(debug_assertions) { 40 } else { 1_000 };
const KINDS: usize = 5;
const REPEATED: &str = "(possibly repeated) [sisyphus] Background task ";
const TOLD: &str = "[sisyphus] Background task ";

/// Of the hooks of five different events at once, exactly one prints a result.
#[test]
fn five_kinds_of_events_get_one_reminder() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let mut by_kind = [0; KINDS];
    let mut late = 0;
    for number in 1..=ROUNDS {
        let id = leave_result(&session, number);
        let said: Vec<String> = fire(&session, number).into_iter().map(Fired::end).collect();
        let mut tellings = tellings(&said, &id);
        for (count, said) in by_kind.iter_mut().zip(&said) {
            *count += usize::from(said.contains(TOLD));
        }
        // On a busy machine no hook may get the lock in time, and then none reports the result.
        if tellings == Tellings::default() && a_lock_was_waited_for(&env) {
            late += 1;
            tellings = self::tellings(&[session.types().stdout], &id);
        }
        assert_eq!(tellings, Tellings { first: 1, again: 0 }, "round {number}: {said:?}");
        fs::remove_file(env.state().join("hooks.log")).ok();
    }
    // Applies the last acknowledgement.
    assert_eq!((session.types().stdout.as_str(), session.owed().len()), ("", 0));
    println!(
        "reported by notice, typed, Stop, PostToolUse, SessionStart: {by_kind:?}; late: {late}"
    );
}

/// If a hook dies with a result that it leased, another hook prints the result again and marks it.
#[test]
fn a_killed_hooks_result_comes_again_marked() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let mut chance = Chance(0x5eed);
    let (mut killed, mut claimers, mut again, mut twice, mut late) = (0, 0, 0, 0, 0);
    // About as long as all five take.
    leave_result(&session, 0);
    let start = Instant::now();
    fire(&session, 0).into_iter().map(Fired::end).for_each(drop);
    let window = start.elapsed();
    for number in 1..=ROUNDS {
        let id = leave_result(&session, number);
        let mut fired = fire(&session, number);
        // One that happens to be hit, and one that is known to have claimed the result.
        if number % 2 == 0 {
            let victim = &mut fired[chance.below(KINDS)];
            killed += u32::from(victim.kill(window.mul_f64(chance.fraction())));
        } else {
            claimers += u32::from(kill_claimer(&session, &mut fired));
        }
        let mut said: Vec<String> = fired.into_iter().map(Fired::end).collect();
        // The one that was killed may have been the last event for long; the next one comes some day.
        said.push(session.types().stdout);
        late += u32::from(said[KINDS].contains(TOLD));
        let tellings = tellings(&said, &id);
        assert!(tellings.first + tellings.again > 0, "round {number}: lost, {said:?}");
        assert!(tellings.first <= 1, "round {number}: repeated without a word, {said:?}");
        again += tellings.again;
        twice += usize::from(tellings.first + tellings.again > 1);
        assert!(a_lock_was_waited_for(&env) || log(&env).is_empty(), "{}", log(&env));
        fs::remove_file(env.state().join("hooks.log")).ok();
    }
    // Applies the last acknowledgement.
    assert_eq!((session.types().stdout.as_str(), session.owed().len()), ("", 0));
    println!(
        "{ROUNDS} rounds: killed {killed} at random and {claimers} over their claim; \
         marked {again}, reported twice {twice}, by the next event {late}"
    );
    assert!(killed > 0 && claimers > 0 && again > 0, "no hook was killed in time");
}

/// A background command that has ended a while ago, as its runner leaves it: no commit has seen it. Returns its id.
fn leave_result(session: &Session<'_>, number: u32) -> String {
    let call = session.call(number);
    session.tell(&call.before());
    let lock = call.is_attached();
    session.tell(&call.after());
    let [task] = session.active().try_into().expect("one live task");
    let id = task["id"].as_str().unwrap().to_owned();
    call.has_ended(4, 10);
    drop(lock);
    id
}

/// The five kinds of events, all at once. They are those of one Claude Code, so its session is not a resumed one.
fn fire(session: &Session<'_>, number: u32) -> Vec<Fired> {
    let notice = session.call(number).notice();
    let events: [Value; KINDS] = [
        with(session.event("user-prompt-submit.typed"), "/prompt", notice),
        session.event("user-prompt-submit.typed"),
        session.event("stop.idle"),
        session.event("post-tool-use.bash-foreground"),
        with(session.event("session-start.resume"), "/source", "compact"),
    ];
    let mut fired: Vec<Fired> = events.iter().map(|event| Fired::new(session.env, event)).collect();
    // They have all started and wait for their input.
    for (fired, event) in fired.iter_mut().zip(&events) {
        fired.stdin.write_all(event.to_string().as_bytes()).expect("a hook that reads");
    }
    fired
}

/// Kills the one that has leased the result. Returns whether there was one before all had ended.
fn kill_claimer(session: &Session<'_>, fired: &mut [Fired]) -> bool {
    while fired.iter_mut().any(|fired| fired.child.try_wait().unwrap().is_none()) {
        let active = session.env.state_file("active.json");
        let tasks = active["tasks"].as_array().into_iter().flatten();
        let mut leases = tasks.filter(|task| task["delivery"]["state"] == "leased");
        let claimer = leases.find_map(|task| task["delivery"]["by"]["pid"].as_u64());
        let claimer = fired.iter_mut().find(|it| claimer == Some(u64::from(it.child.id())));
        if let Some(claimer) = claimer {
            return claimer.kill(Duration::ZERO);
        }
    }
    false
}

/// A hook that was started.
struct Fired {
    child: Child,
    stdin: ChildStdin,
}

impl Fired {
    fn new(env: &TestEnv, event: &Value) -> Self {
        let name = event["hook_event_name"].as_str().unwrap();
        let mut command = env.command(&binary_of(name));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        Self { child, stdin }
    }

    /// Kills it after a moment. Returns whether it had not ended by itself.
    fn kill(&mut self, after: Duration) -> bool {
        let due = Instant::now() + after;
        while Instant::now() < due {
            std::hint::spin_loop();
        }
        let lives = self.child.try_wait().unwrap().is_none();
        self.child.kill().unwrap();
        lives
    }

    /// Waits for its end. Returns what it has said, which counts even if it was killed.
    fn end(mut self) -> String {
        let mut said = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        self.child.wait().unwrap();
        said
    }
}

/// How often the hooks reported a result.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tellings {
    first: usize,
    again: usize,
}

fn tellings(said: &[String], id: &str) -> Tellings {
    let mut tellings = Tellings::default();
    for said in said {
        let of_it = format!("{TOLD}{id} ");
        let (all, again) =
            (said.matches(&of_it).count(), said.matches(&format!("{REPEATED}{id} ")).count());
        assert_eq!(said.matches(TOLD).count(), all, "another task: {said}");
        tellings.first += all - again;
        tellings.again += again;
    }
    tellings
}

/// Whether a hook timed out waiting for the lock, and nothing else went wrong.
fn a_lock_was_waited_for(env: &TestEnv) -> bool {
    let log = log(env);
    !log.is_empty() && log.lines().all(|line| line.contains("timed out waiting"))
}

/// Numbers that look random and are the same each time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next()).unwrap() % count
    }

    fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next()).unwrap()) / f64::from(1_u32 << 31)
    }
}
