//! Splits this process in two: one stays where it is, the other leaves the process tree.

use std::fs::File;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::net::UnixStream;

use anyhow::{Context as _, Result, ensure};
use nix::libc;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, setsid};

use super::super::Side;

/// The highest number of an open file that a shell may have passed on.
const HIGHEST: RawFd = 255;

/// Splits this process. The second one is a child of the system's first process, in a session of its own, with the
/// standard streams and `file` of this one open and nothing else. Both get an end of one connection; the kernel closes an
/// end when its process dies. Call it before this process has a second thread.
pub fn split_apart(file: &File) -> Result<Side> {
    let context = || "could not leave the process tree";
    let (near, far) = UnixStream::pair().with_context(context)?;
    // SAFETY: this process has one thread, so no lock is held that the child would wait for.
    match unsafe { fork() }.with_context(context)? {
        ForkResult::Parent { child } => {
            drop(far);
            let ended = waitpid(child, None).with_context(context)?;
            ensure!(ended == WaitStatus::Exited(child, 0), "{}: {ended:?}", context());
            Ok(Side::StandIn(near))
        }
        ForkResult::Child => {
            drop(near);
            // SAFETY: the same as above. The process between the two ends without running anything of ours.
            let second = setsid().and_then(|_| unsafe { fork() });
            match second {
                Ok(ForkResult::Child) => {}
                // SAFETY: ends this process and nothing else.
                Ok(ForkResult::Parent { .. }) => unsafe { libc::_exit(0) },
                // SAFETY: the same.
                Err(_) => unsafe { libc::_exit(1) },
            }
            let kept = [far.as_raw_fd(), file.as_raw_fd()];
            for number in (3..=HIGHEST).filter(|number| !kept.contains(number)) {
                // SAFETY: no value of this process owns a file of that number; what is not open stays so.
                unsafe { libc::close(number) };
            }
            Ok(Side::Apart(far))
        }
    }
}
