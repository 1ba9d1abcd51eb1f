//! Which runners hold a slot and which wait. Includes other configuration folders.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::{StateDir, client_config_dir};
use sisyphus_base::process_ref::ProcessRef;

use super::lock_file::{Occupant, Watched, description_of, occupant_of};
use super::names::{self, names};
use super::slots::numbered;
use super::{AgentSlots, LineTicket, RuntimeDir, slots_of, waiting_of};

/// How many groups are read: more than any settings name.
const GROUPS_MAX: usize = 100;

/// The queue outside the sandbox as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The configuration folder of this process.
    own: Option<String>,
    /// How many slots agents of other configuration folders hold.
    pub agents_elsewhere: usize,
    /// The runners that hold a slot, by its number.
    pub holders: Vec<Listed<u64>>,
    /// The runners that wait, the next one first.
    pub waiters: Vec<Listed<LineTicket>>,
    /// The queues of groups, by their names.
    pub groups: BTreeMap<String, GroupQueue>,
}

/// The queue of a group of commands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupQueue {
    /// The runners that hold one of its slots.
    pub holders: Vec<Listed<u64>>,
    /// The runners that wait for one, the next one first.
    pub waiters: Vec<Listed<LineTicket>>,
}

/// What a reader needs to know of the queue. Behind hundreds of waiting runners, reading all of them would be most of
/// what a hook does.
#[derive(Debug, Clone, Copy)]
pub enum View<'a> {
    /// All of it, for people.
    Whole,
    /// Whether a command waits. It starts at once if fewer than so many slots are held: then nothing else is read. If all
    /// are held it waits, whatever waits before it: then the runners that wait are not read.
    Room { slots: usize },
    /// The position of the command with this name. The other runners that wait are only counted.
    PositionOf(&'a str),
}

/// A held slot or a queue entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    pub place: T,
    /// What holds it. A runner that locked it a moment ago has not described itself yet, and a [`View`] may leave it out.
    pub occupant: Option<Occupant>,
}

/// A command's position in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    HasSlot,
    /// At this position. 1 is the next.
    Waits(usize),
}

impl Snapshot {
    /// Reads the queue and changes nothing.
    pub fn read(environment: &Environment, is_alive: fn(&ProcessRef) -> bool) -> Result<Self> {
        Self::read_as(View::Whole, environment, is_alive)
    }

    /// Reads only what the view shows.
    pub fn read_as(
        view: View<'_>,
        environment: &Environment,
        is_alive: fn(&ProcessRef) -> bool,
    ) -> Result<Self> {
        let own = client_config_dir(environment).ok();
        let own = own.map(|dir| dir.to_string_lossy().into_owned());
        let Some(dir) = RuntimeDir::open(environment)? else {
            return Ok(Self { own, ..Self::default() });
        };
        let top = dir.line();
        let context = || format!("could not list `{}`", top.display());
        let groups = groups(&dir, view)?;
        let held = numbered(&slots_of(&top)).with_context(context)?;
        let agents = AgentSlots::of(&dir, &StateDir::locate(environment)?);
        let agents_elsewhere = agents.count_elsewhere(is_alive);
        let is_room =
            |held: usize| matches!(view, View::Room { slots } if held + agents_elsewhere < slots);
        if is_room(held.len()) {
            return Ok(Self { own, groups, ..Self::default() });
        }
        let holders = listed(held, |_| true);
        let waiters = match view {
            View::Room { .. } if !is_room(holders.len()) => Vec::new(),
            View::Whole | View::Room { .. } | View::PositionOf(_) => {
                waiters(&top, view).with_context(context)?
            }
        };
        Ok(Self { own, agents_elsewhere, holders, waiters, groups })
    }

    /// The position of the command with this [name](sisyphus_tasks::task::Task::name_in_queue). `None` if it has not joined this queue, or has
    /// not described itself yet. A runner is queued for a moment even if it gets a slot immediately.
    pub fn standing(&self, id: &str) -> Option<Standing> {
        self.standing_among(&self.holders, &self.waiters, id)
    }

    /// Whether a runner is one of this configuration folder.
    pub fn is_own(&self, occupant: &Occupant) -> bool {
        occupant.configuration == self.own
    }

    /// The same in the queue of a group.
    pub fn standing_in(&self, group: &str, id: &str) -> Option<Standing> {
        let queue = self.groups.get(group)?;
        self.standing_among(&queue.holders, &queue.waiters, id)
    }

    fn standing_among(
        &self,
        holders: &[Listed<u64>],
        waiters: &[Listed<LineTicket>],
        id: &str,
    ) -> Option<Standing> {
        // Another Claude Code may use the same id.
        let is_it = |it: &Occupant| it.task.as_str() == id && self.is_own(it);
        if holders.iter().any(|it| it.occupant.as_ref().is_some_and(is_it)) {
            return Some(Standing::HasSlot);
        }
        let place = waiters.iter().position(|it| it.occupant.as_ref().is_some_and(is_it))?;
        Some(Standing::Waits(place + 1))
    }

    /// Whether it has joined this queue. Of a runner that is not described, the name of its entry decides.
    pub(crate) fn names(&self, id: &str) -> bool {
        let is_new = |it: &Listed<LineTicket>| it.occupant.is_none() && it.place.shell() == id;
        self.standing(id).is_some() || self.waiters.iter().any(is_new)
    }

    /// The other configuration folders that hold slots, with the number for each.
    pub fn elsewhere(&self) -> BTreeMap<&str, usize> {
        let all =
            self.holders.iter().filter_map(|it| it.occupant.as_ref()?.configuration.as_deref());
        let mut elsewhere = BTreeMap::new();
        for configuration in all.filter(|it| Some(*it) != self.own.as_deref()) {
            *elsewhere.entry(configuration).or_default() += 1;
        }
        elsewhere
    }
}

/// The queues of groups. Without groups this costs one failed `open`.
fn groups(dir: &RuntimeDir, view: View<'_>) -> Result<BTreeMap<String, GroupQueue>> {
    let top = dir.groups();
    let context = || format!("could not list `{}`", top.display());
    let names = names::groups(&top).with_context(context)?.into_iter().take(GROUPS_MAX);
    names
        .map(|(name, path)| {
            let held = numbered(&slots_of(&path)).with_context(context)?;
            let waiters = waiters(&path, view).with_context(context)?;
            Ok((name, GroupQueue { holders: listed(held, |_| true), waiters }))
        })
        .collect()
}

/// The runners that wait in the queue in this folder, the next one first.
fn waiters(top: &Path, view: View<'_>) -> io::Result<Vec<Listed<LineTicket>>> {
    let tickets = names(&waiting_of(top))?.into_iter();
    let mut tickets: Vec<(LineTicket, PathBuf)> =
        tickets.filter_map(|(name, path)| Some((LineTicket::parse(&name)?, path))).collect();
    tickets.sort();
    Ok(listed(tickets, |ticket| match view {
        View::Whole | View::Room { .. } => true,
        View::PositionOf(id) => ticket.shell() == id,
    }))
}

/// Those whose runner lives. A killed runner leaves its file, so each lock is tried.
fn listed<T>(
    files: impl IntoIterator<Item = (T, PathBuf)>,
    is_described: impl Fn(&T) -> bool,
) -> Vec<Listed<T>> {
    let held = files.into_iter().filter(|(_, path)| is_held(path));
    let described = held.map(|(place, path)| {
        let occupant = is_described(&place).then(|| occupant_of(&path)).flatten();
        Listed { place, occupant }
    });
    described.collect()
}

/// A reader in the sandbox can't open the lock file and checks the description.
pub(super) fn is_held(path: &Path) -> bool {
    Watched::Lock(path.to_owned()).is_held() || Watched::Description(description_of(path)).is_held()
}
