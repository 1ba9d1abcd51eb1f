//! Which of the client's tasks the shell around this process is: the client names the file behind its standard output
//! after it, `…/claude-UID/PROJECT/SESSION/tasks/ID.output`.

use std::fs::File;
use std::path::{Path, PathBuf};

use sisyphus_core::id::{ClientTaskId, SessionId};
use sisyphus_process::{Caller, own_output_file};

/// The client's names of this shell.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) session: SessionId,
    pub(crate) client_id: ClientTaskId,
    /// The client's temporary folder.
    pub(crate) client_tmp: PathBuf,
    /// The client's file, and the same opened for reading.
    pub(crate) output: (PathBuf, File),
}

impl Identity {
    /// Reads it off standard output; `None` if that is no output file of the client's.
    pub(crate) fn own() -> Option<Self> {
        let output = own_output_file().ok()?;
        let (session, client_id, client_tmp) = names(&output.0)?;
        Some(Self { session, client_id, client_tmp, output })
    }
}

/// The client's session, its task and its temporary folder, read off the files that the calling shell has open.
pub(crate) fn names_of(caller: &Caller) -> Option<(SessionId, ClientTaskId, PathBuf)> {
    caller.files.iter().find_map(|file| names(file))
}

fn names(path: &Path) -> Option<(SessionId, ClientTaskId, PathBuf)> {
    let tasks = path.parent().filter(|parent| parent.ends_with("tasks"))?;
    let of_session = tasks.parent()?;
    let client_tmp = of_session.parent()?.parent()?;
    let id = path.extension().filter(|it| *it == "output").and(path.file_stem())?;
    let session = SessionId::new(of_session.file_name()?.to_str()?).ok()?;
    Some((session, ClientTaskId::new(id.to_str()?).ok()?, client_tmp.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I6: a run is named by what the client wrote on its standard output, and by nothing else.
    #[test]
    fn reads_the_names_off_the_path() {
        let (session, id, tmp) = names(Path::new("/tmp/claude-0/-p/s1/tasks/b1.output")).unwrap();
        assert_eq!((session.as_str(), id.as_str()), ("s1", "b1"));
        assert_eq!(tmp, Path::new("/tmp/claude-0"));
        for other in ["/tmp/claude-0/-p/s1/other/b1.output", "/tasks/b1.output", "/dev/null"] {
            assert!(names(Path::new(other)).is_none(), "{other}");
        }
        assert!(names(Path::new("/t/-p/s1/tasks/b1.log")).is_none());
    }
}
