//! One of many who use the plugin at the same time.

use std::fs;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::cast::{Cast, Notice, Plan, begin_line, lock};
use crate::chaos::random::{Chance, Random};
use crate::stand_in::Call;

/// How many tasks may be left running for good.
const LEFT_MAX: usize = 8;
/// The longest command that ends by itself, in milliseconds; most are far shorter.
const LONGEST: usize = 600;
/// How long the model lets a command run that it stops, in milliseconds at most.
const PATIENCE: usize = 1_000;

/// Goes on until the storm is over.
pub(super) fn write(cast: &Cast<'_>, random: &mut Random, until: Instant) -> Result<()> {
    while Instant::now() < until {
        cast.finish_left()?;
        let player = random.below(cast.players.len());
        match random.below(100) {
            0..53 => cast.finish(cast.begin(player, short(cast, random))?)?,
            53..57 => stopped(cast, random, player)?,
            57..60 => cancelled(cast, random, player)?,
            60..66 => cast.denied(player, short(cast, random)),
            66..68 => service(cast, player)?,
            68..76 => foreground(cast, random, player)?,
            76..86 => drop(cast.prompt(player)),
            86..93 => drop(cast.end_turn(player)),
            93..95 => drop(cast.compact(player)),
            _ => list(cast, random),
        }
    }
    Ok(())
}

/// A command that ends by itself.
fn short(cast: &Cast<'_>, random: &mut Random) -> Plan {
    let code = i32::try_from(random.below(3)).unwrap_or_default();
    let seconds = random.pause(LONGEST).as_secs_f64();
    let rest = match random.below(4) {
        0 => format!("exit {code}"),
        1 => format!("seq 1 200; sleep {seconds}; exit {code}"),
        // One that leaves something behind.
        2 => format!("sleep {seconds} & exit {code}"),
        _ => format!("sleep {seconds}; exit {code}"),
    };
    Plan::new(cast, &rest, Some(code))
}

fn stopped(cast: &Cast<'_>, random: &mut Random, player: usize) -> Result<()> {
    let live = cast.begin(player, Plan::new(cast, "exec sleep 30", Some(0)))?;
    thread::sleep(random.pause(PATIENCE));
    let notice = if random.happens(50) == Chance::Yes { Notice::Sent } else { Notice::Left };
    cast.stop(live, notice)
}

/// One that a person stops. Where that is not possible it ends by itself.
fn cancelled(cast: &Cast<'_>, random: &mut Random, player: usize) -> Result<()> {
    let live = cast.begin(player, Plan::new(cast, "exec sleep 4", Some(0)))?;
    thread::sleep(random.pause(PATIENCE));
    cast.cancel(live)
}

/// One that runs until somebody ends it, and takes no slot.
fn service(cast: &Cast<'_>, player: usize) -> Result<()> {
    if lock(&cast.left).len() >= LEFT_MAX {
        return Ok(());
    }
    let number = cast.number();
    let log = cast.home.project().join(format!("service-{number}.log"));
    fs::write(&log, format!("{}\n", begin_line(&format!("call {number}"))))
        .with_context(|| format!("could not write `{}`", log.display()))?;
    let live = cast.begin(
        player,
        Plan { number, command: format!("tail -f service-{number}.log"), code: None },
    )?;
    lock(&cast.left).push(live);
    Ok(())
}

/// A command that nobody announced. Nothing of ours may touch it.
fn foreground(cast: &Cast<'_>, random: &mut Random, player: usize) -> Result<()> {
    let plan = short(cast, random);
    let call = Call {
        tool_use_id: String::new(),
        command: plan.command,
        description: format!("call {}", plan.number),
    };
    let (session, id) = (&cast.players[player].session, format!("f{:08}", plan.number));
    let status = cast.home.shell(session, &call, &id)?.wait()?;
    let printed = fs::read_to_string(session.output(&id)).unwrap_or_default();
    let begin = begin_line(&call.description);
    let began = printed.lines().filter(|line| *line == begin).count();
    if status.code().is_some() && (status.code() != plan.code || began != 1) {
        cast.ledger.complain(format!(
            "the foreground command `{}` ended with {status}, begun {began} times",
            call.command
        ));
    }
    Ok(())
}

fn list(cast: &Cast<'_>, random: &mut Random) {
    let arguments: &[&str] = match random.below(3) {
        0 => &["list"],
        1 => &["list", "--json"],
        _ => &["list", "--json", "--all"],
    };
    let Some(stdout) = cast.ledger.note(cast.home.sisyphus(arguments)) else { return };
    if arguments.len() > 1 && serde_json::from_str::<Value>(&stdout).is_err() {
        cast.ledger.complain(format!("`sisyphus list --json` printed no JSON: {stdout}"));
    }
}
