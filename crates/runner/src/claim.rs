//! `claim`: decides whether the calling shell runs an announced call.

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

/// Claims the announced call that the calling shell executes, and prints the line that makes the shell the runner. If
/// `claim` prints nothing, the shell continues as it would without the snippet.
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
    // A string that still contains the snippet would make the second shell ask again.
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
    let Some(confinement) = confinement(&announcement, namespaces()) else { return Ok(None) };
    let restore = changed(&caller, std::env::vars_os());
    let (program, arg0) = (caller.program.clone().into(), arg0.clone());
    let handoff = Handoff { announcement, confinement, program, arg0, restore };
    handoff.leave(state, &client_tmp, &key)?;
    Ok(Some(handover))
}

/// The call that this shell executes: its own, if Claude Code has named the run already, or an announced one with the
/// same text. Reading removes nothing, because only Claude Code's answer says which call the shell belongs to.
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
    // The hook may have named the run between the two reads.
    Ok(found.or_else(own))
}

/// Whether this shell, whose namespaces are `own`, is in Claude Code's sandbox. The namespaces that the hook saw decide,
/// never an attempt to write. `None` for a sandbox that the hook did not know about: no process would believe what its
/// runner reported. Where there are no namespaces, `None` for each that the hook did know about: nothing tells whether it
/// was left, and inside it a runner can record nothing.
fn confinement(announcement: &Announcement, own: Option<(u64, u64)>) -> Option<Confinement> {
    match (announcement.namespaces, announcement.confinement) {
        (None, Confinement::Outside) => Some(Confinement::Outside),
        (None, Confinement::Sandboxed) => None,
        (outside, _) if outside == own => Some(Confinement::Outside),
        (_, Confinement::Sandboxed) => Some(Confinement::Sandboxed),
        (_, Confinement::Outside) => None,
    }
}

/// The exported variables that the shell has changed since it started. The env files of other hooks run before the
/// command and may append to a variable. They run again, and would append once more.
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
    use chrono::Utc;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hook_decides_where_the_shell_is() {
        use Confinement::{Outside, Sandboxed};
        let (ours, others) = (Some((1, 2)), Some((1, 3)));
        let cases = [
            (ours, Outside, ours, Some(Outside)),
            // Settings or the call let it out.
            (ours, Sandboxed, ours, Some(Outside)),
            (ours, Sandboxed, others, Some(Sandboxed)),
            (ours, Sandboxed, None, Some(Sandboxed)),
            (ours, Outside, others, None),
            (ours, Outside, None, None),
            // A system without namespaces.
            (None, Outside, None, Some(Outside)),
            (None, Sandboxed, None, None),
        ];
        for (of_hook, announced, of_shell, expected) in cases {
            let call = json!({
                "session": "s1", "tool_use_id": "toolu_1", "cwd": "/", "command": "true",
                "kind": "command",
            });
            let mut announcement =
                Announcement::new(serde_json::from_value(call).unwrap(), Utc::now());
            announcement.namespaces = of_hook;
            announcement.confinement = announced;
            let case = format!("{of_hook:?} {announced:?} {of_shell:?}");
            assert_eq!(confinement(&announcement, of_shell), expected, "{case}");
        }
    }

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
