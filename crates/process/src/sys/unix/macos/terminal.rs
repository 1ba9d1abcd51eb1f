//! The keys of the terminal that end a program.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;

use nix::libc::O_NOCTTY;
use nix::sys::signal::Signal;
use nix::unistd::{getpgrp, tcgetpgrp};

/// Whether a signal comes from a key at the terminal, as far as can be known. The kernel names the process that passed the
/// key on, such as the program with the terminal's window (xnu, `tty_pgsignal` and `psignal`). So each such signal counts
/// while this process is in the foreground.
pub(in super::super) fn is_key(signal: i32) -> bool {
    let keys = [Signal::SIGINT, Signal::SIGQUIT];
    keys.iter().any(|key| *key as i32 == signal) && is_in_foreground()
}

fn is_in_foreground() -> bool {
    let terminal = File::options().read(true).custom_flags(O_NOCTTY).open("/dev/tty");
    terminal.is_ok_and(|terminal| tcgetpgrp(&terminal) == Ok(getpgrp()))
}
