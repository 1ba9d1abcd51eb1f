//! The shell around this process, and the file behind its standard output.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::ptr;

use anyhow::{Context as _, Result};
use nix::libc::{self, CTL_KERN, KERN_PROCARGS2};

use super::super::super::Caller;
use super::super::command_line;
use super::open_files::{path_of, paths};
use super::table::program;
use crate::identity::ProcessId;

/// The most that the kernel tells about a process, in bytes: the number of its arguments, and `ARG_MAX` of xnu's
/// `sys/syslimits.h`. With less room, it leaves out the beginning.
const MOST: usize = size_of::<i32>() + 1024 * 1024;

/// The process that started this one, as the system knows it. The environment of the system's own shells is hidden, and that
/// of others has strings of the kernel behind it: so the caller's is unknown.
pub fn caller() -> Result<Caller> {
    let parent = super::super::parent();
    let program = program(parent).context("could not find the program of the caller")?;
    let mut files = paths(parent);
    // While a shell redirects a command of its own, its standard output has a higher number.
    files.sort_by_key(|(number, _)| (*number != 1, *number));
    let files = files.into_iter().map(|(_, path)| path).collect();
    Ok(Caller { program, args: arguments(parent), environment: None, files })
}

/// The command line of a process; empty if it can't be read.
pub(crate) fn arguments(pid: i32) -> Vec<OsString> {
    let mut question = [CTL_KERN, KERN_PROCARGS2, pid];
    let mut answer = vec![0_u8; MOST];
    let mut size = answer.len();
    let length = question.len().try_into().unwrap_or_default();
    // SAFETY: the kernel reads `length` numbers, writes at most `size` bytes, and sets `size` to how many it wrote.
    let failed = unsafe {
        libc::sysctl(
            question.as_mut_ptr(),
            length,
            answer.as_mut_ptr().cast(),
            &raw mut size,
            ptr::null_mut(),
            0,
        )
    };
    answer.truncate(size);
    if failed == 0 { command_line::parse(&answer).unwrap_or_default() } else { Vec::new() }
}

/// A name for this process that is unique among all that run. An `exec` keeps it.
pub fn own_key() -> Result<String> {
    key(nix::unistd::getpid().as_raw())
}

/// The [`own_key`] of the process that started this one.
pub fn caller_key() -> Result<String> {
    key(super::super::parent())
}

fn key(pid: i32) -> Result<String> {
    let start = ProcessId::now(pid).and_then(|process| process.start);
    let start = start.with_context(|| format!("could not find out when process {pid} started"))?;
    Ok(format!("{pid}-{start}"))
}

/// The path of the file behind standard output.
pub(in super::super) fn own_output_path() -> io::Result<PathBuf> {
    let path = path_of(nix::unistd::getpid().as_raw(), 1);
    path.ok_or_else(|| io::Error::other("standard output is no file"))
}
