//! Inputs to start from: recorded ones, and those that once found a fault.

use std::fs;
use std::path::{Path, PathBuf};

use crate::targets::Target;

/// Every seed of a target, in the order of their names.
pub fn seeds(target: Target) -> Vec<Vec<u8>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = listed(&here.join("seeds").join(target.name));
    match target.name {
        "hook_input" => files.extend(listed(&here.join("../hooks/tests/payloads"))),
        "state_files" => files.extend(listed(&here.join("../cli/tests/states/v0.1.0"))),
        _ => {}
    }
    files.iter().filter_map(|file| fs::read(file).ok()).collect()
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}
