//! The storm: processes of the home are killed and suspended at random.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::home::Home;
use crate::chaos::random::{Chance, Random};
use crate::chaos::sys;
use crate::e2e::sys::kill_process;

/// The longest pause between two blows, in milliseconds.
const PAUSE: usize = 200;
/// How long one is suspended at most, in milliseconds: longer than hooks and runners wait for the lock of the state.
const SUSPENDED: usize = 2_500;

/// What is hit, by the names of the programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Hook,
    Runner,
    Shell,
    CommandLine,
    Other,
}

impl Kind {
    fn of(program: &str) -> Self {
        match program {
            "sisyphus" => Self::CommandLine,
            "bash" => Self::Shell,
            _ if program.starts_with("sisyphus-run") => Self::Runner,
            _ if program.starts_with("sisyphus-") => Self::Hook,
            _ => Self::Other,
        }
    }
}

/// How often what was hit.
#[derive(Debug, Default)]
pub(super) struct Blows {
    killed: BTreeMap<Kind, usize>,
    suspended: BTreeMap<Kind, usize>,
}

impl Blows {
    pub(super) fn add(&mut self, other: &Self) {
        for (own, theirs) in
            [(&mut self.killed, &other.killed), (&mut self.suspended, &other.suspended)]
        {
            for (kind, count) in theirs {
                *own.entry(*kind).or_default() += count;
            }
        }
    }

    pub(super) fn say(&self) -> String {
        let list = |counts: &BTreeMap<Kind, usize>| {
            let words: Vec<String> =
                counts.iter().map(|(kind, count)| format!("{count} {kind:?}")).collect();
            words.join(", ")
        };
        format!("killed: {}; suspended: {}", list(&self.killed), list(&self.suspended))
    }
}

/// Rages until it is told to stop; what it has suspended goes on then.
pub(super) fn rage(home: &Home, random: &mut Random, is_over: &AtomicBool) -> Blows {
    let mut blows = Blows::default();
    let mut suspended: Vec<(u32, Instant)> = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        thread::sleep(random.pause(PAUSE) + Duration::from_millis(1));
        let now = Instant::now();
        for (process, _) in suspended.extract_if(.., |(_, until)| *until <= now) {
            resume(home, process);
        }
        let Some((process, kind)) = victim(home, random) else { continue };
        if random.happens(35) == Chance::Yes {
            kill_process(process);
            *blows.killed.entry(kind).or_default() += 1;
        } else {
            sys::suspend(process);
            suspended.push((process, now + random.pause(SUSPENDED)));
            *blows.suspended.entry(kind).or_default() += 1;
        }
    }
    for (process, _) in suspended {
        resume(home, process);
    }
    blows
}

fn resume(home: &Home, process: u32) {
    if home.owns(process) {
        sys::resume(process);
    }
}

/// A process of the home. Kinds come before processes: there are few hooks and many shells at any moment.
fn victim(home: &Home, random: &mut Random) -> Option<(u32, Kind)> {
    let mut by_kind: BTreeMap<Kind, Vec<u32>> = BTreeMap::new();
    for process in home.processes() {
        let program = fs::read_link(format!("/proc/{process}/exe")).unwrap_or_default();
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        by_kind.entry(Kind::of(&name)).or_default().push(process);
    }
    let kinds: Vec<Kind> = by_kind.keys().copied().collect();
    // Hooks and runners are what this is about.
    let kind = match random.below(10) {
        0..5 => Kind::Hook,
        5..8 => Kind::Runner,
        _ => *random.pick(&kinds)?,
    };
    let process = *random.pick(by_kind.get(&kind)?)?;
    home.owns(process).then_some((process, kind))
}
