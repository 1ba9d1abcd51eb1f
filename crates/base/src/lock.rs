//! Advisory file locks with a bounded wait.
//!
//! The kernel releases a lock when its holder's last descriptor closes, so a crash leaves no lock behind. Lock files
//! are never deleted: if one process still holds a deleted file, a second process could lock a new one. On network file
//! systems a lock may be local to one machine.
//!
//! Lock files are write-only and are opened for writing only. The kernel locks any file that can be opened, and a
//! command in Claude Code's sandbox can read the state folder. So with write-only files such a command can't hold a
//! lock there. A command of root can, because no mode keeps root from reading.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use fs4::{FileExt, TryLockError};

use crate::atomic::if_found;
use crate::sys;

/// How long a hook waits: a suspended holder may delay the user by this much, once.
pub const LOCK_WAIT_IN_HOOK: Duration = Duration::from_millis(100);
/// How long a hook waits that handles a notice. No user waits for that prompt, and without the lock the model reads the
/// notice without the result. With 100 ms, `cargo xtask chaos --seed 2 --endings 10000 --kills everything` left two
/// results unreported on a busy machine, and 156 lines about lost waits in `hooks.log`.
pub const LOCK_WAIT_FOR_NOTICE: Duration = Duration::from_secs(1);
/// How long a runner waits. A waiting runner delays nothing but Claude Code's notice of the exit.
pub const LOCK_WAIT_IN_RUNNER: Duration = Duration::from_secs(1);

/// Stack of the thread that waits for a lock, in bytes. The thread makes one system call.
const WAITING_STACK: usize = 64 * 1024;

/// An exclusive lock, held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of `path` if no process holds it. Creates a missing file, but not a missing folder.
    pub fn take_free(path: &Path) -> Result<Option<Self>> {
        let context = || format!("could not lock `{}`", path.display());
        let file = sys::open_lock_file(path).with_context(context)?;
        match FileExt::try_lock(&file) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(context),
        }
    }

    /// Takes the lock of `path`, waiting for at most `wait`. Creates a missing file, but not a missing folder.
    ///
    /// The kernel queues the waiting processes, first come, first served. With polling, an unlucky process might never
    /// get the lock. The system has no lock with a deadline, so a thread waits.
    pub fn acquire(path: &Path, wait: Duration) -> Result<Self> {
        if let Some(lock) = Self::take_free(path)? {
            return Ok(lock);
        }
        let timed_out =
            || format!("timed out waiting {} ms for `{}`", wait.as_millis(), path.display());
        anyhow::ensure!(wait > Duration::ZERO, timed_out());
        let context = || format!("could not lock `{}`", path.display());
        let file = sys::open_lock_file(path).with_context(context)?;
        let (sender, receiver) = sync_channel(0);
        let waiting = move || {
            let locked = FileExt::lock(&file);
            // A rendezvous: if the receiver gave up, the file comes back with the error, and dropping it releases the
            // lock.
            let _ = sender.send(locked.map(|()| file));
        };
        thread::Builder::new()
            .stack_size(WAITING_STACK)
            .spawn(waiting)
            .context("could not start a thread to wait for a lock")?;
        match receiver.recv_timeout(wait) {
            Ok(locked) => Ok(Self { _file: locked.with_context(context)? }),
            Err(_) => Err(anyhow::Error::msg(timed_out())),
        }
    }
}

/// Waits until no process holds the exclusive lock of `path`, without a time limit: for a thread that does nothing
/// else. A missing file has no holder.
pub fn wait_until_open(path: &Path) -> io::Result<()> {
    let Some(file) = if_found(sys::open_lock_to_probe(path))? else { return Ok(()) };
    // Some network file systems share a lock only among processes that opened the file for reading.
    FileExt::lock_shared(&file).or_else(|_| FileExt::lock(&file))
}

/// Whether a process holds the exclusive lock of `path`. A missing file has no holder.
pub fn is_held(path: &Path) -> io::Result<bool> {
    let Some(file) = if_found(sys::open_lock_to_probe(path))? else { return Ok(false) };
    // The lock is shared, so that two processes that probe at once don't mistake each other for the holder. Some
    // network file systems share a lock only among processes that opened the file for reading. No process opens it so:
    // there that mistake is possible.
    let locked = match FileExt::try_lock_shared(&file) {
        Err(TryLockError::Error(_)) => FileExt::try_lock(&file),
        other => other,
    };
    match locked {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sisyphus_testing::{TempDir, wait_until};
    use std::time::Instant;

    #[test]
    fn gives_up_when_held_and_gets_it_when_free() {
        let dir = TempDir::new();
        let path = dir.path().join("state.lock");
        assert!(!is_held(&path).unwrap());
        let lock = Lock::acquire(&path, Duration::ZERO).unwrap();
        assert!(is_held(&path).unwrap());
        let started = Instant::now();
        let error = Lock::acquire(&path, Duration::from_millis(50)).unwrap_err();
        assert!(started.elapsed() >= Duration::from_millis(50));
        assert!(error.to_string().contains("50 ms"), "{error}");
        drop(lock);
        // The thread that waited gets it late, and lets go of it at once.
        wait_until("the lock to be free", || !is_held(&path).unwrap());
        Lock::acquire(&path, Duration::from_secs(20)).unwrap();
    }

    #[test]
    fn concurrent_read_modify_write_loses_nothing() {
        let dir = TempDir::new();
        let lock = dir.path().join("state.lock");
        let counter = dir.path().join("counter");
        crate::atomic::write(&counter, b"0").unwrap();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        let _held = Lock::acquire(&lock, Duration::from_secs(20)).unwrap();
                        let text = std::fs::read_to_string(&counter).unwrap();
                        let next = text.parse::<u32>().unwrap() + 1;
                        crate::atomic::write(&counter, next.to_string().as_bytes()).unwrap();
                    }
                });
            }
        });
        assert_eq!(std::fs::read_to_string(&counter).unwrap(), "200");
    }
}
