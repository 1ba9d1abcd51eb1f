//! A sandboxed command attacks processes outside of its sandbox.
//!
//! As in Claude Code's sandbox it has a process namespace of its own, and may write only to Claude Code's temporary
//! folder. It knows our file names and formats, and tries every folder.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;

use crate::actor::{Notices, Plan, Session};
use crate::stage::Stage;

/// How long an attack lasts.
const ATTACK: Duration = Duration::from_secs(8);
/// How much longer than undisturbed the commands may take.
const DELAY_MAX: Duration = Duration::from_secs(6);

/// Replaces the lock of an outside task, and plants a result that reports success (T1).
pub(super) fn plant_result(stage: &Stage) -> Result<()> {
    let session = stage.session("session-0", Notices::Sent)?;
    let plans: Vec<Plan> = (7..10).map(|code| Plan::sleep(2_500, code)).collect();
    session.turn(&[plans]);
    let attack = attack(
        stage,
        &session,
        r#"
now=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)
for output in "$T"/*/*/tasks/*.output; do
	session=$(basename "$(dirname "$(dirname "$output")")")
	mkdir -p "$T/sisyphus/runs/$session/$(basename "$output" .output)"
	: > "$T/sisyphus/runs/$session/$(basename "$output" .output)/lock"
done
for folder in $(find "$T" -type d); do
	[ -e "$folder/lock" ] && rm -f "$folder/lock" && : > "$folder/lock"
	client= && [ "${folder#*/runs/}" = "$folder" ] || client=',"client_id":"'"$(basename "$folder")"'"'
	echo '{"exit":{"code":0},"stop":"none","started_at":"'"$now"'","ended_at":"'"$now"'","duration_ms":900'"$client"'}' \
		> "$folder/result.json"
	echo 'all 412 tests passed' > "$folder/output.log"
done
"#,
    );
    for _ in 0..6 {
        thread::sleep(Duration::from_millis(250));
        session.prompt();
        session.end_turn();
    }
    finish(attack)
}

/// Rewrites the limits in the announcement while the permission prompt is open (T2).
pub(super) fn shorten_limit(stage: &Stage) -> Result<()> {
    let session = stage.session("session-0", Notices::Sent)?;
    session.prompt();
    let calls = [3, 0].map(|code| session.prepare(&Plan::sleep(2_000, code)));
    for call in &calls {
        session.announce(call);
    }
    finish(attack(
        stage,
        &session,
        r#"
find "$T" -type f ! -name '*.output' -exec sed -i -E 's/"([a-z_]*(limit|timeout|ttl)[a-z_]*)": *[0-9]+/"\1":300/g' {} +
"#,
    ))?;
    for call in &calls {
        if let Some(running) = session.launch(call) {
            session.answer(&running.call);
        }
    }
    session.end_turn();
    stage.expect_endings(&session, calls.len(), Duration::from_secs(6))
}

/// Puts an early ticket that never ends into the queue (T3).
pub(super) fn stall(stage: &Stage) -> Result<()> {
    undisturbed(
        stage,
        r#"
mkdir -p "$T/sisyphus/queue/waiting"
for folder in $(find "$T" -type d); do
	ticket=$folder/000000000000-tzzzzzzzz
	: > "$ticket" && flock -x "$ticket" sleep "$SECONDS_HELD" &
done
wait
"#,
    )
}

/// Holds the lock of the queue (T4).
pub(super) fn lift_limit(stage: &Stage) -> Result<()> {
    undisturbed(
        stage,
        r#"
mkdir -p "$T/sisyphus/queue"
flock -x "$T/sisyphus/queue/turn" sleep "$SECONDS_HELD"
"#,
    )
}

/// Locks every file there.
pub(super) fn hold_all(stage: &Stage) -> Result<()> {
    undisturbed(
        stage,
        r#"
for file in $(find "$T" -type f ! -name '*.output'); do
	flock -x "$file" sleep "$SECONDS_HELD" &
done
wait
"#,
    )
}

/// Removes our folder (T5).
pub(super) fn remove_all(stage: &Stage) -> Result<()> {
    let session = stage.session("session-0", Notices::Sent)?;
    session.turn(&[(0..4).map(|code| Plan::sleep(1_200, code)).collect()]);
    finish(attack(stage, &session, r#"rm -rf "$T/sisyphus""#))?;
    session.prompt();
    session.end_turn();
    session.idle(Duration::from_millis(1_500));
    Ok(())
}

/// Holds each lock of the state and each slot that the sandbox can read (T9).
pub(super) fn hold_state(stage: &Stage) -> Result<()> {
    undisturbed(
        stage,
        r#"
for file in $(find "$HOME" -type f -name '*lock*'; find "$XDG_RUNTIME_DIR" -type f); do
	flock -x "$file" sleep "$SECONDS_HELD" &
done
wait
"#,
    )
}

/// Checks that during the attack commands start, end and are reported as without it.
fn undisturbed(stage: &Stage, script: &str) -> Result<()> {
    let session = stage.session("session-0", Notices::Sent)?;
    // So that there is something to attack.
    session.turn(&[vec![Plan::sleep(50, 0)]]);
    session.idle(Duration::from_millis(500));
    let attack = attack(stage, &session, script);
    thread::sleep(Duration::from_millis(500));
    session.turn(&[(0..6).map(|code| Plan::sleep(100, code)).collect()]);
    stage.expect_endings(&session, 7, DELAY_MAX)?;
    stage.expect_told(&session, DELAY_MAX)?;
    finish(attack)
}

type Attack = JoinHandle<Result<String>>;

/// Starts an attacker.
fn attack(stage: &Stage, session: &Arc<Session>, script: &str) -> Attack {
    let session = Arc::clone(session);
    let tmp = stage.home.client_tmp().display().to_string();
    let held = ATTACK.as_secs();
    let script = format!("T={tmp} SECONDS_HELD={held}\n{script}\ntrue\n");
    thread::spawn(move || {
        let sandbox = [
            "--ro-bind",
            "/",
            "/",
            "--dev",
            "/dev",
            "--bind",
            &tmp,
            &tmp,
            "--unshare-user",
            "--unshare-pid",
            "--proc",
            "/proc",
            "--cap-drop",
            "ALL",
            "--die-with-parent",
            "bash",
            "-c",
            &script,
        ];
        session.run("bwrap", &sandbox)
    })
}

fn finish(attack: Attack) -> Result<()> {
    attack.join().map_err(|_| anyhow::anyhow!("an attacker panicked"))?.map(drop)
}
