//! `prompts/SESSION/CALL.txt`: the whole prompt of each queued call for an agent. The record keeps only its beginning,
//! and after a compaction the model has no more than the record.
//!
//! A hook writes the file under the lock, before the commit that queues the call. The commit that drops the call from
//! the queue removes the file. A process that is killed in between leaves a file that no record needs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sisyphus_base::atomic;
use sisyphus_base::id::{SessionId, ToolUseId};
use sisyphus_base::paths::{StateDir, create_private_dir};
use sisyphus_base::sys;
use sisyphus_tasks::agent_call::AgentCall;

use crate::active::Active;
use crate::agent_queue::Waiting;

/// Largest prompt that is kept, in bytes.
const PROMPT_MAX: usize = 1024 * 1024;
/// File extension of a kept prompt.
const EXTENSION: &str = "txt";

/// The prompt of a queued call, as the model wrote it: foreign text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPrompt {
    pub path: PathBuf,
    pub text: String,
}

impl KeptPrompt {
    /// Reads the prompt of a queued call; `None` if none was kept, or if the file holds another prompt than the call.
    pub fn read(state: &StateDir, waiting: &Waiting) -> Option<Self> {
        let dir = folder(state, &waiting.session);
        if !is_ours(state, &dir) {
            return None;
        }
        let path = file(&dir, &waiting.tool_use_id);
        let bytes = atomic::read(&path, PROMPT_MAX as u64).ok()??;
        let text = String::from_utf8(bytes).ok()?;
        let read = AgentCall::new(&waiting.call.agent_type, None, &text);
        read.has_prompt_of(&waiting.call).then_some(Self { path, text })
    }
}

/// Keeps the prompt of a call that is about to be queued. The caller holds the lock of the state.
pub fn keep_prompt(
    state: &StateDir,
    session: &SessionId,
    call: &ToolUseId,
    prompt: &str,
) -> Result<()> {
    anyhow::ensure!(
        prompt.len() <= PROMPT_MAX,
        "could not keep a prompt of {} bytes: at most {PROMPT_MAX} are kept",
        prompt.len()
    );
    let dir = folder(state, session);
    create_private_dir(&state.prompts_dir())?;
    create_private_dir(&dir)?;
    atomic::write(&file(&dir, call), prompt.as_bytes()).context("could not keep a prompt")
}

/// Removes what is kept for a session that is over. Its calls have left the queue.
pub fn forget_prompts(state: &StateDir, session: &SessionId) {
    let dir = folder(state, session);
    if !is_ours(state, &dir) {
        return;
    }
    for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if is_prompt(&path) {
            let _ = fs::remove_file(&path);
        }
    }
    let _ = fs::remove_dir(&dir);
}

/// Whether the file has a name that this module gives, or is the unfinished version of such a file.
pub fn is_prompt(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let Some((call, rest)) = name.split_once(&format!(".{EXTENSION}")) else { return false };
    let unfinished = rest.strip_prefix('.').and_then(|it| it.strip_suffix(atomic::UNFINISHED));
    ToolUseId::new(call).is_ok() && (rest.is_empty() || unfinished.is_some())
}

/// The files of all calls that are queued.
pub fn kept_prompts(state: &StateDir, active: &Active) -> Vec<PathBuf> {
    let path = |it: &Waiting| file(&folder(state, &it.session), &it.tool_use_id);
    active.agents.waiting.iter().map(path).collect()
}

/// Removes the prompts of calls that were queued and are not any more. The caller holds the lock of the state.
pub(crate) fn remove_prompts(state: &StateDir, before: &[PathBuf], after: &[PathBuf]) {
    for path in before.iter().filter(|path| !after.contains(path)) {
        let Some(dir) = path.parent().filter(|dir| is_ours(state, dir)) else { continue };
        // Best effort: `sisyphus clean` removes what stays.
        let _ = fs::remove_file(path);
        // This fails while the folder holds others.
        let _ = fs::remove_dir(dir);
    }
}

fn folder(state: &StateDir, session: &SessionId) -> PathBuf {
    state.prompts_dir().join(session.as_str())
}

fn file(dir: &Path, call: &ToolUseId) -> PathBuf {
    dir.join(format!("{call}.{EXTENSION}"))
}

/// Whether neither folder is a link, and only this user can change them.
fn is_ours(state: &StateDir, dir: &Path) -> bool {
    [state.prompts_dir().as_path(), dir].iter().all(|it| sys::is_private_dir(it).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use sisyphus_base::id::Ticket;
    use sisyphus_testing::TempDir;

    use super::*;
    use crate::agents::Turn;

    fn waiting(session: &str, call: &str, prompt: &str) -> Waiting {
        Waiting {
            ticket: Ticket(1),
            session: SessionId::new(session).unwrap(),
            tool_use_id: ToolUseId::new(call).unwrap(),
            description: "review".to_owned(),
            call: AgentCall::new("Plan", None, prompt),
            machine: None,
            turn: Turn::Waiting,
        }
    }

    fn keep(state: &StateDir, waiting: &Waiting, prompt: &str) -> Result<()> {
        keep_prompt(state, &waiting.session, &waiting.tool_use_id, prompt)
    }

    /// The prompt comes back byte by byte, from a file that only this user can read.
    #[test]
    fn a_prompt_is_kept_whole_and_private() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        let prompt = format!("first\r\n{}\u{1b}[1mlast\n", "ü".repeat(1_000));
        let call = waiting("s1", "toolu_1", &prompt);
        assert_eq!(KeptPrompt::read(&state, &call), None);
        keep(&state, &call, &prompt).unwrap();
        let kept = KeptPrompt::read(&state, &call).unwrap();
        assert_eq!(kept.text, prompt);
        assert_eq!(kept.path, dir.path().join("prompts/s1/toolu_1.txt"));
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&kept.path), 0o600);
        assert_eq!(mode(kept.path.parent().unwrap()), 0o700);
        assert_eq!(mode(&state.prompts_dir()), 0o700);
        assert!(keep(&state, &call, &"x".repeat(PROMPT_MAX + 1)).is_err());
        assert_eq!(KeptPrompt::read(&state, &call), Some(kept));
    }

    /// Neither another session's call nor a changed file gives a prompt that the record does not name.
    #[test]
    fn only_the_prompt_of_the_record_is_read() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        let call = waiting("s1", "toolu_1", "mine");
        keep(&state, &call, "mine").unwrap();
        assert_eq!(KeptPrompt::read(&state, &waiting("s2", "toolu_1", "mine")), None);
        keep(&state, &call, "evil").unwrap();
        assert_eq!(KeptPrompt::read(&state, &call), None);
    }

    /// Whatever a link stands for, nothing behind it is read, written or removed.
    #[test]
    fn links_lead_nowhere() {
        let dir = TempDir::new();
        let elsewhere = dir.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let secret = elsewhere.join("toolu_1.txt");
        fs::write(&secret, "mine").unwrap();
        let call = waiting("s1", "toolu_1", "mine");
        for linked in ["prompts", "prompts/s1", "prompts/s1/toolu_1.txt"] {
            let root = dir.path().join(linked.replace('/', "-"));
            let state = StateDir::at(&root);
            let link = root.join(linked);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            let target = if linked.ends_with("txt") { &secret } else { &elsewhere };
            symlink(target, &link).unwrap();
            assert_eq!(KeptPrompt::read(&state, &call), None, "{linked}");
            // A link in the place of the file is replaced; behind a folder that is a link nothing is written.
            assert_eq!(keep(&state, &call, "other").is_ok(), linked.ends_with("txt"), "{linked}");
            let path = root.join("prompts/s1/toolu_1.txt");
            remove_prompts(&state, &[path], &[]);
            forget_prompts(&state, &call.session);
            assert_eq!(fs::read_to_string(&secret).unwrap(), "mine", "{linked}");
            assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1, "{linked}");
        }
    }

    /// What a killed process left of a session goes with the session; files with other names stay.
    #[test]
    fn a_session_that_ends_leaves_no_prompt() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        let session = SessionId::new("s1").unwrap();
        for call in ["toolu_1", "toolu_2"] {
            keep(&state, &waiting("s1", call, "p"), "p").unwrap();
        }
        keep(&state, &waiting("s2", "toolu_3", "p"), "p").unwrap();
        let folder = state.prompts_dir().join("s1");
        fs::write(folder.join("toolu_1.txt.17-0.tmp"), "half").unwrap();
        fs::write(folder.join("notes.md"), "x").unwrap();
        forget_prompts(&state, &session);
        let left: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(left, ["notes.md"]);
        fs::remove_file(folder.join("notes.md")).unwrap();
        forget_prompts(&state, &session);
        assert!(!folder.exists());
        assert!(state.prompts_dir().join("s2/toolu_3.txt").exists());
    }
}
