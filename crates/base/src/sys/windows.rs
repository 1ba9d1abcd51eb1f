//! Windows: the profile's folders are the user's own, so rights are inherited instead of set.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::rights::Rights;

/// Where the client's `claude-UID` folder lies unless `CLAUDE_CODE_TMPDIR` says otherwise.
pub fn default_tmp_dir() -> PathBuf {
    std::env::temp_dir()
}

/// The name of the client's temporary folder for this user.
pub fn client_tmp_name() -> String {
    "claude".to_owned()
}

/// Creates `path` and its missing parents.
pub fn create_private_dir_all(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// Creates the folder `path`; it must not exist.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    std::fs::create_dir(path)
}

/// Whether `path` is a real folder.
pub fn is_private_dir(path: &Path) -> io::Result<bool> {
    Ok(path.symlink_metadata()?.is_dir())
}

/// Creates a file that must not exist.
pub fn create_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Opens a file for appending, creating it.
pub fn append_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Opens a lock file, creating it.
pub fn open_lock_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Opens a folder, to hold its lock: not done here.
pub fn open_dir(_path: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether the open `file` is what stands at `path` now: an open file keeps its name here.
pub fn is_at(_file: &File, path: &Path) -> io::Result<bool> {
    Ok(path.exists())
}

/// What the system gives this user for what lives as long as its logins: nothing.
pub fn user_runtime_dir() -> Option<PathBuf> {
    None
}

/// The name of our folder in the user's own temporary one.
pub fn shared_tmp_name() -> String {
    "sisyphus".to_owned()
}

/// Opens a lock file that is there, to look whether a process holds it.
pub fn open_lock_to_probe(path: &Path) -> io::Result<File> {
    open_own_file(path)
}

/// Whether files can be created in the folder `path`: asked of no access list, so hoped.
pub fn is_writable_dir(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_dir() && !metadata.permissions().readonly())
}

/// Opens a regular file for reading; a link is refused.
pub fn open_own_file(path: &Path) -> io::Result<File> {
    if path.symlink_metadata()?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::other("not a regular file"))
    }
}

/// Opens a regular file for reading, wherever links lead.
pub fn open_linked_file(path: &Path) -> io::Result<File> {
    if path.metadata()?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::other("not a regular file"))
    }
}

/// Whose a file is: what lies in a user's folder is theirs alone, unless they gave it away.
pub fn rights(path: &Path) -> io::Result<Rights> {
    let metadata = path.symlink_metadata()?;
    Ok(if metadata.is_symlink() { Rights::Link } else { Rights::OursAlone })
}

/// Whether it is a file; its name says whether it can be started.
pub fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// Nothing to do: its folder's rights hold.
pub fn make_private_program(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// The name of this machine: not asked for.
pub fn host() -> Option<String> {
    None
}

/// When a file was last written; a rename does not show.
pub fn changed_at(path: &Path) -> io::Result<SystemTime> {
    path.symlink_metadata()?.modified()
}

/// Nanoseconds since the machine started. Windows tells by no function of the standard library: the wall clock stands in.
pub fn nanoseconds_since_boot() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

/// The kernel's id of this start of the machine: Windows has none.
pub fn boot_id() -> Option<String> {
    None
}

/// The installation's own id: not asked for.
pub fn machine_id() -> Option<String> {
    None
}

/// Namespaces: Windows has none.
pub fn namespaces() -> Option<(u64, u64)> {
    None
}

/// There are none.
pub fn pid_namespace() -> Option<u64> {
    None
}

/// The number of a file: Windows tells it to an open handle only. Its times must do.
pub fn file_number(_metadata: &std::fs::Metadata) -> u64 {
    0
}
