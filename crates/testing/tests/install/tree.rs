//! What lies below a folder, as lines that can be compared and read.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// One line for everything below `root`: its path, and what it is. Links are not followed.
pub(crate) fn tree(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let mode = metadata.permissions().mode() & 0o777;
            let name = path.strip_prefix(root).unwrap().display();
            if metadata.is_symlink() {
                lines.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
            } else if metadata.is_dir() {
                lines.push(format!("{name}/ {mode:o}"));
                folders.push(path.clone());
            } else {
                let mut hasher = DefaultHasher::new();
                // No process may read a lock.
                if mode & 0o400 != 0 {
                    fs::read(&path).unwrap().hash(&mut hasher);
                }
                lines.push(format!("{name} {mode:o} {:x}", hasher.finish()));
            }
        }
    }
    lines.sort();
    lines
}

/// The same without folders: what a user would miss.
pub(crate) fn files(root: &Path) -> Vec<String> {
    tree(root).into_iter().filter(|line| !is_folder(line)).collect()
}

fn is_folder(line: &str) -> bool {
    line.rsplit_once(' ').is_some_and(|(name, _)| name.ends_with('/'))
}
