//! The file behind standard output.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::system::own_output_path;

/// The regular file that standard output goes to, opened for reading.
pub fn own_output_file() -> Result<(PathBuf, File)> {
    let context = || "could not find the file behind standard output";
    #[expect(clippy::disallowed_methods, reason = "only inspected, never written to")]
    let stdout = io::stdout();
    let behind = File::from(stdout.as_fd().try_clone_to_owned().with_context(context)?);
    let behind = behind.metadata().with_context(context)?;
    anyhow::ensure!(behind.is_file(), "standard output is not a regular file");
    let path = own_output_path().with_context(context)?;
    let file = File::open(&path).with_context(|| format!("could not open `{}`", path.display()))?;
    let opened = file.metadata().with_context(context)?;
    // Another file may have the name since.
    anyhow::ensure!(
        (opened.dev(), opened.ino()) == (behind.dev(), behind.ino()),
        "standard output was renamed"
    );
    Ok((path, file))
}
