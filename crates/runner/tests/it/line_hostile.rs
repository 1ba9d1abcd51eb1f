//! What sandboxed commands do below `/tmp/claude-UID` neither holds up nor lifts the queue outside.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::time::Duration;

use sisyphus_state::store::Lock;
use sisyphus_testing::wait_until;

use crate::queue::{job, let_go, session, started, wait_for_line, wait_for_start};

/// Names that sort before every ticket, of 0.1.0 and of now.
const FORGED: [&str; 2] = ["000000000000-tzzzzzzzz", "00000000000000000000-00000000-tzzzzzzzz"];

/// T3, T4: forged queue entries and slots, with locks held on them.
#[test]
fn forged_places_slots_and_locks_mean_nothing() {
    let client = session(1);
    let mut planted: Vec<PathBuf> = Vec::new();
    let mut held = Vec::new();
    for top in ["queue", "line"].map(|name| client.env.runs().join(name)) {
        for folder in ["waiting", "running", "slots"].map(|name| top.join(name)) {
            fs::create_dir_all(&folder).unwrap();
            for name in FORGED.into_iter().chain(["slot-1", "slot-1.json"]) {
                held.push(Lock::acquire(&folder.join(name), Duration::ZERO).unwrap());
                planted.push(folder.join(name));
            }
            fs::create_dir(folder.join("slot-2")).unwrap();
            symlink(client.env.project(), folder.join("slot-3")).unwrap();
            planted.extend([folder.join("slot-2"), folder.join("slot-3")]);
        }
        held.push(Lock::acquire(&top.join("turn"), Duration::ZERO).unwrap());
        planted.push(top.join("turn"));
        fs::set_permissions(&top, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let first = job(&client, 1);
    // It is not held up.
    wait_for_start(&client, &[1]);
    let second = job(&client, 2);
    // The limit is held.
    wait_for_line(&client, 1);
    assert_eq!(started(&client), [1]);
    let_go(&client, 1);
    wait_for_start(&client, &[1, 2]);
    let_go(&client, 2);
    for (job, code) in [(first, 1), (second, 2)] {
        assert_eq!(job.wait().status.code(), Some(code));
    }
    for path in planted {
        assert!(path.symlink_metadata().is_ok(), "{} went", path.display());
    }
}

/// T5, its half about the limit: the slot is still held when the folder is gone.
#[test]
fn a_removed_run_root_frees_no_slot() {
    let client = session(1);
    let first = job(&client, 1);
    wait_for_start(&client, &[1]);
    fs::remove_dir_all(client.env.runs()).unwrap();
    let second = job(&client, 2);
    wait_for_line(&client, 1);
    assert_eq!(started(&client), [1]);
    let_go(&client, 1);
    wait_until("the second to start", || started(&client) == [1, 2]);
    let_go(&client, 2);
    for (job, code) in [(first, 1), (second, 2)] {
        assert_eq!(job.wait().status.code(), Some(code));
    }
}
