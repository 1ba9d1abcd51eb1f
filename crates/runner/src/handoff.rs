//! What `claim` passes on to the `run` that follows it in the same process: the task, and how the shell was started.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sisyphus_base::atomic;
use sisyphus_base::paths::{StateDir, create_private_dir};
use sisyphus_state::run_root::RunRoot;
use sisyphus_tasks::call::{Announcement, Confinement};

/// Largest handoff, in bytes: an environment, each byte of which takes up to four, and a call with its command.
const HANDOFF_MAX: u64 = 8 * 1024 * 1024;

/// The call that a shell may belong to, and how that shell was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Handoff {
    /// An announced call with the same text.
    pub(crate) announcement: Announcement,
    pub(crate) confinement: Confinement,
    /// No path, because in JSON a path must be UTF-8.
    pub(crate) program: OsString,
    pub(crate) arg0: OsString,
    /// The variables that the shell changed before the snippet ran: each name, and its first value if it had one.
    pub(crate) restore: Vec<(OsString, Option<OsString>)>,
}

/// The folder for handoffs. A handoff names a program that the runner starts, so the folder is in the state folder,
/// which no sandboxed command can write to. Only a shell in the sandbox, which can't write there either, uses Claude
/// Code's temporary folder. `claim` and `run` decide by the same test, so a shell outside never reads what a sandboxed
/// command may have planted.
fn place(state: &StateDir, client_tmp: &Path) -> Result<PathBuf> {
    if state.is_writable() {
        return Ok(state.claims_dir());
    }
    let root = RunRoot::below(client_tmp)?.context("there are no run folders")?;
    Ok(root.claims_dir())
}

impl Handoff {
    /// Posts the handoff for the process that `key` names.
    pub(crate) fn leave(&self, state: &StateDir, client_tmp: &Path, key: &str) -> Result<()> {
        let bytes = serde_json::to_vec(self).context("could not encode a handoff")?;
        let size = bytes.len() as u64;
        anyhow::ensure!(size <= HANDOFF_MAX, "could not hand over an environment of {size} bytes");
        let dir = place(state, client_tmp)?;
        create_private_dir(&dir)?;
        atomic::write(&dir.join(key), &bytes)
    }

    /// Takes the handoff that was posted for `key`.
    pub(crate) fn take(state: &StateDir, client_tmp: &Path, key: &str) -> Result<Self> {
        let path = place(state, client_tmp)?.join(key);
        let bytes = atomic::read(&path, HANDOFF_MAX)?
            .with_context(|| format!("found no handoff at `{}`", path.display()))?;
        // It is removed at once, because it holds values of variables.
        std::fs::remove_file(&path)
            .with_context(|| format!("could not remove `{}`", path.display()))?;
        serde_json::from_slice(&bytes).with_context(|| format!("`{}` is malformed", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sisyphus_testing::files::no_text;

    use super::*;

    fn announcement() -> Announcement {
        let call = serde_json::json!({
            "task": "t1", "ticket": 7, "at": "2026-11-21T02:30:00Z", "session": "s1",
            "tool_use_id": "toolu_1", "cwd": "/", "command": "printf 'a\u{0}b'", "kind": "service",
        });
        serde_json::from_value(call).unwrap()
    }

    #[test]
    fn every_byte_survives() {
        let handoff = Handoff {
            announcement: announcement(),
            confinement: Confinement::Sandboxed,
            program: "/bin/bash".into(),
            arg0: "bash".into(),
            restore: vec![
                ("A".into(), Some("x=y\n'\"".into())),
                ("B".into(), None),
                ("EMPTY".into(), Some("".into())),
                ("BYTES".into(), Some(no_text())),
            ],
        };
        let read_back = |handoff: &Handoff| {
            let bytes = serde_json::to_vec(handoff).unwrap();
            serde_json::from_slice::<Handoff>(&bytes).unwrap()
        };
        assert_eq!(read_back(&handoff), handoff);
        let bare = Handoff { restore: Vec::new(), ..handoff };
        assert_eq!(read_back(&bare), bare);
    }

    #[test]
    fn junk_is_an_error() {
        let whole = json!({
            "announcement": announcement(), "confinement": "outside",
            "program": OsString::from("/bin/sh"), "arg0": OsString::from("sh"), "restore": [],
        });
        let is_handoff = |bytes: &[u8]| serde_json::from_slice::<Handoff>(bytes).is_ok();
        assert!(is_handoff(whole.to_string().as_bytes()));
        for (field, junk) in [
            ("announcement", json!({})),
            ("confinement", json!("elsewhere")),
            ("program", Value::Null),
            ("arg0", Value::Null),
            ("restore", json!(["?A"])),
        ] {
            let mut changed = whole.clone();
            changed[field] = junk;
            assert!(!is_handoff(changed.to_string().as_bytes()), "{changed}");
        }
        let text = whole.to_string();
        for junk in ["", "\0", "{}", &text[..text.len() - 1], &format!("{text}x")] {
            assert!(!is_handoff(junk.as_bytes()), "{junk:?}");
        }
    }
}
