//! The run folders, which the client's sandbox can write to, and what came to them from there.

use std::collections::BTreeSet;
use std::fs;

use chrono::{DateTime, Utc};
use sisyphus_core::run_root::RunRoot;

use super::finding::{Finding, named, plain};
use super::ground::Ground;

/// How many run folders are looked at.
const LOOKED_AT: usize = 5_000;

pub(super) fn look(ground: &Ground) -> Vec<Finding> {
    let root = match RunRoot::open(&ground.environment) {
        Ok(Some(root)) => root,
        Ok(None) => return vec![Finding::fine("there are no run folders yet")],
        Err(error) => {
            return vec![Finding::broken(
                plain(&format!("{error:#}")),
                "until it is gone, commands are only observed",
            )];
        }
    };
    let mut found = vec![Finding::fine(format!("run folders are in {}", named(root.path())))];
    let sessions = fs::read_dir(root.runs_dir()).into_iter().flatten().flatten().take(LOOKED_AT);
    let runs = sessions.filter_map(|it| fs::read_dir(it.path()).ok()).flatten().flatten();
    let results = runs.filter(|run| run.path().join("result.json").is_file()).count();
    if results > 0 {
        found.push(Finding::note(
            format!("{results} results there are not taken over yet"),
            "`sisyphus list` takes over those of known commands, `sisyphus clean` removes the rest",
        ));
    }
    // Made by the first claim that could not be handed over in the state folder.
    if let Ok(at) = root.claims_dir().metadata().and_then(|it| it.modified()) {
        let at = DateTime::<Utc>::from(at);
        let mut finding = Finding::fine(format!(
            "commands in Claude Code's sandbox were attached by way of it, last at {}",
            at.format("%Y-%m-%d %H:%M UTC")
        ));
        finding.at = Some(at);
        found.push(finding);
    }
    let elsewhere: BTreeSet<_> =
        ground.active().into_iter().filter_map(|it| it.client_tmp).collect();
    for other in elsewhere.iter().filter(|other| other.as_path() != root.client_tmp_dir()) {
        found.push(match RunRoot::below(other) {
            Ok(Some(_)) => {
                Finding::fine(format!("tasks of other sessions are in {}", named(other)))
            }
            Ok(None) => Finding::note(
                format!("tasks are said to be in {}, which is gone", named(other)),
                "`sisyphus list` takes note of it",
            ),
            Err(error) => Finding::broken(
                plain(&format!("{error:#}")),
                "until it is gone, nothing is known of the tasks there",
            ),
        });
    }
    found
}
