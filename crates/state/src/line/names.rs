//! Lists a folder of the queue.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sisyphus_base::atomic::if_found;
use sisyphus_settings::is_group_name;

/// Names and paths of the regular files in a folder; none if it is missing. Sandboxed commands can put anything into
/// the sandbox's own folder.
pub(super) fn names(dir: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut names = Vec::new();
    for entry in if_found(fs::read_dir(dir))?.into_iter().flatten() {
        let entry = entry?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if let (true, Ok(name)) = (is_file, entry.file_name().into_string()) {
            names.push((name, entry.path()));
        }
    }
    Ok(names)
}

/// The folders of groups in a folder; none if it is missing.
pub(super) fn groups(dir: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut groups = Vec::new();
    for entry in if_found(fs::read_dir(dir))?.into_iter().flatten() {
        let entry = entry?;
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let name = entry.file_name().into_string().ok().filter(|name| is_group_name(name));
        if let (true, Some(name)) = (is_folder, name) {
            groups.push((name, entry.path()));
        }
    }
    Ok(groups)
}
