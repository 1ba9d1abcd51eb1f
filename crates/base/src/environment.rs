//! Every environment variable that we read. Nothing else in the program reads the environment.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::client_version::ClientVersion;
use crate::id::SessionId;

/// Where our state is, for the processes that we start.
pub const STATE_DIR: &str = "SISYPHUS_STATE_DIR";

/// Where the queue is, for the processes that we start.
pub const RUNTIME_DIR: &str = "SISYPHUS_RUNTIME_DIR";

/// The variables that sign Claude Code in, or choose a provider that does (CC-79).
const SIGN_IN: [&str; 5] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
];

/// Whether a user attends the session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Attendance {
    /// Claude Code does not say: it is older than the variable.
    #[default]
    Unknown,
    /// Claude Code runs in a terminal or an editor. There it has no time limit for background commands (CC-36).
    Attended,
    /// A script started Claude Code, which exits when the turn is over.
    Unattended,
}

/// The variables of one process, read once.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `HOME`, on Windows `USERPROFILE`.
    pub home: Option<PathBuf>,
    /// `CLAUDE_CONFIG_DIR`: where Claude Code keeps its settings instead of `~/.claude`.
    pub claude_config_dir: Option<PathBuf>,
    /// `SISYPHUS_STATE_DIR`: where we keep our state instead of in Claude Code's folder.
    pub sisyphus_state_dir: Option<PathBuf>,
    /// `SISYPHUS_RUNTIME_DIR`: where the queue is instead of in the per-user folder, see
    /// [`runtime_dir`](crate::runtime_dir).
    pub sisyphus_runtime_dir: Option<PathBuf>,
    /// `CLAUDE_CODE_TMPDIR`: where Claude Code creates its `claude-UID` folder instead of in `/tmp`.
    pub claude_tmpdir: Option<PathBuf>,
    /// `CLAUDE_ENV_FILE`: only in a SessionStart hook. Claude Code runs the contents of this file before every Bash
    /// command.
    pub claude_env_file: Option<PathBuf>,
    /// `CLAUDE_PLUGIN_ROOT`: only in hooks; the folder of this plugin.
    pub claude_plugin_root: Option<PathBuf>,
    /// `CLAUDE_CODE_SESSION_ATTENDED`, and in an older Claude Code `CLAUDE_CODE_ENTRYPOINT`: whether a user is present.
    pub attendance: Attendance,
    /// `AI_AGENT`: the version of Claude Code, in processes that it starts.
    pub client_version: Option<ClientVersion>,
    /// `CLAUDE_PROJECT_DIR`: only in hooks; the folder that Claude Code was started in, whatever a command's `cwd` is.
    pub claude_project_dir: Option<PathBuf>,
    /// `CLAUDE_CODE_SESSION_ID`: only in processes that Claude Code starts; the session that they belong to.
    pub session: Option<SessionId>,
    /// `SHELL`: the shell that Claude Code starts commands with, if it is bash or zsh.
    pub shell: Option<PathBuf>,
    /// `SHELLOPTS`: the options that bash starts with, if the user exports them.
    pub shell_options: Option<OsString>,
    /// `NO_COLOR` and `TERM`: whether a terminal gets colors.
    pub colours: Colours,
    /// `TERM`, `TERM_PROGRAM` and variables that terminals set: how the terminal notifies people.
    pub terminal: Terminal,
    /// `PATH`: where to search for programs.
    pub path: Option<OsString>,
    /// The first variable that signs Claude Code in and is set. Its value is not read.
    pub sign_in: Option<&'static str>,
}

/// How a terminal notifies people. In doubt it rings the bell, because a terminal ignores a sequence that it does not
/// know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Terminal {
    #[default]
    None,
    Bell,
    /// `OSC 9`, of iTerm.
    Osc9,
    /// `OSC 99`, of kitty.
    Osc99,
    /// `OSC 777`, of rxvt.
    Osc777,
}

impl Terminal {
    /// The terminal that these variables describe.
    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name| variable(name).and_then(|value| value.into_string().ok());
        let term = text("TERM").unwrap_or_default();
        if term.is_empty() || term == "dumb" {
            return Self::None;
        }
        // tmux and screen pass on the variables of the outer terminal, but not our sequences.
        if ["TMUX", "STY"].iter().any(|name| variable(name).is_some()) {
            return Self::Bell;
        }
        match text("TERM_PROGRAM").unwrap_or_default().as_str() {
            "iTerm.app" => Self::Osc9,
            "ghostty" | "WezTerm" => Self::Osc777,
            _ if term == "xterm-kitty" || variable("KITTY_WINDOW_ID").is_some() => Self::Osc99,
            _ if term.starts_with("rxvt") || term.starts_with("foot") => Self::Osc777,
            _ => Self::Bell,
        }
    }
}

/// Whether output to a terminal may be colored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Colours {
    #[default]
    Wanted,
    /// The user set `NO_COLOR`, or the terminal has no colors.
    Unwanted,
}

impl Environment {
    /// The shell that Claude Code starts commands with: `SHELL` if that is bash or zsh, else bash.
    pub fn command_shell(&self) -> PathBuf {
        let known = |path: &&PathBuf| path.ends_with("bash") || path.ends_with("zsh");
        self.shell.as_ref().filter(known).cloned().unwrap_or_else(|| "/bin/bash".into())
    }

    /// Reads the environment of this process. An empty variable counts as unset.
    pub fn read() -> Self {
        let path = |name| variable(name).map(PathBuf::from);
        Self {
            home: path("HOME").or_else(|| path("USERPROFILE")),
            claude_config_dir: path("CLAUDE_CONFIG_DIR"),
            sisyphus_state_dir: path(STATE_DIR),
            sisyphus_runtime_dir: path(RUNTIME_DIR),
            claude_tmpdir: path("CLAUDE_CODE_TMPDIR"),
            claude_env_file: path("CLAUDE_ENV_FILE"),
            claude_plugin_root: path("CLAUDE_PLUGIN_ROOT"),
            attendance: match variable("CLAUDE_CODE_SESSION_ATTENDED") {
                Some(value) if value == "0" => Attendance::Unattended,
                Some(value) if value == "1" => Attendance::Attended,
                Some(_) => Attendance::Unknown,
                None => match variable("CLAUDE_CODE_ENTRYPOINT") {
                    Some(value) if value == "sdk-cli" => Attendance::Unattended,
                    Some(_) | None => Attendance::Unknown,
                },
            },
            client_version: variable("AI_AGENT")
                .and_then(|value| ClientVersion::of_agent(value.to_str()?)),
            claude_project_dir: path("CLAUDE_PROJECT_DIR"),
            session: variable("CLAUDE_CODE_SESSION_ID")
                .and_then(|value| SessionId::new(value.into_string().ok()?).ok()),
            shell: path("SHELL"),
            shell_options: variable("SHELLOPTS"),
            colours: match (variable("NO_COLOR"), variable("TERM")) {
                (Some(_), _) => Colours::Unwanted,
                (None, Some(term)) if term == "dumb" => Colours::Unwanted,
                (None, Some(_) | None) => Colours::Wanted,
            },
            terminal: Terminal::of(variable),
            path: variable("PATH"),
            sign_in: SIGN_IN.into_iter().find(|name| variable(name).is_some()),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_is_told_by_its_variables() {
        let cases: &[(&[(&str, &str)], Terminal)] = &[
            (&[], Terminal::None),
            (&[("TERM", "dumb"), ("TERM_PROGRAM", "iTerm.app")], Terminal::None),
            (&[("TERM", "xterm-256color")], Terminal::Bell),
            (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")], Terminal::Osc9),
            (&[("TERM", "xterm-ghostty"), ("TERM_PROGRAM", "ghostty")], Terminal::Osc777),
            (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "vscode")], Terminal::Bell),
            (&[("TERM", "xterm-kitty")], Terminal::Osc99),
            (&[("TERM", "xterm-256color"), ("KITTY_WINDOW_ID", "1")], Terminal::Osc99),
            (&[("TERM", "foot")], Terminal::Osc777),
            (&[("TERM", "rxvt-unicode-256color")], Terminal::Osc777),
            (&[("TERM", "xterm-kitty"), ("TMUX", "/tmp/x")], Terminal::Bell),
        ];
        for (variables, expected) in cases {
            let variable = |wanted: &str| {
                let found = variables.iter().find(|(name, _)| *name == wanted);
                found.map(|(_, value)| OsString::from(value))
            };
            assert_eq!(Terminal::of(variable), *expected, "{variables:?}");
        }
    }
}
