//! The file that contains the whole output of a task, while the task runs and afterwards.

use std::fs::{self, File};
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sisyphus_base::paths::StateDir;
use sisyphus_base::sys;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};

use super::refresh::{longer, refresh};
use super::trailer::Extent;
use crate::run::Run;

/// How many project folders are searched for an output.
const PROJECTS: usize = 10_000;
/// How many bytes are searched for line breaks at once, from the end.
const BLOCK: u64 = 64 * 1024;

/// An output that can be read.
#[derive(Debug)]
pub struct Source {
    file: File,
    whose: Whose,
    extent: Extent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Our copy, made after the task ended, or the file that a person's command writes to.
    Ours,
    /// The file that the command writes to. After the command ends, Claude Code adds a line, and processes that it left
    /// running may add more.
    Clients,
}

impl Source {
    /// Opens the output of a task, if possible. Our updated copy is preferred unless its middle is missing, because
    /// sandboxed commands can write to the folder of Claude Code's file. `client_tmp` is where Claude Code's file is
    /// searched if the record does not say.
    pub fn open(task: &Task, state: &StateDir, client_tmp: &Path) -> Option<Self> {
        // Claude Code's file of that name is a transcript, which no reader may see. Ours is the last message.
        if task.kind == Kind::Agent {
            let ended = task.status().is_final().then(|| state.output(&task.id))?;
            let file = sys::open_own_file(&ended).ok()?;
            return Some(Self { file, whose: Whose::Ours, extent: Extent::unknown() });
        }
        if let Some((_, growing)) = growing(task, state) {
            return Some(Self { file: growing, whose: Whose::Ours, extent: Extent::unknown() });
        }
        refresh(task, state);
        if let Ok(Some((file, extent))) = longer(task, state) {
            return Some(Self { file, whose: Whose::Clients, extent });
        }
        let ours = sys::open_own_file(&state.output(&task.id)).ok();
        let is_whole = task.output.as_ref().is_none_or(|output| output.dropped == 0);
        let from = |whose| move |file| Self { file, whose, extent: Extent::unknown() };
        match ours {
            Some(file) if is_whole => Some(from(Whose::Ours)(file)),
            ours => clients_file(task, client_tmp)
                .map(from(Whose::Clients))
                .or(ours.map(from(Whose::Ours))),
        }
    }

    /// The current length of the output, without the line that Claude Code adds.
    pub fn end(&mut self, task: &Task) -> io::Result<u64> {
        self.extent = match self.whose {
            Whose::Ours => Extent::whole(self.file.metadata()?.len()),
            Whose::Clients => {
                let known = task.output.as_ref().map(|output| output.bytes);
                Extent::of(&mut self.file, known)?
            }
        };
        Ok(self.extent.bytes)
    }

    /// The current length of its file. It changes whenever the output grows.
    pub fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// When the command last wrote something, according to the system.
    pub fn written_at(&self) -> io::Result<SystemTime> {
        self.file.metadata()?.modified()
    }

    /// Where the last `count` lines before `end` begin.
    pub fn start_of_last(&mut self, count: u64, end: u64) -> io::Result<u64> {
        if count == 0 {
            return Ok(end);
        }
        let mut left = count;
        // A line break after the last line begins no line.
        let mut block_end = end.saturating_sub(1);
        while block_end > 0 {
            let start = block_end.saturating_sub(BLOCK);
            let wanted = usize::try_from(block_end - start).unwrap_or_default();
            let block = self.read_block(start, wanted)?;
            for (index, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
                left -= 1;
                if left == 0 {
                    return Ok(start + index as u64 + 1);
                }
            }
            block_end = start;
        }
        Ok(0)
    }

    /// The first `max` bytes of the output, or all of it.
    pub fn beginning(&mut self, task: &Task, max: usize) -> io::Result<Vec<u8>> {
        let end = self.end(task)?;
        self.read_block(0, usize::try_from(end).unwrap_or(max).min(max))
    }

    /// Reads `wanted` bytes from `start` of the output, or up to its end.
    pub(super) fn read_block(&mut self, start: u64, wanted: usize) -> io::Result<Vec<u8>> {
        let mut block = vec![0; wanted];
        let mut filled = 0;
        while filled < block.len() {
            match self.read_at(start + filled as u64, &mut block[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        block.truncate(filled);
        Ok(block)
    }

    /// Reads from `position` of the output up to its last known [end](Self::end), as `read` does.
    pub fn read_at(&mut self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (place, left) = self.extent.locate(position);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        self.file.seek(SeekFrom::Start(place))?;
        self.file.read(&mut buffer[..wanted])
    }
}

/// The path of the file that a running task writes to, if it is known and there. An agent's is no output.
pub fn live_output_file(task: &Task, state: &StateDir, client_tmp: &Path) -> Option<PathBuf> {
    let is_running = matches!(task.status(), Status::Running { .. });
    if !is_running || task.kind == Kind::Agent {
        return None;
    }
    let found = growing(task, state).or_else(|| found_of_client(task, client_tmp));
    found.map(|(path, _)| path)
}

/// Opens the file that a person's command writes to.
fn growing(task: &Task, state: &StateDir) -> Option<(PathBuf, File)> {
    let is_live = task.from_terminal.is_some() && !task.status().is_final();
    let run = is_live.then(|| Run::of(task, state)).flatten()?;
    opened(run.output())
}

fn opened(path: PathBuf) -> Option<(PathBuf, File)> {
    let file = sys::open_own_file(&path).ok()?;
    Some((path, file))
}

/// Opens Claude Code's own file of an output. `client_tmp` is where it is searched if the record does not say.
pub(crate) fn clients_file(task: &Task, client_tmp: &Path) -> Option<File> {
    found_of_client(task, client_tmp).map(|(_, file)| file)
}

/// The same with its path.
fn found_of_client(task: &Task, client_tmp: &Path) -> Option<(PathBuf, File)> {
    let recorded = task.output.as_ref().and_then(|output| output.client_file.clone());
    if let Some(found) = recorded.and_then(opened) {
        return Some(found);
    }
    // The task's session may have been started with another temporary folder.
    let own = task.client_tmp.as_deref();
    own.into_iter().chain([client_tmp]).find_map(|dir| find_below(dir, task))
}

/// Searches for `PROJECT/SESSION/tasks/ID.output`, without relying on how Claude Code names a project's folder.
fn find_below(client_tmp: &Path, task: &Task) -> Option<(PathBuf, File)> {
    let client_id = task.client_id()?;
    if !sys::is_private_dir(client_tmp).unwrap_or(false) {
        return None;
    }
    let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|found| found.is_dir());
    let projects = fs::read_dir(client_tmp).ok()?.take(PROJECTS).filter_map(Result::ok);
    projects.map(|entry| entry.path()).find_map(|project| {
        let session = project.join(task.started_in().as_str());
        let tasks = session.join("tasks");
        if ![&project, &session, &tasks].into_iter().all(|path| is_folder(path)) {
            return None;
        }
        opened(tasks.join(format!("{client_id}.output")))
    })
}

#[cfg(test)]
mod tests {

    use sisyphus_base::id::ClientTaskId;
    use sisyphus_tasks::kept_output::KeptOutput;
    use sisyphus_tasks::outcome::Outcome;
    use sisyphus_tasks::task::Client;
    use sisyphus_tasks::task::samples::{finished, pending};
    use sisyphus_testing::TempDir;
    use sisyphus_testing::files::symlink;

    use super::*;

    /// A state folder, Claude Code's folder, and a task that Claude Code calls `b1`.
    struct Stage {
        dir: TempDir,
        state: StateDir,
        task: Task,
    }

    impl Stage {
        fn new() -> Self {
            let dir = TempDir::new();
            let state = StateDir::at(dir.path().join("state"));
            fs::create_dir_all(state.output_dir()).unwrap();
            let id = ClientTaskId::new("b1").unwrap();
            let client = Some(Client { id, process: None });
            let mut task = pending("t1", 1);
            task.client = client;
            Self { dir, state, task }
        }

        fn tasks(&self) -> PathBuf {
            let tasks = self.dir.path().join("claude/-home-dev/session-1/tasks");
            fs::create_dir_all(&tasks).unwrap();
            tasks
        }

        fn client_writes(&self, text: &str) {
            fs::write(self.tasks().join("b1.output"), text).unwrap();
        }

        fn we_keep(&self, text: &str) {
            fs::write(self.state.output(&self.task.id), text).unwrap();
        }

        fn text(&self) -> Option<String> {
            let client_tmp = self.dir.path().join("claude");
            let mut source = Source::open(&self.task, &self.state, &client_tmp)?;
            let end = source.end(&self.task).unwrap();
            let mut bytes = vec![0; usize::try_from(end).unwrap()];
            assert_eq!(source.read_at(0, &mut bytes).unwrap(), bytes.len());
            Some(String::from_utf8(bytes).unwrap())
        }
    }

    fn known(bytes: u64, dropped: u64) -> KeptOutput {
        KeptOutput { bytes, dropped, client_file: None }
    }

    /// `Source::open` takes our copy before Claude Code's file, unless the middle of our copy is missing.
    #[test]
    fn our_copy_goes_before_the_clients_file() {
        let mut stage = Stage::new();
        assert_eq!(stage.text(), None);
        stage.client_writes("12345\n\n[exited with code 4]\n");
        assert_eq!(stage.text().as_deref(), Some("12345\n"));
        stage.we_keep("1[…]5");
        stage.task.output = Some(known(6, 3));
        assert_eq!(stage.text().as_deref(), Some("12345\n"));
        stage.task.output = Some(known(6, 0));
        assert_eq!(stage.text().as_deref(), Some("1[…]5"));
        fs::remove_dir_all(stage.dir.path().join("claude")).unwrap();
        stage.task.output = Some(known(6, 3));
        assert_eq!(stage.text().as_deref(), Some("1[…]5"));
    }

    /// Of an agent, `Source` reads the last message once the agent has ended, and never Claude Code's transcript.
    #[test]
    fn an_agents_source_is_its_last_message() {
        let mut stage = Stage::new();
        stage.client_writes("a transcript");
        stage.task.kind = Kind::Agent;
        assert_eq!(stage.text(), None);
        stage.we_keep("found 3\n");
        assert_eq!(stage.text(), None, "it has not ended");
        let client = stage.task.client.clone();
        stage.task = finished("t1", Outcome::Completed);
        (stage.task.kind, stage.task.client) = (Kind::Agent, client);
        assert_eq!(stage.text().as_deref(), Some("found 3\n"));
        stage.task.output = Some(known(99, 9));
        assert_eq!(stage.text().as_deref(), Some("found 3\n"));
        fs::remove_file(stage.state.output(&stage.task.id)).unwrap();
        assert_eq!(stage.text(), None);
    }

    /// `Source` takes what only looks like Claude Code's line for output if the runner saw it.
    #[test]
    fn a_look_alike_of_the_clients_line_is_output() {
        let mut stage = Stage::new();
        stage.client_writes("say\n[killed]\n");
        assert_eq!(stage.text().as_deref(), Some("say"));
        stage.task.output = Some(known(13, 13));
        assert_eq!(stage.text().as_deref(), Some("say\n[killed]\n"));
    }

    #[test]
    #[cfg_attr(windows, ignore = "Windows allows links to few users")]
    fn a_link_or_a_file_of_another_task_is_not_it() {
        let stage = Stage::new();
        let tasks = stage.tasks();
        fs::write(tasks.join("b2.output"), "of another").unwrap();
        symlink(tasks.join("b2.output"), tasks.join("b1.output")).unwrap();
        assert_eq!(stage.text(), None);
        fs::remove_dir_all(stage.dir.path().join("claude/-home-dev")).unwrap();
        let elsewhere = stage.dir.path().join("elsewhere/session-1/tasks");
        fs::create_dir_all(&elsewhere).unwrap();
        fs::write(elsewhere.join("b1.output"), "elsewhere").unwrap();
        symlink(stage.dir.path().join("elsewhere"), stage.dir.path().join("claude/-link")).unwrap();
        assert_eq!(stage.text(), None);
    }

    #[test]
    fn the_last_lines_are_counted_from_the_end() {
        let long = format!("a\n{}\nb\n", "x".repeat(usize::try_from(BLOCK).unwrap() * 2));
        let length = long.len() as u64;
        let cases = [
            ("1\n2\n3\n", 0, 6),
            ("1\n2\n3\n", 1, 4),
            ("1\n2\n3\n", 2, 2),
            ("1\n2\n3\n", 3, 0),
            ("1\n2\n3\n", 9, 0),
            ("1\n2\n3", 1, 4),
            ("1\n\n\n", 1, 3),
            ("\n", 1, 0),
            ("", 1, 0),
            (&long, 1, length - 2),
            (&long, 2, 2),
            (&long, 3, 0),
        ];
        let stage = Stage::new();
        for (text, count, expected) in cases {
            stage.we_keep(text);
            let mut source =
                Source::open(&stage.task, &stage.state, Path::new("/dev/null")).unwrap();
            let start = source.start_of_last(count, text.len() as u64).unwrap();
            assert_eq!(start, expected, "{count} of {} bytes", text.len());
        }
    }
}
