//! Which of the client's tasks the shell around this process is: the client names the file behind its standard output
//! after it, `…/claude-UID/PROJECT/SESSION/tasks/ID.output`.
//!
//! The session in that path is the one that the client was started with: behind `/clear` the client goes on in the same
//! folder, and calls its session something else. So the session is taken from the announced call.

use std::fs::File;
use std::path::{Path, PathBuf};

use sisyphus_base::id::ClientTaskId;
use sisyphus_process::{Caller, own_output_file};

/// The client's names of this shell.
#[derive(Debug)]
pub(crate) struct Identity {
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
        let (client_id, client_tmp) = names(&output.0)?;
        Some(Self { client_id, client_tmp, output })
    }
}

/// The client's task and its temporary folder, read off the files that the calling shell has open.
pub(crate) fn names_of(caller: &Caller) -> Option<(ClientTaskId, PathBuf)> {
    caller.files.iter().find_map(|file| names(file))
}

fn names(path: &Path) -> Option<(ClientTaskId, PathBuf)> {
    let tasks = path.parent().filter(|parent| parent.ends_with("tasks"))?;
    let of_session = tasks.parent()?;
    let client_tmp = of_session.parent()?.parent()?;
    let id = path.extension().filter(|it| *it == "output").and(path.file_stem())?;
    Some((ClientTaskId::new(id.to_str()?).ok()?, client_tmp.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I6: a run is named by what the client wrote on its standard output, and by nothing else.
    #[test]
    fn reads_the_names_off_the_path() {
        let (id, tmp) = names(Path::new("/tmp/claude-0/-p/s1/tasks/b1.output")).unwrap();
        assert_eq!((id.as_str(), tmp.as_path()), ("b1", Path::new("/tmp/claude-0")));
        for other in ["/tmp/claude-0/-p/s1/other/b1.output", "/tasks/b1.output", "/dev/null"] {
            assert!(names(Path::new(other)).is_none(), "{other}");
        }
        assert!(names(Path::new("/t/-p/s1/tasks/b1.log")).is_none());
    }
}
