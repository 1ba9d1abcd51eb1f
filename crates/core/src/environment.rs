//! Every environment variable that we look at. Nothing else in the program reads the environment.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::id::SessionId;

/// Whether anybody looks at the session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Attendance {
    #[default]
    Somebody,
    /// It was started by a script: when the turn is over, the client ends.
    Nobody,
}

/// The variables of one process, read once.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `HOME`, on Windows `USERPROFILE`.
    pub home: Option<PathBuf>,
    /// `CLAUDE_CONFIG_DIR`: where the client keeps its settings instead of `~/.claude`.
    pub claude_config_dir: Option<PathBuf>,
    /// `SISYPHUS_STATE_DIR`: where we keep our state instead of below the client's folder.
    pub sisyphus_state_dir: Option<PathBuf>,
    /// `CLAUDE_CODE_TMPDIR`: what the client puts its `claude-UID` folder into instead of `/tmp`.
    pub claude_tmpdir: Option<PathBuf>,
    /// `CLAUDE_ENV_FILE`: only in a SessionStart hook; what is appended there runs before every Bash command.
    pub claude_env_file: Option<PathBuf>,
    /// `CLAUDE_PLUGIN_ROOT`: only in hooks; the folder of this plugin.
    pub claude_plugin_root: Option<PathBuf>,
    /// `CLAUDE_CODE_SESSION_ATTENDED`: whether a person is there.
    pub attendance: Attendance,
    /// `CLAUDE_PROJECT_DIR`: only in hooks; the folder that the client was started in, wherever a command's `cwd` is.
    pub claude_project_dir: Option<PathBuf>,
    /// `CLAUDE_CODE_SESSION_ID`: in what the client starts, the session that it belongs to.
    pub session: Option<SessionId>,
    /// `SHELL`: the shell that the client starts commands with, if it is bash or zsh.
    pub shell: Option<PathBuf>,
    /// `NO_COLOR` and `TERM`: whether a terminal gets colours.
    pub colours: Colours,
    /// `PATH`: where programs are looked for.
    pub path: Option<OsString>,
}

/// Whether what goes to a terminal may be coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Colours {
    #[default]
    Wanted,
    /// The user said so, or the terminal has none.
    Unwanted,
}

impl Environment {
    /// Reads the environment of this process. An empty variable counts as unset.
    pub fn read() -> Self {
        let path = |name| variable(name).map(PathBuf::from);
        Self {
            home: path("HOME").or_else(|| path("USERPROFILE")),
            claude_config_dir: path("CLAUDE_CONFIG_DIR"),
            sisyphus_state_dir: path("SISYPHUS_STATE_DIR"),
            claude_tmpdir: path("CLAUDE_CODE_TMPDIR"),
            claude_env_file: path("CLAUDE_ENV_FILE"),
            claude_plugin_root: path("CLAUDE_PLUGIN_ROOT"),
            attendance: match variable("CLAUDE_CODE_SESSION_ATTENDED") {
                Some(value) if value == "0" => Attendance::Nobody,
                Some(_) | None => Attendance::Somebody,
            },
            claude_project_dir: path("CLAUDE_PROJECT_DIR"),
            session: variable("CLAUDE_CODE_SESSION_ID")
                .and_then(|value| SessionId::new(value.into_string().ok()?).ok()),
            shell: path("SHELL"),
            colours: match (variable("NO_COLOR"), variable("TERM")) {
                (Some(_), _) => Colours::Unwanted,
                (None, Some(term)) if term == "dumb" => Colours::Unwanted,
                (None, Some(_) | None) => Colours::Wanted,
            },
            path: variable("PATH"),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
