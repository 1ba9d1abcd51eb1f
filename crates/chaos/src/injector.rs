//! The fault injector: kills hooks, runners, shells and clients, and suspends hooks, each at a random moment.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use sisyphus_harness::sys::kill_process;

use super::ledger::{Cause, Event, Ledger};
use super::lock;
use super::random::{Chance, Random};
use super::running::Running;
use super::sys;
use super::tree::tree;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kills {
    None,
    Hooks,
    Runners,
    /// Hooks, runners, shells and clients; hooks are also suspended, maybe while they hold the lock.
    Everything,
}

/// How many of a thousand hooks are killed, and within how many milliseconds of their start.
const HOOKS: usize = 50;
const HOOK_MS: usize = 20;
/// How many of a thousand hooks are suspended, and for how many milliseconds at most.
const SUSPENDED: usize = 20;
const SUSPENDED_MS: usize = 600;
/// How many of a thousand runners, and of the shells below them, are killed, and within how many milliseconds.
const RUNNERS: usize = 25;
const SHELLS: usize = 10;
const COMMAND_MS: usize = 300;
/// How many of a thousand turns end with the death of the fake client.
const CLIENTS: usize = 100;

/// Chooses the processes by its seed.
#[derive(Debug)]
pub(super) struct Injector {
    kills: Kills,
    random: Mutex<Random>,
}

impl Injector {
    pub(super) fn new(kills: Kills, seed: u64) -> Self {
        Self { kills, random: Mutex::new(Random::of(seed, 1)) }
    }

    pub(super) fn aim_at_hook(&self, process: u32) {
        let mut random = lock(&self.random);
        if matches!(self.kills, Kills::Hooks | Kills::Everything) && hits(&mut random, HOOKS) {
            let pause = random.pause(HOOK_MS);
            thread::spawn(move || {
                thread::sleep(pause);
                kill_process(process);
            });
        } else if self.kills == Kills::Everything && hits(&mut random, SUSPENDED) {
            let (pause, length) = (random.pause(HOOK_MS), random.pause(SUSPENDED_MS));
            thread::spawn(move || {
                thread::sleep(pause);
                sys::suspend(process);
                thread::sleep(length);
                sys::resume(process);
            });
        }
    }

    pub(super) fn aim_at_command(&self, ledger: &Ledger, running: &Running) {
        if !matches!(self.kills, Kills::Runners | Kills::Everything) {
            return;
        }
        let mut random = lock(&self.random);
        let cause = if hits(&mut random, RUNNERS) {
            Cause::Runner
        } else if self.kills == Kills::Everything && hits(&mut random, SHELLS) {
            Cause::Shell
        } else {
            return;
        };
        let pause = random.pause(COMMAND_MS);
        let (ledger, running) = (ledger.clone(), running.clone());
        thread::spawn(move || {
            thread::sleep(pause + Duration::from_millis(5));
            kill_command(&ledger, &running, cause);
        });
    }

    /// Whether the injector kills the fake client in this turn.
    pub(super) fn hits_client(&self) -> bool {
        self.kills == Kills::Everything && hits(&mut lock(&self.random), CLIENTS)
    }
}

/// Kills a command's runner, or the shell below it. It writes to the ledger first.
pub(super) fn kill_command(ledger: &Ledger, running: &Running, cause: Cause) {
    if running.has_exited() {
        return;
    }
    let process = match cause {
        Cause::Shell => tree(running.process).get(1).copied(),
        Cause::Runner | Cause::TaskStop => Some(running.process),
    };
    let Some(process) = process else { return };
    if ledger.append(&Event::Killed { call: running.call.number, cause }).is_ok() {
        kill_process(process);
    }
}

fn hits(random: &mut Random, of_thousand: usize) -> bool {
    random.happens_per_mille(of_thousand) == Chance::Yes
}
