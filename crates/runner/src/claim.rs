//! `claim`: is the shell that asks the one that runs an announced call?

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use sisyphus_attach::execution_string::executes;
use sisyphus_attach::snippet;
use sisyphus_base::hook_log;
use sisyphus_base::id::ClientTaskId;
use sisyphus_base::paths::StateDir;
use sisyphus_base::sys::namespaces;
use sisyphus_process::{Caller, caller, caller_key};
use sisyphus_state::announced::Announced;
use sisyphus_tasks::call::{Announcement, Confinement};

use crate::handoff::Handoff;
use crate::identity::names_of;

/// Claims the announced call that the calling shell executes, and prints how the shell becomes the runner. If nothing is
/// printed, the shell goes on as if nothing had been asked.
pub fn claim(runner: &Path, string: &OsStr) -> ExitCode {
    let Some(state) = StateDir::of_runner(runner) else { return ExitCode::FAILURE };
    match try_claim(runner, &state, string) {
        Ok(Some(handover)) => print(&handover),
        Ok(None) => ExitCode::FAILURE,
        Err(error) => {
            hook_log::append(&state, "sisyphus-run claim", &format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the shell reads it")]
fn print(handover: &str) -> ExitCode {
    match std::io::stdout().write_all(handover.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn try_claim(runner: &Path, state: &StateDir, string: &OsStr) -> Result<Option<String>> {
    let text = string.to_str().context("the execution string is not UTF-8")?;
    // What can't be stripped can't be run again without asking again.
    let attached =
        snippet::read(text, runner).context("the snippet is not in the execution string")?;
    let handover = snippet::handover(runner).context("the runner's path can't be quoted")?;
    let caller = caller()?;
    let [arg0, flag, executed] = caller.args.as_slice() else { return Ok(None) };
    if flag != "-c" || executed != string {
        return Ok(None);
    }
    let Some((client_id, client_tmp)) = names_of(&caller) else { return Ok(None) };
    let key = caller_key()?;
    let announced = Announced::at(&attached.announced_dir);
    let Some(announcement) = announcement(&announced, &client_id, text)? else {
        return Ok(None);
    };
    let Some(confinement) = confinement(&announcement) else { return Ok(None) };
    let restore = changed(&caller, std::env::vars_os());
    let (program, arg0) = (caller.program.clone(), arg0.clone());
    let handoff = Handoff { announcement, confinement, program, arg0, restore };
    handoff.leave(state, &client_tmp, &key)?;
    Ok(Some(handover))
}

/// The call that this shell executes: its own, if the client has named the run already, or an announced one of the same
/// words. Reading consumes nothing: which call an announced one's shell belongs to the client says later.
fn announcement(
    announced: &Announced,
    run: &ClientTaskId,
    text: &str,
) -> Result<Option<Announcement>> {
    let is_executed = |it: &Announcement| executes(text, &it.call.command);
    let own = || announced.expected_call(run).filter(is_executed);
    if let Some(own) = own() {
        return Ok(Some(own));
    }
    let found = announced.list()?.into_iter().find(is_executed);
    // In between both looks the hook may have named the run.
    Ok(found.or_else(own))
}

/// Whether this shell is in the client's sandbox, by the namespaces that the hook saw: never by trying to write. `None`
/// for one in a sandbox that the hook knew nothing of: what its runner reported would not be believed.
fn confinement(announcement: &Announcement) -> Option<Confinement> {
    let is_outside = announcement.namespaces.is_none() || announcement.namespaces == namespaces();
    match announcement.confinement {
        _ if is_outside => Some(Confinement::Outside),
        Confinement::Sandboxed => Some(Confinement::Sandboxed),
        Confinement::Outside => None,
    }
}

/// What the shell changed of its exported variables since it was started. Files that other hooks had put in front of
/// the command may have appended to a variable; run again they would append once more.
fn changed(
    caller: &Caller,
    now: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, Option<OsString>)> {
    let Some(first) = &caller.environment else { return Vec::new() };
    let first: BTreeMap<&OsString, &OsString> =
        first.iter().map(|(name, value)| (name, value)).collect();
    let now: BTreeMap<OsString, OsString> = now.collect();
    let added =
        now.keys().filter(|name| !first.contains_key(name)).map(|name| (name.clone(), None));
    let altered = first
        .iter()
        .filter(|(name, value)| now.get(**name) != Some(**value))
        .map(|(name, value)| ((*name).clone(), Some((*value).clone())));
    added.chain(altered).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_environment_is_restored() {
        let variables = |pairs: &[(&str, &str)]| -> Vec<(OsString, OsString)> {
            pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
        };
        let caller = Caller {
            program: "/bin/bash".into(),
            args: Vec::new(),
            environment: Some(variables(&[("SAME", "1"), ("PATH", "/bin"), ("GONE", "x")])),
            files: Vec::new(),
        };
        let now = variables(&[("SAME", "1"), ("PATH", "/bin:/x"), ("NEW", "y")]);
        let mut changes = changed(&caller, now.into_iter());
        changes.sort();
        assert_eq!(
            changes,
            [
                ("GONE".into(), Some("x".into())),
                ("NEW".into(), None),
                ("PATH".into(), Some("/bin".into()))
            ]
        );
        let unknown = Caller { environment: None, ..caller };
        assert!(changed(&unknown, std::iter::empty()).is_empty());
    }
}
