//! The account: what the client knows against what is recorded and what was told.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ledger::{Effect, Entry, Ledger, Mark, Stop, Telling};
use super::records::Records;
use crate::stand_in::End;

/// What the account comes to.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) violations: Vec<String>,
    /// How many calls came to which end.
    pub(super) calls: BTreeMap<&'static str, usize>,
    /// What is no violation and still worth knowing.
    pub(super) notes: BTreeMap<&'static str, usize>,
}

/// A record, and where it stands.
struct Found<'a> {
    task: &'a Value,
    place: &'a str,
}

impl Found<'_> {
    fn id(&self) -> &str {
        self.task["id"].as_str().unwrap_or_default()
    }

    fn outcome(&self) -> &str {
        self.task["status"]["outcome"].as_str().unwrap_or_default()
    }

    /// The client has told the model that its stop worked.
    fn needs_no_telling(&self) -> bool {
        self.outcome() == "cancelled" && self.task["status"]["by"] == "model"
    }
}

/// Draws up the account.
pub(super) fn check(ledger: &Ledger, records: &Records) -> Account {
    let mut account = Account { violations: ledger.complaints(), ..Account::default() };
    account.violations.extend(records.broken.iter().cloned());
    let active = records.active.iter().map(|task| Found { task, place: "active.json" });
    let finished = records.finished.iter().map(|(place, task)| Found { task, place });
    let found: Vec<Found<'_>> = active.chain(finished).collect();
    let mut by_call: BTreeMap<&str, Vec<&Found<'_>>> = BTreeMap::new();
    for found in &found {
        let call = found.task["description"].as_str().unwrap_or_default();
        by_call.entry(call).or_default().push(found);
    }
    each_in_one_place(&mut account, &found);
    for entry in ledger.entries() {
        let records = by_call.get(entry.call.description.as_str());
        one_call(&mut account, &entry, records.map_or(&[], Vec::as_slice));
    }
    each_told(&mut account, ledger, &by_call);
    nothing_owed(&mut account, records);
    account
}

impl Account {
    fn violated(&mut self, what: String) {
        self.violations.push(what);
    }

    fn note(&mut self, what: &'static str) {
        *self.notes.entry(what).or_default() += 1;
    }
}

fn each_in_one_place(account: &mut Account, found: &[Found<'_>]) {
    let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for found in found {
        places.entry(found.id()).or_default().push(found.place);
        if found.place == "active.json" {
            account.violated(format!("still active: {}", found.task));
        }
    }
    for (id, places) in places.iter().filter(|(_, places)| places.len() > 1) {
        account.violated(format!("`{id}` stands in {}", places.join(" and in ")));
    }
}

/// What became of a call, and whether that can be.
fn one_call(account: &mut Account, entry: &Entry, records: &[&Found<'_>]) {
    let wrong = |what: &str| format!("it {what}: {entry}; recorded: {}", shown(records));
    if entry.announced == Effect::Missing {
        account.note("announcements not recorded, PreToolUse having been hit");
    }
    let Some(end) = entry.end else {
        if !records.is_empty() {
            account.violated(wrong("was denied and is recorded"));
        }
        *account.calls.entry("denied and forgotten").or_default() += 1;
        return;
    };
    command_was_left_alone(account, entry, end, &wrong);
    let what = match records {
        // Both hooks that could have told us of it were killed, or could not get the lock.
        [] if !is_known(entry) => "unknown, its hooks having been hit",
        [] => {
            account.violated(wrong("was called a background task and is nowhere"));
            "lost"
        }
        [one] => {
            was_seen_right(account, entry, end, one, &wrong);
            match one.outcome() {
                "completed" | "failed" => "ended by itself",
                "cancelled" => "stopped",
                "lost" => "recorded as lost",
                "killed" => "recorded as killed",
                _ => "recorded as ended, nobody knows how",
            }
        }
        [_, ..] => {
            if entry.bound == Effect::Seen {
                account.violated(wrong("is recorded more than once"));
            }
            // Its runner and the client's notice were never brought together.
            account.note("calls recorded twice, PostToolUse having been hit");
            "recorded twice"
        }
    };
    *account.calls.entry(what).or_default() += 1;
}

/// Whether the client's word for it has reached us.
fn is_known(entry: &Entry) -> bool {
    entry.bound == Effect::Seen || entry.heard == Effect::Seen
}

/// The command ran once and ended as without us, unless the storm or the model hit it.
fn command_was_left_alone(
    account: &mut Account,
    entry: &Entry,
    end: End,
    wrong: &dyn Fn(&str) -> String,
) {
    let End::Code(code) = end else {
        if entry.began > 1 {
            account.violated(wrong("began more than once"));
        }
        return;
    };
    if entry.stop == Stop::None && entry.began != 1 {
        account.violated(wrong("did not begin exactly once"));
    }
    if entry.stop == Stop::None && entry.code.is_some_and(|expected| expected != code) {
        account.violated(wrong("did not end with its exit code"));
    }
}

/// An exit code that is recorded is the one that the client saw.
fn was_seen_right(
    account: &mut Account,
    entry: &Entry,
    end: End,
    found: &Found<'_>,
    wrong: &dyn Fn(&str) -> String,
) {
    let End::Code(code) = end else { return };
    if entry.stop == Stop::Asked {
        return;
    }
    let recorded = &found.task["status"]["exit_code"];
    let is_right = match found.outcome() {
        "completed" => code == 0,
        "failed" => recorded.as_i64() == Some(code.into()),
        "lost" => {
            account.note("calls recorded as lost though the client saw their end");
            true
        }
        _ => true,
    };
    if !is_right {
        account.violated(wrong("ended in another way"));
    }
}

/// Whatever the client called a background task is told once, and again only with a mark; nothing else is told.
fn each_told(account: &mut Account, ledger: &Ledger, by_call: &BTreeMap<&str, Vec<&Found<'_>>>) {
    let mut told: BTreeMap<String, Vec<Telling>> = BTreeMap::new();
    for telling in ledger.tellings() {
        told.entry(telling.call.clone()).or_default().push(telling);
    }
    for entry in ledger.entries() {
        let call = &entry.call.description;
        let told = told.remove(call).unwrap_or_default();
        let records = by_call.get(call.as_str()).map_or(&[][..], Vec::as_slice);
        let mut violated = |what: &str| {
            let marks: Vec<(&str, Mark)> =
                told.iter().map(|telling| (telling.task.as_str(), telling.mark)).collect();
            account
                .violations
                .push(format!("it {what}: told {marks:?}; {entry}; recorded: {}", shown(records)));
        };
        let first = told.iter().filter(|telling| telling.mark == Mark::None).count();
        if first > 1 {
            violated("was told again without a mark");
        }
        if told.iter().any(|telling| records.iter().all(|found| found.id() != telling.task)) {
            violated("was told under an id that is nowhere");
        }
        if is_known(&entry) {
            if told.is_empty() && !records.iter().any(|found| found.needs_no_telling()) {
                violated("was told to nobody");
            }
        } else if !told.is_empty() {
            violated("was told, and the client never called it a background task");
        }
        if told.len() > 1 {
            account.note("results told again, marked as possibly repeated");
        }
    }
    for call in told.into_keys() {
        account.violated(format!("{call} was told and never made"));
    }
}

fn nothing_owed(account: &mut Account, records: &Records) {
    for (session, outbox) in &records.outboxes {
        let claims = outbox["claims"].as_array().into_iter().flatten();
        let claimed = claims.flat_map(|claim| claim["tasks"].as_array().into_iter().flatten());
        let owed = outbox["owed"].as_array().into_iter().flatten();
        for task in claimed.chain(owed).filter(|task| task["client"]["said_by"] == "client") {
            account.violated(format!("{session} is still owed {task}"));
        }
    }
}

fn shown(records: &[&Found<'_>]) -> String {
    let one = |found: &&Found<'_>| {
        format!("`{}` in {} as {}", found.id(), found.place, found.task["status"])
    };
    let all: Vec<String> = records.iter().map(one).collect();
    if all.is_empty() { "nowhere".to_owned() } else { all.join(", ") }
}
