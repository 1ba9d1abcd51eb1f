//! Windows: the folders of a profile are the user's own, so files inherit their access rights.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use same_file::Handle;

use super::Input;
use crate::atomic::if_found;
use crate::machine::Machine;
use crate::rights::Rights;

/// What installs the plugin, as people type it.
pub const INSTALLER: &str = "install.ps1";
/// What removes it.
pub const UNINSTALLER: &str = "install.ps1 -Uninstall";

/// How long something with a file is tried, and the pause in between. A pause may take 16 ms, a tick of the clock.
const PATIENCE: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_millis(2);

/// Tries something with a file. While another process renames or removes it, Windows refuses access for a moment.
pub fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(error) if is_passing(&error) && Instant::now() < deadline => {
                thread::park_timeout(PAUSE);
            }
            other => return other,
        }
    }
}

/// Whether another process may be the reason, and soon is no more.
fn is_passing(error: &io::Error) -> bool {
    /// `ERROR_SHARING_VIOLATION` and `ERROR_LOCK_VIOLATION`.
    const IN_USE: [i32; 2] = [32, 33];
    error.kind() == io::ErrorKind::PermissionDenied
        || error.raw_os_error().is_some_and(|number| IN_USE.contains(&number))
}

/// What the standard input had. A read can't be abandoned, but a thread that reads can.
static CHUNKS: LazyLock<Mutex<Receiver<Vec<u8>>>> = LazyLock::new(|| {
    /// How many chunks may be queued. A writer that is faster than this has to wait.
    const MOST: usize = 16;
    let (sender, chunks) = sync_channel(MOST);
    thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut chunk = vec![0; 64 * 1024];
            let Ok(length @ 1..) = stdin.read(&mut chunk) else { return };
            chunk.truncate(length);
            if sender.send(chunk).is_err() {
                return;
            }
        }
    });
    Mutex::new(chunks)
});

/// Appends what the standard input has, and waits for it at most this long.
pub fn read_stdin(bytes: &mut Vec<u8>, wait: Duration) -> io::Result<Input> {
    let chunks = CHUNKS.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(match chunks.recv_timeout(wait) {
        Ok(chunk) => {
            bytes.extend_from_slice(&chunk);
            Input::Came
        }
        Err(RecvTimeoutError::Timeout) => Input::Silent,
        Err(RecvTimeoutError::Disconnected) => Input::Ended,
    })
}

/// Where Claude Code's folder is unless `CLAUDE_CODE_TMPDIR` is set.
pub fn default_tmp_dir() -> PathBuf {
    std::env::temp_dir()
}

/// The name of Claude Code's temporary folder for this user.
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

/// Makes a link to a folder, which Windows allows to few users.
pub fn link_dir(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_dir(target, link)
}

/// Creates a file that must not exist.
pub fn create_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Opens a file for appending, creating it.
pub fn append_private_file(path: &Path) -> io::Result<File> {
    patiently(|| OpenOptions::new().append(true).create(true).open(path))
}

/// Opens a file of ours for reading and appending, creating it.
pub fn append_own_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).open(path)
}

/// Opens a lock file, creating it.
pub fn open_lock_file(path: &Path) -> io::Result<File> {
    patiently(|| OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path))
}

/// Opens a folder, to hold its lock: not supported on Windows.
pub fn open_dir(_path: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether the open `file` is still the file at `path`. The standard library does not give the numbers of files here.
pub fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let named = if_found(patiently(|| Handle::from_path(path)))?;
    let Some(named) = named else { return Ok(false) };
    Ok(Handle::from_file(file.try_clone()?)? == named)
}

/// Our folder among the user's own data, which no other user can write to. A temporary folder may be another one in each
/// session, or that of all users.
pub fn runtime_dir() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "no other system has this variable")]
    let of_user = std::env::var_os("LOCALAPPDATA").filter(|it| !it.is_empty());
    of_user.map_or_else(default_tmp_dir, PathBuf::from).join("sisyphus")
}

/// Opens an existing lock file, to probe whether a process holds it.
pub fn open_lock_to_probe(path: &Path) -> io::Result<File> {
    open_own_file(path)
}

/// Whether this process can create files in the folder `path`. It reads no access list, so it may be wrong.
pub fn is_writable_dir(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_dir() && !metadata.permissions().readonly())
}

/// Opens a regular file for reading. Refuses a link.
pub fn open_own_file(path: &Path) -> io::Result<File> {
    if path.symlink_metadata()?.is_file() {
        patiently(|| File::open(path))
    } else {
        Err(io::Error::other("not a regular file"))
    }
}

/// Opens a regular file for reading, following links.
pub fn open_linked_file(path: &Path) -> io::Result<File> {
    if path.metadata()?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::other("not a regular file"))
    }
}

/// Locks nothing: no other process could read the file. Only sandboxed commands ask for this lock, and there are none.
pub fn lock_for_readers(_file: &File) -> io::Result<()> {
    Ok(())
}

/// The path of a file or folder without links, as people write it. The system's own form begins with `\\?\`, and some
/// programs do not work in such a folder.
pub fn real_path(path: &Path) -> io::Result<PathBuf> {
    let real = path.canonicalize()?;
    let Some(rest) = real.to_str().and_then(|text| text.strip_prefix(r"\\?\")) else {
        return Ok(real);
    };
    Ok(match rest.strip_prefix(r"UNC\") {
        // Batch files do not run in a folder of a share, unless a drive leads there.
        Some(_) if has_drive(path) => std::path::absolute(path)?,
        Some(share) => PathBuf::from(format!(r"\\{share}")),
        None if rest.get(1..3) == Some(r":\") => PathBuf::from(rest),
        // A volume without a letter has no other name.
        None => real,
    })
}

fn has_drive(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes.get(1) == Some(&b':')
}

/// The owner of a file: files in a user's folder are theirs alone, unless they shared them.
pub(crate) fn rights_of(metadata: &Metadata) -> Rights {
    if metadata.is_symlink() { Rights::Link } else { Rights::OursAlone }
}

/// Whether `path` is a file; on Windows the name decides whether it can be executed.
pub fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// Nothing to do: the program inherits the rights of its folder.
pub fn make_private_program(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// When a file was last written; a rename does not change that time.
pub fn changed_at(path: &Path) -> io::Result<SystemTime> {
    path.symlink_metadata()?.modified()
}

/// Nanoseconds since the machine started. The standard library has no such function for Windows, so this is the wall
/// clock.
pub fn nanoseconds_since_boot() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.ok().and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

/// The kernel's id of this start of the machine: Windows has none.
pub fn boot_id() -> Option<String> {
    None
}

/// This machine: not known on Windows.
pub fn machine() -> Option<Machine> {
    None
}

/// Namespaces: Windows has none.
pub fn namespaces() -> Option<(u64, u64)> {
    None
}

/// Process namespaces: Windows has none.
pub fn pid_namespace() -> Option<u64> {
    None
}

/// The number of a file: Windows gives it to an open handle only. Callers compare the file's times instead.
pub fn file_number(_metadata: &Metadata) -> u64 {
    0
}

/// Nothing: there is no number, and a file that is open can't be replaced on every file system.
pub fn keep_number(_file: File) -> Option<File> {
    None
}
