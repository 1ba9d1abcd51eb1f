//! What `claim` tells the `run` that follows it in the same process: which task, and how the shell was started.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use sisyphus_core::atomic;
use sisyphus_core::id::{TaskId, Ticket};
use sisyphus_core::paths::{StateDir, create_private_dir};
use sisyphus_core::run_folder::RunRoot;
use sisyphus_core::task::Kind;
use sisyphus_process::{bytes_of, text_of};

/// Largest handoff, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A claimed task and its shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handoff {
    pub(crate) task: TaskId,
    pub(crate) ticket: Ticket,
    pub(crate) kind: Kind,
    /// The time limit in milliseconds from the real start.
    pub(crate) limit_ms: Option<u64>,
    pub(crate) program: PathBuf,
    pub(crate) arg0: OsString,
    /// What the shell changed of its environment before the snippet came: name, and its first value if it had one.
    pub(crate) restore: Vec<(OsString, Option<OsString>)>,
}

/// The folder where claims are handed over: in the state folder, which no sandboxed command can write to, since what
/// stands there names a program that is started. Only who can't write there either, being in the sandbox itself, uses
/// the run folders. Both sides decide by the same test, so nobody outside ever reads what one inside may have planted.
fn place(state: &StateDir, root: &RunRoot) -> PathBuf {
    if state.is_writable() { state.claims_dir() } else { root.claims_dir() }
}

impl Handoff {
    /// Leaves the handoff for the process that `key` names.
    pub(crate) fn leave(&self, state: &StateDir, root: &RunRoot, key: &str) -> Result<()> {
        let bytes = self.encode();
        let size = bytes.len() as u64;
        anyhow::ensure!(size <= MAX_BYTES, "could not hand over an environment of {size} bytes");
        let dir = place(state, root);
        create_private_dir(&dir)?;
        atomic::write(&dir.join(key), &bytes)
    }

    /// Takes the handoff that was left for `key`.
    pub(crate) fn take(state: &StateDir, root: &RunRoot, key: &str) -> Result<Self> {
        let path = place(state, root).join(key);
        let bytes = atomic::read(&path, MAX_BYTES)?
            .with_context(|| format!("nothing was left at `{}`", path.display()))?;
        // At once: values of variables stand in it.
        std::fs::remove_file(&path)
            .with_context(|| format!("could not remove `{}`", path.display()))?;
        Self::decode(&bytes).with_context(|| format!("`{}` is malformed", path.display()))
    }

    /// Fields that end with NUL, which neither paths nor variables can hold; unlike JSON it keeps every other byte.
    fn encode(&self) -> Vec<u8> {
        let limit = self.limit_ms.map(|ms| ms.to_string()).unwrap_or_default();
        let mut bytes = Vec::new();
        let mut field = |parts: &[&[u8]]| {
            bytes.extend_from_slice(&parts.concat());
            bytes.push(0);
        };
        field(&[self.task.as_str().as_bytes()]);
        field(&[self.ticket.to_string().as_bytes()]);
        field(&[match self.kind {
            Kind::Command => b"command".as_slice(),
            // An agent has no shell that could be handed over.
            Kind::Service | Kind::Agent => b"service",
        }]);
        field(&[limit.as_bytes()]);
        field(&[bytes_of(self.program.as_os_str())]);
        field(&[bytes_of(&self.arg0)]);
        for (name, value) in &self.restore {
            match value {
                Some(value) => field(&[b"+", bytes_of(name), b"=", bytes_of(value)]),
                None => field(&[b"-", bytes_of(name)]),
            }
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut fields =
            bytes.strip_suffix(b"\0").context("it is cut off")?.split(|&byte| byte == 0);
        let mut next = || fields.next().context("a field is missing");
        let task = TaskId::new(String::from_utf8(next()?.to_vec())?)?;
        let ticket = Ticket(std::str::from_utf8(next()?)?.parse()?);
        let kind = match next()? {
            b"command" => Kind::Command,
            b"service" => Kind::Service,
            _ => anyhow::bail!("an unknown kind"),
        };
        let limit = std::str::from_utf8(next()?)?;
        let limit_ms = if limit.is_empty() { None } else { Some(limit.parse()?) };
        let program = PathBuf::from(text_of(next()?));
        let arg0 = text_of(next()?);
        let restore = fields.map(decode_variable).collect::<Result<_>>()?;
        Ok(Self { task, ticket, kind, limit_ms, program, arg0, restore })
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

    #[test]
    fn every_byte_survives() {
        let handoff = Handoff {
            task: TaskId::new("t1").unwrap(),
            ticket: Ticket(7),
            kind: Kind::Service,
            limit_ms: Some(1_500),
            program: "/bin/bash".into(),
            arg0: "bash".into(),
            restore: vec![
                ("A".into(), Some("x=y\n'\"".into())),
                ("B".into(), None),
                ("EMPTY".into(), Some("".into())),
                ("BYTES".into(), Some(text_of(&[0xff, 0xfe]))),
            ],
        };
        assert_eq!(Handoff::decode(&handoff.encode()).unwrap(), handoff);
        let bare = Handoff { limit_ms: None, restore: Vec::new(), ..handoff };
        assert_eq!(Handoff::decode(&bare.encode()).unwrap(), bare);
    }

    #[test]
    fn junk_is_an_error() {
        for junk in [
            &b""[..],
            b"\0",
            b"t1",
            b"../x\x001\0command\0\0/bin/sh\0sh\0",
            b"t1\0x\0command\0\0/bin/sh\0sh\0",
            b"t1\x001\0other\0\0/bin/sh\0sh\0",
            b"t1\x001\0command\0x\0/bin/sh\0sh\0",
            b"t1\x001\0command\0\0/bin/sh\0sh\0?A\0",
        ] {
            assert!(Handoff::decode(junk).is_err(), "{junk:?}");
        }
    }
}
