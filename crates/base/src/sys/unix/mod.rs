//! Linux and macOS.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Input, is_private_dir};
use crate::atomic::if_found;
use crate::rights::Rights;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use self::linux as system;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use self::macos as system;

pub use system::{boot_id, machine, namespaces, pid_namespace};

/// What installs the plugin, as people type it.
pub const INSTALLER: &str = "install.sh";
/// What removes it.
pub const UNINSTALLER: &str = "sisyphus install --uninstall";

/// Tries something with a file. A process may rename what another one reads, so once is enough.
pub fn patiently<T>(attempt: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    attempt()
}

/// Appends what the standard input has, and waits for it at most this long. No other code of the process may read it:
/// what is ready now would be gone, and the read would wait without end.
pub fn read_stdin(bytes: &mut Vec<u8>, wait: Duration) -> io::Result<Input> {
    /// The room for one read grows with what has come: it is filled with zeros first, and most events are short.
    const LEAST: usize = 1024;
    const MOST: usize = 64 * 1024;
    let stdin = io::stdin();
    let mut ready = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
    match poll(&mut ready, timeout) {
        Ok(0) => return Ok(Input::Silent),
        // A signal that ends nothing. The caller asks again, with the time that is left.
        Err(Errno::EINTR) => return Ok(Input::Came),
        other => other?,
    };
    let before = bytes.len();
    bytes.resize(before + (before * 4).clamp(LEAST, MOST), 0);
    let read = nix::unistd::read(stdin.as_fd(), &mut bytes[before..]);
    bytes.truncate(before + read.unwrap_or(0));
    match read {
        Ok(0) => Ok(Input::Ended),
        Ok(_) | Err(Errno::EINTR) => Ok(Input::Came),
        Err(error) => Err(error.into()),
    }
}

/// Where Claude Code's `claude-UID` folder is unless `CLAUDE_CODE_TMPDIR` is set.
pub fn default_tmp_dir() -> PathBuf {
    PathBuf::from("/tmp")
}

/// The name of Claude Code's temporary folder for this user.
pub fn client_tmp_name() -> String {
    format!("claude-{}", own_user())
}

/// Creates `path` and its missing parents with mode 0700.
pub fn create_private_dir_all(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Creates the folder `path` with mode 0700; it must not exist.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Creates `link`, a link to the folder `target`.
pub fn link_dir(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

/// Locks a file that other processes read.
pub fn lock_for_readers(file: &File) -> io::Result<()> {
    fs4::FileExt::try_lock(file).map_err(io::Error::from)
}

/// The path of a file or folder without links.
pub fn real_path(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// The owner of a file or folder, and what other users may do with it.
pub(crate) fn rights_of(metadata: &Metadata) -> Rights {
    match metadata.mode() & 0o077 {
        _ if metadata.is_symlink() => Rights::Link,
        _ if metadata.uid() != own_user() => Rights::SomebodyElses,
        mode if mode & 0o022 != 0 => Rights::OthersMayWrite,
        mode if mode != 0 => Rights::OthersMayRead,
        _ => Rights::OursAlone,
    }
}

/// The user of this process, which never changes. A hook that looks at hundreds of runs asks the kernel once.
fn own_user() -> u32 {
    static OWN: OnceLock<u32> = OnceLock::new();
    *OWN.get_or_init(|| nix::unistd::geteuid().as_raw())
}

/// Whether `path` is a file that its owner can execute.
pub fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o100 != 0)
}

/// Lets only its owner read, change or execute a program.
pub fn make_private_program(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// Creates a file with mode 0600 that must not exist.
pub fn create_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Opens a file for appending, creating it with mode 0600.
pub fn append_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Opens a file of ours for reading and appending, creating it with mode 0600. Refuses a link, a pipe or another user's
/// file.
pub fn append_own_file(path: &Path) -> io::Result<File> {
    let flags = nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600).custom_flags(flags.bits());
    own_regular(options.open(path)?)
}

/// Opens a lock file, creating it with a mode that lets no other process read it. Refuses a link.
///
/// The kernel locks any open file, in whatever mode it was opened. In Claude Code's sandbox the state folder is
/// read-only, so no process can open a file there for writing. A lock file that is also not readable can't be opened in
/// the sandbox at all, except by root.
pub fn open_lock_file(path: &Path) -> io::Result<File> {
    to_write().create(true).truncate(false).mode(0o200).open(path)
}

/// Opens an existing lock file, to probe whether a process holds it. Refuses a link, a pipe or another user's file.
pub fn open_lock_to_probe(path: &Path) -> io::Result<File> {
    own_regular(to_write().open(path)?)
}

fn to_write() -> OpenOptions {
    let flags = nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK;
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(flags.bits());
    options
}

/// The number of a file in its file system: a file that replaces another one has another number.
pub fn file_number(metadata: &Metadata) -> u64 {
    metadata.ino()
}

/// What has to live on, so that no later file gets the number of this one.
pub fn keep_number(file: File) -> Option<File> {
    Some(file)
}

/// Opens a folder, to hold its lock. Refuses a link.
pub fn open_dir(path: &Path) -> io::Result<File> {
    let flags = nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_DIRECTORY;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}

/// Whether the open `file` is still the file at `path`.
pub fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    let named = if_found(path.symlink_metadata())?;
    Ok(named.is_some_and(|named| (named.dev(), named.ino()) == (open.dev(), open.ino())))
}

/// Our folder in the one that the system provides for this user, or else in the temporary folder that all users share.
pub fn runtime_dir() -> PathBuf {
    match system::user_dir() {
        Some(of_user) if is_private_dir(&of_user).unwrap_or(false) => of_user.join("sisyphus"),
        _ => default_tmp_dir().join(format!("sisyphus-{}", own_user())),
    }
}

/// Whether this process can create files in the folder `path`; false for a folder on a read-only mount.
pub fn is_writable_dir(path: &Path) -> bool {
    nix::unistd::access(path, nix::unistd::AccessFlags::W_OK | nix::unistd::AccessFlags::X_OK)
        .is_ok()
}

/// Opens a regular file of this user for reading. Refuses a link, a pipe or another user's file.
pub fn open_own_file(path: &Path) -> io::Result<File> {
    // Without O_NONBLOCK, opening a planted pipe would wait for a writer forever.
    let flags = nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK;
    own_regular(OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?)
}

fn own_regular(file: File) -> io::Result<File> {
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.uid() == own_user() {
        Ok(file)
    } else {
        Err(io::Error::other("not a regular file of this user"))
    }
}

/// Opens a regular file for reading, following links, whichever user owns it. Refuses a pipe or a device.
pub fn open_linked_file(path: &Path) -> io::Result<File> {
    let refused = || io::Error::other("not a regular file");
    // The check comes before the open, because merely opening a device can have an effect.
    if !path.metadata()?.is_file() {
        return Err(refused());
    }
    // Another file may have replaced it since. With these flags, opening a pipe does not wait, and a terminal does not
    // become our controlling one.
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(refused()) }
}

/// Nanoseconds since the machine started, suspended time included.
pub fn nanoseconds_since_boot() -> u64 {
    nix::time::clock_gettime(system::SINCE_BOOT)
        .ok()
        .and_then(|time| u64::try_from(Duration::from(time).as_nanos()).ok())
        .unwrap_or(0)
}

/// When a file's status last changed: by a write, a rename, or a change of its mode.
pub fn changed_at(path: &Path) -> io::Result<SystemTime> {
    let metadata = path.symlink_metadata()?;
    let seconds = u64::try_from(metadata.ctime()).map_err(io::Error::other)?;
    let nanoseconds = u32::try_from(metadata.ctime_nsec()).map_err(io::Error::other)?;
    Ok(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use sisyphus_testing::TempDir;

    /// `open_linked_file` follows links to a regular file. It refuses a pipe, a device, a folder and a circle of links.
    #[test]
    fn only_links_to_regular_files_are_followed() {
        let dir = TempDir::new();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("file"), "content").unwrap();
        symlink(path("file"), path("link")).unwrap();
        symlink(path("link"), path("link to link")).unwrap();
        for name in ["file", "link", "link to link"] {
            let mut text = String::new();
            open_linked_file(&path(name)).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "content", "{name}");
        }

        nix::unistd::mkfifo(&path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        symlink(path("pipe"), path("to a pipe")).unwrap();
        symlink("/dev/zero", path("to a device")).unwrap();
        symlink(dir.path(), path("to a folder")).unwrap();
        symlink(path("in a circle"), path("in a circle")).unwrap();
        for name in ["pipe", "to a pipe", "to a device", "to a folder", "in a circle"] {
            let error = open_linked_file(&path(name)).unwrap_err();
            assert_ne!(error.kind(), io::ErrorKind::NotFound, "{name}");
        }
        symlink(path("nowhere"), path("dangling")).unwrap();
        let error = open_linked_file(&path("dangling")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
