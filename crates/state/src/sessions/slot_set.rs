//! Which sessions share slots.

use sisyphus_settings::SlotLimit;
use sisyphus_tasks::session::Delegated;
use sisyphus_tasks::task::{Kind, Task};

use crate::active::Active;
use crate::agents::{Limits, Pool};

/// Sessions that share a limit: those of one depth whose limit comes from the same setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotSet {
    pub depth: u32,
    pub pool: Pool,
}

impl SlotSet {
    /// The set that a session belongs to, and its limit now.
    pub fn of(session: &Delegated, limits: &Limits) -> (Self, SlotLimit) {
        // The model that the call names decides: what the session reports later must not move it to another set.
        let (pool, limit) = limits.pool_of(session.model.as_deref());
        (Self { depth: session.depth, pool }, limit)
    }

    /// Its limit now; the default limit if the user has removed its own since.
    pub fn limit(&self, limits: &Limits) -> SlotLimit {
        let own = limits.named().find(|(pool, _)| pool == &self.pool);
        own.map_or(limits.default_limit(), |(_, limit)| limit)
    }

    /// The name of its folder.
    pub(crate) fn folder(&self) -> String {
        let pool = match &self.pool {
            Pool::Default => "default".to_owned(),
            Pool::Model(key) => format!("model-{}", hex(key)),
            Pool::Provider(key) => format!("provider-{}", hex(key)),
        };
        format!("{}-{pool}", self.depth)
    }
}

/// A user's key as part of a file name, whatever its characters are.
fn hex(key: &str) -> String {
    // A file name has at most 255 bytes. Of longer keys, two may share their slots.
    key.trim().bytes().take(100).map(|byte| format!("{byte:02x}")).collect()
}

/// The sessions of this set that are not over.
pub(super) fn sharing<'a>(
    active: &'a Active,
    set: &'a SlotSet,
    limits: &'a Limits,
) -> impl Iterator<Item = &'a Task> {
    active.live().filter(move |other| {
        let session = other.delegated.as_deref().filter(|_| other.kind == Kind::Session);
        session.is_some_and(|session| &SlotSet::of(session, limits).0 == set)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key that looks like a path stays one name.
    #[test]
    fn a_folder_is_one_name() {
        let set = |pool| SlotSet { depth: 1, pool }.folder();
        assert_eq!(set(Pool::Default), "1-default");
        assert_eq!(set(Pool::Model("../o".into())), "1-model-2e2e2f6f");
        assert!(set(Pool::Provider("ä".repeat(300))).len() < 255);
    }
}
