//! Which runners have a slot and which wait, for people: also those of other configuration folders.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::lock_file::{Occupant, Watched, description_of, occupant_of};
use super::names::names;
use super::slots::numbered;
use super::{LineTicket, RuntimeDir, slots_of, waiting_of};

/// The line outside of the sandbox as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Those that have a slot, by its number.
    pub holders: Vec<Listed<u64>>,
    /// Those that wait, the first in line first.
    pub waiters: Vec<Listed<LineTicket>>,
}

/// A held slot or a place in line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    pub place: T,
    /// What holds it, if it says so: one that took its lock a moment ago has not yet.
    pub occupant: Option<Occupant>,
}

impl Snapshot {
    /// Looks at the line. Changes nothing.
    pub fn read(dir: &RuntimeDir) -> Result<Self> {
        let top = dir.line();
        let context = || format!("could not list `{}`", top.display());
        let slots = numbered(&slots_of(&top)).with_context(context)?;
        let tickets = names(&waiting_of(&top)).with_context(context)?.into_iter();
        let mut tickets: Vec<(LineTicket, PathBuf)> =
            tickets.filter_map(|(name, path)| Some((LineTicket::parse(&name)?, path))).collect();
        tickets.sort();
        Ok(Self { holders: listed(slots), waiters: listed(tickets) })
    }
}

fn listed<T>(files: impl IntoIterator<Item = (T, PathBuf)>) -> Vec<Listed<T>> {
    let held = files.into_iter().filter(|(_, path)| is_held(path));
    held.map(|(place, path)| Listed { place, occupant: occupant_of(&path) }).collect()
}

/// A reader in the sandbox can't open the lock file and goes by the description.
pub(super) fn is_held(path: &Path) -> bool {
    Watched::Lock(path.to_owned()).is_held() || Watched::Description(description_of(path)).is_held()
}
