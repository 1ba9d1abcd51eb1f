//! The file of a lock, to be compared with the files that processes have open.

use std::fs::Metadata;
use std::path::Path;

use anyhow::{Context as _, Result};
use sisyphus_base::atomic::if_found;

/// The metadata of a lock file; `None` if there is none. A link is no lock file.
pub(super) fn lock_file(path: &Path) -> Result<Option<Metadata>> {
    let metadata = if_found(path.symlink_metadata())
        .with_context(|| format!("could not inspect `{}`", path.display()))?;
    Ok(metadata.filter(Metadata::is_file))
}
