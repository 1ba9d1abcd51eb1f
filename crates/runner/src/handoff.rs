//! What `claim` passes on to the `run` that follows it in the same process: the task, and how the shell was started.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sisyphus_base::atomic;
use sisyphus_base::paths::{StateDir, create_private_dir};
use sisyphus_process::{bytes_of, text_of};
use sisyphus_state::run_root::RunRoot;
use sisyphus_tasks::call::{Announcement, Confinement};

/// Largest handoff, in bytes: an environment and a call with its command.
const HANDOFF_MAX: u64 = 2 * 1024 * 1024;

/// The call that a shell may belong to, and how that shell was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handoff {
    /// An announced call with the same text.
    pub(crate) announcement: Announcement,
    pub(crate) confinement: Confinement,
    pub(crate) program: PathBuf,
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
        let bytes = self.encode()?;
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
        Self::decode(&bytes).with_context(|| format!("`{}` is malformed", path.display()))
    }

    /// Fields that end with NUL, which neither JSON, paths nor variables can contain. Unlike JSON, this keeps every
    /// other byte of paths and variables.
    fn encode(&self) -> Result<Vec<u8>> {
        let announcement =
            serde_json::to_vec(&self.announcement).context("could not encode a call")?;
        let mut bytes = Vec::new();
        let mut field = |parts: &[&[u8]]| {
            bytes.extend_from_slice(&parts.concat());
            bytes.push(0);
        };
        field(&[&announcement]);
        field(&[match self.confinement {
            Confinement::Outside => b"outside".as_slice(),
            Confinement::Sandboxed => b"sandboxed",
        }]);
        field(&[bytes_of(self.program.as_os_str())]);
        field(&[bytes_of(&self.arg0)]);
        for (name, value) in &self.restore {
            match value {
                Some(value) => field(&[b"+", bytes_of(name), b"=", bytes_of(value)]),
                None => field(&[b"-", bytes_of(name)]),
            }
        }
        Ok(bytes)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut fields =
            bytes.strip_suffix(b"\0").context("the end is missing")?.split(|&byte| byte == 0);
        let mut next = || fields.next().context("a field is missing");
        let announcement = serde_json::from_slice(next()?)?;
        let confinement = match next()? {
            b"outside" => Confinement::Outside,
            b"sandboxed" => Confinement::Sandboxed,
            _ => anyhow::bail!("an unknown confinement"),
        };
        let program = PathBuf::from(text_of(next()?));
        let arg0 = text_of(next()?);
        let restore = fields.map(decode_variable).collect::<Result<_>>()?;
        Ok(Self { announcement, confinement, program, arg0, restore })
    }
}

fn decode_variable(field: &[u8]) -> Result<(OsString, Option<OsString>)> {
    match field.split_first().context("an empty field")? {
        (b'-', name) => Ok((text_of(name), None)),
        (b'+', rest) => {
            let equals =
                rest.iter().position(|&byte| byte == b'=').context("a variable without `=`")?;
            Ok((text_of(&rest[..equals]), Some(text_of(&rest[equals + 1..]))))
        }
        _ => anyhow::bail!("an unknown mark"),
    }
}

#[cfg(test)]
mod tests {
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
                ("BYTES".into(), Some(text_of(&[0xff, 0xfe]))),
            ],
        };
        assert_eq!(Handoff::decode(&handoff.encode().unwrap()).unwrap(), handoff);
        let bare = Handoff { restore: Vec::new(), ..handoff };
        assert_eq!(Handoff::decode(&bare.encode().unwrap()).unwrap(), bare);
    }

    #[test]
    fn junk_is_an_error() {
        let call = serde_json::to_string(&announcement()).unwrap();
        for junk in [
            String::new(),
            "\0".to_owned(),
            call.clone(),
            "{}\0outside\0/bin/sh\0sh\0".to_owned(),
            format!("{call}\0elsewhere\0/bin/sh\0sh\0"),
            format!("{call}\0outside\0/bin/sh\0"),
            format!("{call}\0outside\0/bin/sh\0sh\0?A\0"),
        ] {
            assert!(Handoff::decode(junk.as_bytes()).is_err(), "{junk:?}");
        }
    }
}
