//! Which of Claude Code's tasks the shell around this process is. Claude Code names the file behind the shell's
//! standard output after the task: `…/claude-UID/PROJECT/SESSION/tasks/ID.output`.
//!
//! The session in that path is the one that Claude Code was started with. After `/clear` Claude Code keeps the folder,
//! but gives its session another id. So the session comes from the announced call.

use std::fs::File;
use std::path::{Path, PathBuf};

use sisyphus_base::id::ClientTaskId;
use sisyphus_process::{Caller, own_output_file};

/// Claude Code's names for this shell.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) client_id: ClientTaskId,
    /// Claude Code's temporary folder.
    pub(crate) client_tmp: PathBuf,
    /// The path of Claude Code's output file, and the file opened for reading.
    pub(crate) output: (PathBuf, File),
}

impl Identity {
    /// Reads it from the path of standard output; `None` if that is no output file of Claude Code.
    pub(crate) fn own() -> Option<Self> {
        let output = own_output_file().ok()?;
        let (client_id, client_tmp) = names(&output.0)?;
        Some(Self { client_id, client_tmp, output })
    }
}

/// Claude Code's task and its temporary folder, from the files that the calling shell has open.
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

    /// I6: a run has the name of the file on its standard output, which Claude Code chose, and no other.
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
