//! Starts the notifier, which notifies people of results. It is a program of its own, so that hooks and runners do not
//! link its dependencies.

use std::path::{Path, PathBuf};

use sisyphus_base::atomic;
use sisyphus_base::environment::STATE_DIR;
use sisyphus_base::lock::is_held;
use sisyphus_base::paths::StateDir;

use crate::sys::spawn_detached;

const NAME: &str = "sisyphus-notify";
/// Longest path that a session records, in bytes.
const MAX_BYTES: u64 = 4096;

/// Starts the notifier if notifications are waiting and no notifier is about to show them. Otherwise this costs one
/// look at a file. A missing notifier, or one that can't be started, is no error: results do not depend on it.
pub fn start_notifier(state: &StateDir) {
    // The notifier that holds the lock reads the file again after it releases the lock.
    if !state.notify().exists() || is_held(&state.notify_lock()).unwrap_or(true) {
        return;
    }
    let (Some(notifier), Ok(root)) = (find_notifier(state), std::path::absolute(state.root()))
    else {
        return;
    };
    // The notifier gets the path of the state: files that the shell read before it became the runner may have changed
    // the home folder.
    if let Ok(mut child) = spawn_detached(&notifier, STATE_DIR, &root) {
        // A thread reaps the child, for callers that keep running. If the thread can't be started, the child stays a
        // zombie, which is no reason to stop.
        let _ = std::thread::Builder::new().spawn(move || drop(child.wait()));
    }
}

/// The path of the notifier: beside this program; or where the hooks are, seen from the command line; or where the last
/// session to start found it.
pub fn find_notifier(state: &StateDir) -> Option<PathBuf> {
    let own = std::env::current_exe().ok();
    let own_dir = own.as_deref().and_then(Path::parent);
    let name = format!("{NAME}{}", std::env::consts::EXE_SUFFIX);
    let beside = own_dir.map(|dir| dir.join(&name));
    let of_hooks = own_dir.and_then(Path::parent).map(|root| root.join("hooks/bin").join(&name));
    let is_there = |path: &PathBuf| path.is_file();
    let near = [beside, of_hooks].into_iter().flatten().find(is_there);
    near.or_else(|| noted(state).filter(is_there))
}

/// The path that SessionStart recorded.
fn noted(state: &StateDir) -> Option<PathBuf> {
    let bytes = atomic::read(&state.notifier(), MAX_BYTES).ok()??;
    String::from_utf8(bytes).ok().map(PathBuf::from).filter(|path| path.is_absolute())
}
