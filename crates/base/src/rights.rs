//! The owner of a file, and which other users may read or change it.

use std::io;
use std::path::Path;

use crate::sys::rights_of;
pub use crate::sys::{is_executable, make_private_program};

/// What a file's owner and mode allow, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rights {
    /// It is a link. Our own files never are.
    Link,
    SomebodyElses,
    OthersMayWrite,
    OthersMayRead,
    OursAlone,
}

/// The rights of the file or folder itself, not of the target of a link.
pub fn rights(path: &Path) -> io::Result<Rights> {
    Ok(rights_of(&path.symlink_metadata()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sisyphus_testing::TempDir;
    use sisyphus_testing::files::{set_mode, symlink};
    use std::fs;

    #[test]
    #[cfg_attr(windows, ignore = "Windows has no permission bits")]
    fn the_worst_is_said() {
        let dir = TempDir::new();
        let path = dir.path().join("file");
        assert!(rights(&path).is_err());
        fs::write(&path, "").unwrap();
        for (mode, expected) in [
            (0o600, Rights::OursAlone),
            (0o700, Rights::OursAlone),
            (0o644, Rights::OthersMayRead),
            (0o610, Rights::OthersMayRead),
            (0o620, Rights::OthersMayWrite),
            (0o646, Rights::OthersMayWrite),
        ] {
            set_mode(&path, mode).unwrap();
            assert_eq!(rights(&path).unwrap(), expected, "{mode:o}");
            assert_eq!(is_executable(&path), mode == 0o700, "{mode:o}");
        }
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert_eq!(rights(&link).unwrap(), Rights::Link);
        assert!(!is_executable(dir.path()));
    }
}
