//! Every order of a few sessions and commands that share one slot of each kind: none can wait forever.

use std::collections::HashSet;

/// What needs a slot. Each kind has slots of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Session(u8),
    /// A command of a group, which holds its slot of the group while it waits for one of all commands.
    Group,
    Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Phase {
    Waits,
    Runs,
    /// It holds its slot until the actor of this number is over.
    WaitsFor(usize),
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Actor {
    kind: Kind,
    phase: Phase,
}

/// How many actors there may be in all.
const ACTORS: usize = 6;
/// How many slots each kind has.
const SLOTS: usize = 1;

/// What an actor of this kind may wait for while it holds its slot.
type MayWaitFor = fn(Kind) -> Vec<Kind>;

/// Sessions wait for commands and for sessions one deeper, a group for the slots of all commands. A command that has one
/// of those waits for nothing.
fn ours(kind: Kind) -> Vec<Kind> {
    match kind {
        Kind::Session(depth @ 1..3) => vec![Kind::Group, Kind::Command, Kind::Session(depth + 1)],
        Kind::Session(_) => vec![Kind::Group, Kind::Command],
        Kind::Group => vec![Kind::Command],
        Kind::Command => Vec::new(),
    }
}

/// The states that one step leads to.
fn steps(state: &[Actor], may_wait_for: MayWaitFor) -> Vec<Vec<Actor>> {
    let holds = |actor: &&Actor| matches!(actor.phase, Phase::Runs | Phase::WaitsFor(_));
    let mut next = Vec::new();
    for (number, actor) in state.iter().enumerate() {
        let mut to = |phase| {
            let mut after = state.to_vec();
            after[number].phase = phase;
            next.push(after);
        };
        match actor.phase {
            Phase::Waits => {
                let held = state.iter().filter(holds).filter(|it| it.kind == actor.kind).count();
                if held < SLOTS {
                    to(Phase::Runs);
                }
            }
            Phase::Runs => {
                to(Phase::Over);
                if state.len() < ACTORS {
                    for kind in may_wait_for(actor.kind) {
                        let mut after = state.to_vec();
                        after[number].phase = Phase::WaitsFor(state.len());
                        after.push(Actor { kind, phase: Phase::Waits });
                        next.push(after);
                    }
                }
            }
            Phase::WaitsFor(other) if state[other].phase == Phase::Over => to(Phase::Runs),
            Phase::WaitsFor(_) | Phase::Over => {}
        }
    }
    next
}

/// Every state that can be reached and that no step leads out of.
fn ends(may_wait_for: MayWaitFor) -> Vec<Vec<Actor>> {
    let waiting = |kind| Actor { kind, phase: Phase::Waits };
    let begin = [Kind::Session(1), Kind::Session(1), Kind::Group, Kind::Command];
    let begin = begin.map(waiting).to_vec();
    let (mut seen, mut open) = (HashSet::from([begin.clone()]), vec![begin]);
    let mut ends = Vec::new();
    while let Some(state) = open.pop() {
        let next = steps(&state, may_wait_for);
        if next.is_empty() {
            ends.push(state);
            continue;
        }
        open.extend(next.into_iter().filter(|it| seen.insert(it.clone())));
    }
    ends
}

fn is_over(state: &[Actor]) -> bool {
    state.iter().all(|actor| actor.phase == Phase::Over)
}

#[test]
fn whatever_waits_comes_to_its_turn() {
    let ends = ends(ours);
    assert!(ends.len() > 10 && ends.iter().all(|it| is_over(it)), "{ends:?}");
}

/// The model finds what the order excludes: a command that waits for a session or for its group, and one set of slots
/// for all depths.
#[test]
fn another_order_gets_stuck() {
    let command_waits: MayWaitFor = |kind| match kind {
        Kind::Session(_) | Kind::Group => vec![Kind::Command],
        Kind::Command => vec![Kind::Session(1)],
    };
    let group_second: MayWaitFor = |kind| match kind {
        Kind::Session(_) | Kind::Group => vec![Kind::Command],
        Kind::Command => vec![Kind::Group],
    };
    let one_depth: MayWaitFor = |kind| match kind {
        Kind::Session(_) => vec![Kind::Session(1)],
        Kind::Group | Kind::Command => Vec::new(),
    };
    for wrong in [command_waits, group_second, one_depth] {
        assert!(ends(wrong).iter().any(|it| !is_over(it)));
    }
}
