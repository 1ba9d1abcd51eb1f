//! A runner that waits for a slot sleeps until there is one.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use sisyphus_testing::Client;
use sisyphus_testing::shell::Running;

use crate::queue::{job, let_go, pass, session, slots_are, wait_for_line, wait_for_start};

/// Two that wait, behind one that runs. All is quiet: they have found Claude Code's word that they are background commands.
fn two_waiting(client: &Client) -> [Running; 3] {
    let first = job(client, 1);
    wait_for_start(client, &[1]);
    let [second, third] = [2, 3].map(|number| {
        let running = job(client, number);
        wait_for_line(client, number - 1);
        running
    });
    pass(Duration::from_secs(2));
    [first, second, third]
}

fn end(client: &Client, jobs: [Running; 3]) {
    (1..=3).for_each(|number| let_go(client, number));
    for (job, number) in jobs.into_iter().zip(1..) {
        assert_eq!(job.wait().status.code(), Some(number));
    }
}

/// How often it has gone to sleep.
fn sleeps(running: &Running) -> u64 {
    let said = running.process.status_line("voluntary_ctxt_switches").unwrap();
    said.parse().unwrap()
}

#[test]
fn the_first_two_are_not_woken_by_a_clock() {
    let client = session(1);
    let jobs = two_waiting(&client);
    let counts = || [sleeps(&jobs[1]), sleeps(&jobs[2])];
    let before = counts();
    pass(Duration::from_secs(4));
    let woken: u64 = counts().iter().zip(before).map(|(now, before)| now - before).sum();
    assert!(woken <= 2, "woken {woken} times in 4 s");
    end(&client, jobs);
}

/// Long before the look that does without the kernel.
#[test]
fn a_change_of_the_settings_wakes_the_first() {
    let client = session(1);
    let jobs = two_waiting(&client);
    let since = Instant::now();
    slots_are(&client, 2);
    wait_for_start(&client, &[1, 2]);
    assert!(since.elapsed() < Duration::from_secs(20), "it took {:?}", since.elapsed());
    end(&client, jobs);
}

/// As with settings that are kept in a repository.
#[test]
fn so_does_a_change_behind_a_link() {
    let client = session(1);
    let (settings, kept) =
        (client.env.home().join(".claude/settings.json"), client.env.path().join("kept"));
    fs::create_dir(&kept).unwrap();
    let kept = kept.join("settings.json");
    fs::rename(&settings, &kept).unwrap();
    symlink(&kept, &settings).unwrap();
    let jobs = two_waiting(&client);
    let since = Instant::now();
    slots_are(&client, 2);
    assert!(settings.is_symlink());
    wait_for_start(&client, &[1, 2]);
    assert!(since.elapsed() < Duration::from_secs(20), "it took {:?}", since.elapsed());
    end(&client, jobs);
}
