//! What the start of Rust's standard library does for the standard streams, for a program that starts without it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, IntoRawFd as _};

use anyhow::{Context as _, Result, ensure};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{SigHandler, Signal, signal};

/// Makes a print without a reader fail with an error; by default it ends the process. What is printed to a closed
/// standard error is lost.
///
/// # Errors
/// If standard input or output is closed. The next file that is opened would take its place, and get what is printed.
pub fn prepare_streams() -> Result<()> {
    // SAFETY: to ignore a signal runs no code.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) }?;
    #[expect(clippy::disallowed_methods, reason = "nothing is printed")]
    let (input, output, errors) = (io::stdin(), io::stdout(), io::stderr());
    ensure!(is_open(&input) && is_open(&output), "a standard stream is closed");
    if !is_open(&errors) {
        let null = File::options().write(true).open("/dev/null");
        // The lowest free number, which is that of standard error. It stays open.
        let _ = null.context("could not open `/dev/null`")?.into_raw_fd();
    }
    Ok(())
}

fn is_open(stream: impl AsFd) -> bool {
    fcntl(stream, FcntlArg::F_GETFD).is_ok()
}
