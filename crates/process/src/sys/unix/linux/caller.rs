//! The shell around this process, and the file behind its standard output.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sisyphus_base::sys::pid_namespace;

use super::super::super::Caller;
use super::proc;

/// The process that started this one, as the system knows it.
pub fn caller() -> Result<Caller> {
    let parent =
        proc::parent_dir().context("could not find the caller of this process in /proc")?;
    let context = || "could not read the caller of this process from /proc";
    let program = std::fs::read_link(parent.join("exe")).with_context(context)?;
    let args = split(&proc::bytes_of(&parent.join("cmdline")).with_context(context)?);
    let environment = proc::bytes_of(&parent.join("environ")).ok().map(|bytes| split(&bytes));
    let environment =
        environment.map(|entries| entries.iter().filter_map(|entry| variable(entry)).collect());
    Ok(Caller { program, args, environment, files: files(&parent) })
}

/// While a shell redirects a command of its own, its standard output has a higher number.
fn files(process: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(process.join("fd")) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut numbers: Vec<u32> = names.collect();
    numbers.sort_by_key(|&number| (number != 1, number));
    let links = numbers.iter().map(|number| process.join("fd").join(number.to_string()));
    links.filter_map(|link| std::fs::read_link(link).ok()).collect()
}

/// The command line of a process; empty if it can't be read.
pub(crate) fn arguments(pid: i32) -> Vec<OsString> {
    let path = Path::new("/proc").join(pid.to_string()).join("cmdline");
    proc::bytes_of(&path).map(|bytes| split(&bytes)).unwrap_or_default()
}

fn split(bytes: &[u8]) -> Vec<OsString> {
    let whole = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    whole.split(|&byte| byte == 0).map(text_of).collect()
}

fn text_of(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

fn variable(entry: &OsStr) -> Option<(OsString, OsString)> {
    let bytes = entry.as_bytes();
    let equals = bytes.iter().position(|&byte| byte == b'=')?;
    Some((text_of(&bytes[..equals]), text_of(&bytes[equals + 1..])))
}

/// A name for this process that is unique across process namespaces. Each sandboxed command has a namespace of its own,
/// where numbers start at 1. An `exec` keeps the name.
pub fn own_key() -> Result<String> {
    key(Path::new("/proc/self"))
}

/// The [`own_key`] of the process that started this one.
pub fn caller_key() -> Result<String> {
    key(&proc::parent_dir().context("could not find the caller of this process in /proc")?)
}

fn key(dir: &Path) -> Result<String> {
    // Parent and child are in one namespace. Reading the parent's may be forbidden.
    let namespace = pid_namespace().context("could not read /proc/self/ns/pid")?;
    let (number, start) = proc::number_and_start(dir)
        .with_context(|| format!("could not read `{}/stat`", dir.display()))?;
    Ok(format!("{namespace}-{number}-{start}"))
}

/// The path of the file behind standard output.
pub(in super::super) fn own_output_path() -> io::Result<PathBuf> {
    std::fs::read_link("/proc/self/fd/1")
}
