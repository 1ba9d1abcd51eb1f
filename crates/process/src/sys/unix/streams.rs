//! What the start of Rust's standard library does for the standard streams, for a program that starts without it.

use std::io;
use std::os::fd::AsFd as _;

use anyhow::Result;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigHandler, Signal, signal};

/// Makes a print without a reader fail with an error; by default it ends the process.
///
/// # Errors
/// If a stream is closed: the next file that is opened would take its place, and get what is printed.
pub fn prepare_streams() -> Result<()> {
    // SAFETY: to ignore a signal runs no code.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) }?;
    #[expect(clippy::disallowed_methods, reason = "nothing is printed")]
    let (input, output, errors) = (io::stdin(), io::stdout(), io::stderr());
    let mut streams = [input.as_fd(), output.as_fd(), errors.as_fd()]
        .map(|stream| PollFd::new(stream, PollFlags::empty()));
    poll(&mut streams, PollTimeout::ZERO)?;
    let is_closed =
        |it: &PollFd<'_>| it.revents().is_some_and(|it| it.contains(PollFlags::POLLNVAL));
    anyhow::ensure!(!streams.iter().any(is_closed), "a standard stream is closed");
    Ok(())
}
