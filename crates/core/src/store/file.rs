//! One state file: read, parsed, and set aside if it is broken.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atomic;

/// The format that we write. A file of a higher version is refused instead of downgraded.
pub(crate) const VERSION: u32 = 1;

/// Largest state file that is read, in bytes. 200 finished tasks with 100 kB commands are 20 MB.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The file does not parse.
#[derive(Debug)]
pub struct Malformed {
    reason: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "is malformed: {}", self.reason)
    }
}

impl std::error::Error for Malformed {}

#[derive(serde::Deserialize)]
struct Versioned {
    #[serde(default)]
    version: u32,
}

/// Reads `path`; a missing file is the default. A broken one is an error that downcasts to [`Malformed`].
pub(crate) fn read<T: DeserializeOwned + Default>(path: &Path) -> Result<T> {
    let too_large = path.metadata().is_ok_and(|metadata| metadata.len() > MAX_BYTES);
    if too_large {
        let reason = format!("larger than {MAX_BYTES} bytes");
        return Err(Malformed { reason }).with_context(|| format!("`{}`", path.display()));
    }
    let Some(bytes) = atomic::read(path, MAX_BYTES)? else { return Ok(T::default()) };
    match serde_json::from_slice(&bytes) {
        Ok(value) => {
            refuse_newer(path, &bytes)?;
            Ok(value)
        }
        Err(error) => {
            // A newer format may not parse as ours; that is no damage.
            refuse_newer(path, &bytes)?;
            Err(Malformed { reason: error.to_string() })
                .with_context(|| format!("`{}`", path.display()))
        }
    }
}

fn refuse_newer(path: &Path, bytes: &[u8]) -> Result<()> {
    match serde_json::from_slice::<Versioned>(bytes) {
        Ok(found) if found.version > VERSION => anyhow::bail!(
            "`{}` has format {}, this version knows {VERSION}; update sisyphus with install.sh",
            path.display(),
            found.version
        ),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Like [`read`], for whoever holds the lock: a broken file is renamed, with its reason beside it, and the rest goes on.
pub(crate) fn read_or_set_aside<T: DeserializeOwned + Default>(path: &Path) -> Result<T> {
    let error = match read(path) {
        Ok(value) => return Ok(value),
        Err(error) if error.is::<Malformed>() => error,
        Err(error) => return Err(error),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(
        "{name}.corrupt-{}",
        chrono::Utc::now().format("%Y%m%dT%H%M%S%3f")
    ));
    fs::rename(path, &aside)
        .with_context(|| format!("could not set `{}` aside", path.display()))?;
    let reason = aside.with_file_name(format!(
        "{}.reason",
        aside.file_name().unwrap_or_default().to_string_lossy()
    ));
    atomic::write(&reason, format!("{error:#}\n").as_bytes())?;
    Ok(T::default())
}

/// Replaces `path` by `value` as JSON that a person can read.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .with_context(|| format!("could not encode `{}`", path.display()))?;
    bytes.push(b'\n');
    atomic::write(path, &bytes)
}
