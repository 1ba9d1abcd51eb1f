//! Starting who tells people of ends: a program of its own, so that nothing of what it needs is in ours.

use std::path::{Path, PathBuf};

use sisyphus_base::atomic;
use sisyphus_base::environment::STATE_DIR;
use sisyphus_base::lock::is_held;
use sisyphus_base::paths::StateDir;

use crate::sys::spawn_detached;

const NAME: &str = "sisyphus-notify";
/// Longest path that is noted, in bytes.
const MAX_BYTES: u64 = 4096;

/// Starts the notifier if something is noted for people and nobody is about to tell it. One look at a file if nothing is.
/// That there is no notifier, or that it can't be started, is silence: nobody needs it to know what is true.
pub fn start_notifier(state: &StateDir) {
    // Who holds the lock looks once more after having let go of it.
    if !state.notify().exists() || is_held(&state.notify_lock()).unwrap_or(true) {
        return;
    }
    let (Some(notifier), Ok(root)) = (find_notifier(state), std::path::absolute(state.root()))
    else {
        return;
    };
    // It is told where the state is: before the runner's shell came to us, its files may have named another home.
    if let Ok(mut child) = spawn_detached(&notifier, STATE_DIR, &root) {
        // For those of us that live on: an end that nobody takes would stay in the system's table. Without a thread it
        // does; that is no reason to end.
        let _ = std::thread::Builder::new().spawn(move || drop(child.wait()));
    }
}

/// Where the notifier is: beside this program, or where the hooks are, seen from the command line, or where the last
/// session to start has found it.
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

/// What a session's start noted.
fn noted(state: &StateDir) -> Option<PathBuf> {
    let bytes = atomic::read(&state.notifier(), MAX_BYTES).ok()??;
    String::from_utf8(bytes).ok().map(PathBuf::from).filter(|path| path.is_absolute())
}
