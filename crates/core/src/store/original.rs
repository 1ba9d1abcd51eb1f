//! The text of a state file as it was read, to tell whether anything has changed.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::file;
use super::journal::Prepared;

/// What stands in a file. Comparing texts is cheaper than keeping and comparing a second value. The caller holds the
/// lock.
#[derive(Debug)]
pub(super) struct Original {
    path: PathBuf,
    /// None if there is no file.
    text: Option<Vec<u8>>,
}

impl Original {
    /// Reads `path`; a missing file is the default, a broken one is set aside.
    pub(super) fn read<T: DeserializeOwned + Default>(path: PathBuf) -> Result<(Self, T)> {
        let (value, text) = file::read_text_or_set_aside(&path)?;
        Ok((Self { path, text }, value))
    }

    /// Prepares the file to be replaced by `value`, if that is another.
    pub(super) fn prepare<T>(&self, value: &T, prepared: &mut Prepared<'_>) -> Result<()>
    where
        T: Serialize + Default,
    {
        let text = file::encode(&self.path, value)?;
        let is_changed = match &self.text {
            Some(before) => &text != before,
            None => text != file::encode(&self.path, &T::default())?,
        };
        if is_changed {
            file::create_folder(&self.path)?;
            prepared.replace(&self.path, &text)?;
        }
        Ok(())
    }
}
