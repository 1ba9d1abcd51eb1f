//! Reads and parses one state file, and sets a broken one aside.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sisyphus_base::atomic;
use sisyphus_base::json;
use sisyphus_base::paths::create_dir;
use sisyphus_base::sys::{self, INSTALLER};

/// The format that we write. A file with a higher version is refused instead of downgraded.
pub(crate) const VERSION: u32 = 2;

/// The `version` of a file in memory. A file that was read is not newer than [`VERSION`]; a written file has exactly
/// that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Format;

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(VERSION)
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(|_| Self)
    }
}

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

/// One version of a file. A process that changes the file replaces it by another one.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) text: Vec<u8>,
    metadata: Metadata,
    /// Stays open, so that no later file gets its inode number.
    _file: Option<File>,
}

/// What was read, and the version of the file; `None` if there is no file.
pub(crate) type Versioned<T> = (T, Option<Version>);

impl Version {
    /// Whether it is still the file at `path`.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        path.metadata().is_ok_and(|metadata| stamp(&metadata) == stamp(&self.metadata))
    }
}

/// The inode number of a file, its modification time and its length.
pub(crate) type Stamp = (u64, Option<SystemTime>, u64);

/// Two versions of a file differ in this.
pub(crate) fn stamp(metadata: &Metadata) -> Stamp {
    (sys::file_number(metadata), metadata.modified().ok(), metadata.len())
}

/// Reads `path`; a missing file is the default. A broken one is an error that downcasts to [`Malformed`].
pub(crate) fn read<T: DeserializeOwned + Default>(path: &Path) -> Result<T> {
    read_version(path).map(|(value, _)| value)
}

/// Like [`read`], with the version that was read.
pub(crate) fn read_version<T: DeserializeOwned + Default>(path: &Path) -> Result<Versioned<T>> {
    let context = || format!("could not read `{}`", path.display());
    let Some(file) = atomic::open(path).with_context(context)? else {
        return Ok((T::default(), None));
    };
    let metadata = file.metadata().with_context(context)?;
    if metadata.len() > MAX_BYTES {
        let reason = format!("larger than {MAX_BYTES} bytes");
        return Err(Malformed { reason }).with_context(|| format!("`{}`", path.display()));
    }
    let bytes = atomic::read_open(&file, MAX_BYTES).with_context(context)?;
    // Check before parsing: a newer format may not parse as ours, which is no damage.
    let version = version_at_start(&bytes).unwrap_or_else(|| version_anywhere(&bytes));
    anyhow::ensure!(
        version <= u64::from(VERSION),
        "`{}` has format {version}, this version knows {VERSION}; update sisyphus with {INSTALLER}",
        path.display(),
    );
    let value = serde_json::from_slice(&bytes)
        .map_err(|error| Malformed { reason: error.to_string() })
        .with_context(|| format!("`{}`", path.display()))?;
    Ok((value, Some(Version { text: bytes, metadata, _file: sys::keep_number(file) })))
}

/// The format of a file that begins with it, as every file that we write does. Saves a second parse.
fn version_at_start(bytes: &[u8]) -> Option<u64> {
    let rest = ["{", "\"version\"", ":"]
        .iter()
        .try_fold(bytes, |rest, token| rest.trim_ascii_start().strip_prefix(token.as_bytes()))?;
    let rest = rest.trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = rest.split_at(digits);
    // Leave anything but digits, such as `1e3`, to a parser.
    rest.trim_ascii_start().first().filter(|byte| b",}".contains(byte))?;
    str::from_utf8(number).ok()?.parse().ok()
}

/// The format of a file that a person rewrote. A file that names none has the first format.
fn version_anywhere(bytes: &[u8]) -> u64 {
    #[derive(serde::Deserialize)]
    struct Versioned {
        #[serde(default)]
        version: u64,
    }
    serde_json::from_slice::<Versioned>(bytes).map_or(0, |found| found.version)
}

/// Like [`read_version`], for the process that holds the lock. Sets a broken file aside and goes on.
pub(crate) fn read_or_set_aside<T: DeserializeOwned + Default>(
    path: &Path,
) -> Result<Versioned<T>> {
    match read_version(path) {
        Err(error) if error.is::<Malformed>() => {
            set_aside(path, &error)?;
            Ok((T::default(), None))
        }
        other => other,
    }
}

/// Renames a broken file, and writes the reason beside it.
pub(crate) fn set_aside(path: &Path, reason: &anyhow::Error) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(
        "{name}.corrupt-{}",
        chrono::Utc::now().format("%Y%m%dT%H%M%S%3f")
    ));
    fs::rename(path, &aside)
        .with_context(|| format!("could not set `{}` aside", path.display()))?;
    let beside = aside.with_file_name(format!(
        "{}.reason",
        aside.file_name().unwrap_or_default().to_string_lossy()
    ));
    atomic::write(&beside, format!("{reason:#}\n").as_bytes())
}

/// Creates the folder of a state file.
pub(crate) fn create_folder(path: &Path) -> Result<()> {
    let folder = path.parent().context("a state file has no folder")?;
    create_dir(folder)
}

/// Replaces `path` with `value`.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    atomic::write(path, &encode(path, value)?)
}

/// Replaces `path` with this text.
pub(crate) fn replace(path: &Path, text: Vec<u8>) -> Result<Version> {
    let file = atomic::replace(path, &text)?;
    let metadata = file.metadata().context("could not inspect a file that was just written")?;
    Ok(Version { text, metadata, _file: sys::keep_number(file) })
}

/// Encodes `value`, for `path`, as JSON that a person can read.
pub(crate) fn encode<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>> {
    json::page(value).with_context(|| format!("could not encode `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use sisyphus_testing::TempDir;

    use super::*;
    use crate::store::{Active, History, Session};

    /// A version is not taken for a later one of the same moment and length, to whose file the system may give its number.
    #[test]
    #[cfg_attr(
        windows,
        ignore = "Windows tells no number of a file, so two of the same time and length are one"
    )]
    fn no_later_version_is_taken_for_it() {
        let dir = TempDir::new();
        let path = dir.path().join("file.json");
        write(&path, &1).unwrap();
        let (_, version) = read_version::<u8>(&path).unwrap();
        let version = version.unwrap();
        assert!(version.is_at(&path));
        let written_at = path.metadata().unwrap().modified().unwrap();
        for number in 2..9 {
            write(&path, &number).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(written_at).unwrap();
            assert!(!version.is_at(&path), "{number}");
        }
    }

    /// `write` puts the format first in every file.
    #[test]
    fn the_format_stands_first() {
        let dir = TempDir::new();
        let path = dir.path().join("file.json");
        let written = |text: Result<()>| {
            text.unwrap();
            version_at_start(&fs::read(&path).unwrap())
        };
        assert_eq!(written(write(&path, &Active::default())), Some(2));
        assert_eq!(written(write(&path, &Session::default())), Some(2));
        assert_eq!(written(write(&path, &History::default())), Some(2));
    }

    /// `read` refuses a newer format wherever it stands in the file, and does not call it damage.
    #[test]
    fn a_newer_format_is_no_damage() {
        // What a read says: "default", "newer" or "malformed".
        let cases = [
            ("{\"version\": 1, \"tasks\": []}", "default"),
            ("{\"tasks\": [], \"version\": 1}", "default"),
            (" {\n\"version\" : 1\n}\n", "default"),
            ("{}", "default"),
            ("{\"version\": 3, \"tasks\": []}", "newer"),
            ("{\"version\": 3, \"tasks\": {}}", "newer"),
            ("{\"version\": 3, \"tasks\": [tru", "newer"),
            ("{\"tasks\": {}, \"version\": 3}", "newer"),
            ("{\"version\":18446744073709551615}", "newer"),
            ("{\"version\": 10}", "newer"),
            ("{\"version\": 1, \"tasks\": [tru", "malformed"),
            ("{\"tasks\": [], \"version\": 3", "malformed"),
            ("{\"version\": 1.5}", "malformed"),
            ("{\"version\": 1e3}", "malformed"),
            ("{\"version\": -1}", "malformed"),
            ("{\"version\": \"3\"}", "malformed"),
            ("{\"version\": }", "malformed"),
            ("{\"version\": 3", "malformed"),
            ("", "malformed"),
        ];
        let dir = TempDir::new();
        let path = dir.path().join("active.json");
        for (text, expected) in cases {
            fs::write(&path, text).unwrap();
            let said = match read::<Active>(&path) {
                Ok(active) if active.tasks.is_empty() => "default",
                Ok(_) => "tasks",
                Err(error) if error.is::<Malformed>() => "malformed",
                Err(error) if error.to_string().contains("has format") => "newer",
                Err(_) => "another error",
            };
            assert_eq!(said, expected, "{text}");
        }
    }
}
