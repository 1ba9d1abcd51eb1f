//! The slots: numbered lock files, `slot-1` and up.
//!
//! A runner locks first and counts afterwards. It has a slot only if the held locks, including its own, are within the
//! limit. Of all runners with a slot, the last to lock has counted the others. So there are never more slots than the
//! limit, and no second lock is needed. A free number within the limit is enough as long as nothing is held beyond it:
//! then the numbers themselves are the limit. Beyond it are the slots of a lowered limit and those of
//! [`Slots::overflow`].

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound::{Excluded, Unbounded};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sisyphus_settings::SlotLimit;

use super::lock_file::{Held, Watched, description_of, remove_free};
use super::names::names;

/// How often a runner tries to get a slot: other runners probe slots and release some.
const ATTEMPTS: usize = 3;
/// Without a limit, a runner picks one of so many numbers, so that not all try the same ones.
const SPREAD: u64 = 10_000;

/// How many may run, and how many of those slots commands can't use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    pub limit: SlotLimit,
    /// How many slots agents hold.
    pub agents: usize,
}

impl Capacity {
    /// What is left of the limit if `elsewhere` more are held; `None` without a limit.
    fn remaining(self, elsewhere: usize) -> Option<u64> {
        match self.limit {
            SlotLimit::Unlimited => None,
            SlotLimit::AtMost(slots) => {
                let left = slots.get().saturating_sub(self.agents).saturating_sub(elsewhere);
                Some(u64::try_from(left).unwrap_or(u64::MAX))
            }
        }
    }
}

/// A held slot. Dropping it releases the slot.
#[derive(Debug)]
pub struct SlotGuard {
    pub(super) held: Held,
}

/// The slots of one folder.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    pub(super) dir: PathBuf,
    /// The slots outside the sandbox, for a sandboxed runner.
    pub(super) outside: Option<PathBuf>,
}

/// Held slots by number.
type Numbered = BTreeMap<u64, Watched>;

impl Slots {
    /// Acquires a slot, or returns the held ones. `seed` spreads runners that may use any number.
    pub(super) fn acquire(
        &self,
        capacity: Capacity,
        seed: u64,
    ) -> Result<Result<SlotGuard, Vec<Watched>>> {
        let mut busy = Vec::new();
        for _ in 0..ATTEMPTS {
            let elsewhere = self.held_outside();
            let Some(limit) = capacity.remaining(elsewhere.len()) else {
                return self.take_from(1 + seed % SPREAD).map(Ok);
            };
            let held = self.held()?;
            let reach = reach(&held, limit);
            let free = (1..=reach).filter(|number| !held.contains_key(number));
            let mut missed = Vec::new();
            let taken = free.map(|number| {
                missed.push(Watched::Lock(self.path(number)));
                self.take(number)
            });
            let Some(taken) = taken.into_iter().find_map(Result::transpose).transpose()? else {
                return Ok(Err(held.into_values().chain(missed).chain(elsewhere).collect()));
            };
            // This includes its own.
            let now = self.held()?;
            if u64::try_from(now.len()).is_ok_and(|count| count <= limit) {
                return Ok(Ok(taken));
            }
            let others = now.into_values().filter(|it| it.path() != taken.held.path());
            busy = others.chain(elsewhere).collect();
            drop(taken);
            std::thread::yield_now();
        }
        Ok(Err(busy))
    }

    /// Acquires a slot beyond the limit, for a command that must not wait. It counts as held for all others.
    pub(super) fn overflow(&self, capacity: Capacity, seed: u64) -> Result<SlotGuard> {
        self.take_from(capacity.remaining(0).unwrap_or(0).saturating_add(1 + seed % SPREAD))
    }

    /// Whether a slot is free.
    pub(super) fn have_room(&self, capacity: Capacity) -> Result<bool> {
        let Some(limit) = capacity.remaining(self.held_outside().len()) else { return Ok(true) };
        Ok(u64::try_from(self.held()?.len()).is_ok_and(|count| count < limit))
    }

    fn take(&self, number: u64) -> Result<Option<SlotGuard>> {
        let path = self.path(number);
        let held = Held::take(&path);
        let held = held.with_context(|| format!("could not lock `{}`", path.display()))?;
        Ok(held.map(|held| SlotGuard { held }))
    }

    /// Acquires the first free slot from `first` on. Skips files that are not our lock files, which a sandboxed command
    /// may have put there.
    fn take_from(&self, first: u64) -> Result<SlotGuard> {
        let mut refused = None;
        for number in first..first.saturating_add(SPREAD) {
            match self.take(number) {
                Ok(Some(slot)) => return Ok(slot),
                Ok(None) => {}
                Err(error) => refused = Some(error),
            }
        }
        Err(refused
            .unwrap_or_else(|| anyhow::anyhow!("all slots of `{}` are held", self.dir.display())))
    }

    /// The held slots. Removes what a killed runner left.
    fn held(&self) -> Result<Numbered> {
        let mut held = Numbered::new();
        for (number, path) in numbered(&self.dir)? {
            let slot = Watched::Lock(path);
            if slot.is_held() {
                held.insert(number, slot);
            } else {
                remove_free(slot.path());
            }
        }
        Ok(held)
    }

    /// The slots that are held outside the sandbox, as seen from inside; none for a runner outside.
    fn held_outside(&self) -> Vec<Watched> {
        let Some(dir) = &self.outside else { return Vec::new() };
        held_descriptions(dir).into_values().collect()
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("slot-{number}"))
    }
}

/// The held slots as their descriptions show them, for a process that can't open the lock files.
pub(super) fn held_descriptions(dir: &Path) -> Numbered {
    let all = numbered(dir).unwrap_or_default().into_iter();
    let seen = all.map(|(number, path)| (number, Watched::Description(description_of(&path))));
    seen.filter(|(_, slot)| slot.is_held()).collect()
}

pub(super) fn numbered(dir: &Path) -> io::Result<BTreeMap<u64, PathBuf>> {
    let number = |name: &str| {
        let number: u64 = name.strip_prefix("slot-")?.parse().ok()?;
        // Reject other spellings of the same number.
        (number > 0 && name == format!("slot-{number}")).then_some(number)
    };
    let names = names(dir)?.into_iter();
    Ok(names.filter_map(|(name, path)| Some((number(&name)?, path))).collect())
}

/// The highest number that may be used: all numbers up to it and the held ones above it together fit the limit.
fn reach(held: &Numbered, limit: u64) -> u64 {
    let fits = |number: &u64| {
        let above =
            u64::try_from(held.range((Excluded(number), Unbounded)).count()).unwrap_or(u64::MAX);
        number.saturating_add(above) <= limit
    };
    (0..=limit).rev().find(fits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_beyond_the_limit_takes_of_it() {
        let cases: [(&[u64], u64, u64); 12] = [
            (&[1], u64::MAX, u64::MAX),
            // held, limit, reach
            (&[], 2, 2),
            (&[1], 2, 2),
            (&[1, 2], 2, 2),
            (&[3], 2, 1),
            (&[2, 3], 2, 0),
            (&[7, 8], 2, 0),
            (&[5, 7, 8], 2, 0),
            (&[9], 3, 2),
            (&[3, 9], 3, 1),
            (&[1, 9], 3, 2),
            (&[], 0, 0),
        ];
        for (held, limit, expected) in cases {
            let numbered = held.iter().map(|number| (*number, Watched::Lock("x".into()))).collect();
            assert_eq!(reach(&numbered, limit), expected, "{held:?} {limit}");
        }
    }
}
