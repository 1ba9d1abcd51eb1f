//! A program of the user's, with its limit.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sisyphus_process::Program;
use sisyphus_testing::{TempDir, wait_until};

const LONG: Duration = Duration::from_secs(20);

/// Runs a script of bash in this folder.
fn script(dir: &TempDir, text: &str, limit: Duration) -> Result<(), String> {
    let program = Program {
        command: ["bash", "-c", text, "name", "an argument"].map(str::to_owned).to_vec(),
        folder: dir.path().to_owned(),
        environment: vec![("SISYPHUS_STATUS", "failed".into())],
        input: b"input\n".repeat(100_000),
        limit,
    };
    program.run().map_err(|error| format!("{error:#}"))
}

#[test]
fn it_gets_its_input_and_its_variables() {
    let dir = TempDir::new();
    let text = "wc -l >lines; echo $SISYPHUS_STATUS $1 >said; echo much; echo more >&2";
    assert_eq!(script(&dir, text, LONG), Ok(()));
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!((read("lines").trim(), read("said").trim()), ("100000", "failed an argument"));
}

#[test]
fn it_says_how_it_failed() {
    let dir = TempDir::new();
    for (text, expected) in [
        ("exit 3", "`bash` ended with exit code 3"),
        ("echo a >&2; echo b >&2; echo >&2; exit 3", "`bash` ended with exit code 3: b"),
        ("kill -15 $$", "`bash` ended with signal 15"),
        ("yes | head -c 3000000 >&2; exit 1", "`bash` ended with exit code 1: y"),
    ] {
        assert_eq!(script(&dir, text, LONG), Err(expected.to_owned()));
    }
    // What it leaves behind may hold its pipes open.
    let begin = Instant::now();
    assert_eq!(script(&dir, "sleep 5 & exit 0", LONG), Ok(()));
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
}

/// At its limit it goes with its whole group, whatever signals it ignores.
#[test]
fn at_its_limit_its_group_is_killed() {
    let dir = TempDir::new();
    let text = "trap '' TERM INT HUP; sleep 1000 & echo $$ $! >pids; echo waits >&2; wait";
    let killed = script(&dir, text, Duration::from_secs(2));
    assert_eq!(killed, Err("`bash` was killed after 2 s: waits".to_owned()));
    for pid in fs::read_to_string(dir.path().join("pids")).unwrap().split_whitespace() {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let is_gone = || {
            // Whatever adopts it may be slow to wait for it.
            let stat = fs::read_to_string(folder.join("stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        wait_until("its end", is_gone);
    }
}
