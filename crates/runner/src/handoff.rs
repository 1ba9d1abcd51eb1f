//! What `claim` tells the `run` that follows it in the same process: which task, and how the shell was started.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use sisyphus_core::atomic;
use sisyphus_core::id::TaskId;
use sisyphus_core::run_folder::RunRoot;
use sisyphus_process::{bytes_of, text_of};

/// Largest handoff, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A claimed task and its shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handoff {
    pub(crate) task: TaskId,
    /// The call's `timeout` in milliseconds.
    pub(crate) limit_ms: Option<u64>,
    pub(crate) program: PathBuf,
    pub(crate) arg0: OsString,
    /// What the shell changed of its environment before the snippet came: name, and its first value if it had one.
    pub(crate) restore: Vec<(OsString, Option<OsString>)>,
}

impl Handoff {
    /// Leaves the handoff for the process that `key` names.
    pub(crate) fn leave(&self, root: &RunRoot, key: &str) -> Result<()> {
        atomic::write(&root.create_claims_dir()?.join(key), &self.encode())
    }

    /// Takes the handoff that was left for `key`.
    pub(crate) fn take(root: &RunRoot, key: &str) -> Result<Self> {
        let path = root.claims_dir().join(key);
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
        let limit = std::str::from_utf8(next()?)?;
        let limit_ms = if limit.is_empty() { None } else { Some(limit.parse()?) };
        let program = PathBuf::from(text_of(next()?));
        let arg0 = text_of(next()?);
        let restore = fields.map(decode_variable).collect::<Result<_>>()?;
        Ok(Self { task, limit_ms, program, arg0, restore })
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
            b"../x\0\0/bin/sh\0sh\0",
            b"t1\0x\0/bin/sh\0sh\0",
            b"t1\0\0/bin/sh\0sh\0?A\0",
        ] {
            assert!(Handoff::decode(junk).is_err(), "{junk:?}");
        }
    }
}
