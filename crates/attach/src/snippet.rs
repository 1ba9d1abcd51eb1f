//! The line that SessionStart puts in front of every Bash command of a session.
//!
//! It costs a foreground command two tests and a redirection in the shell, and no process. Only if a call is announced
//! does the snippet start a child, `claim`, which decides whether the announced call is this shell's. If so, `claim`
//! prints the line that makes the shell the runner ([`handover`]). Otherwise it prints nothing. So a program that
//! replaced the runner's file leaves the shell untouched. The shell executes (`exec`) the very file that has just run,
//! with as many bytes of arguments. The runner runs the same string again, less this line.
//!
//! The line and the command share one argument of the shell, at most 128 kB on Linux. So the line is short: it holds
//! each path once, and the runner reads the folder of announcements from the string.
//!
//! Claude Code puts a line break behind the contents of the session's env files, so that bash would call the first line
//! of every command "line 2" in its messages. The last part of the snippet undoes that with an assignment to `LINENO`.
//! The assignment lasts if it happens in the redirection of a compound command, whose own line bash does not restore
//! afterwards (tried with 5.2; other versions may ignore it). The redirection closes a descriptor during an empty
//! group, which has no other effect. In zsh `LINENO` is read-only, and zsh counts the lines of an `eval` from 1. A
//! sourced file could not undo the line break, and in posix mode a missing one would end the shell.
//!
//! Only bash may evaluate that expansion: zsh and dash abort the whole command over it. `BASH_VERSINFO` identifies
//! bash, which never exports it and lets no command unset it. `BASH_VERSION` can be inherited by another shell, and be
//! missing in bash.

use std::path::{Path, PathBuf};

/// `${A-${B-}}`: one is unset in bash, the other in zsh, and `set -u` may be on.
const STRING: &str = "\"${BASH_EXECUTION_STRING-${ZSH_EXECUTION_STRING-}}\"";

/// What comes before the folder of announcements.
const HEAD: &str = "if [ -e ";

/// The snippet of a session, without a line break; `None` if a path holds a quote or a control character.
pub fn render(runner: &Path, announced_dir: &Path) -> Option<String> {
    Some(format!("{HEAD}{}{}", quote(announced_dir)?, tail(runner)?))
}

/// What comes after the folder of announcements.
fn tail(runner: &Path) -> Option<String> {
    let runner = quote(runner)?;
    // A failing test in an `if` does not end a shell under `set -e`, and the whole has status 0. If the runner crashes,
    // the shell itself prints a message; only a redirected group keeps it out of the command's output. `exec` makes the
    // runner a child of the shell itself, not of a fork of it.
    Some(format!(
        " ]&&! {{ eval \"$(exec {runner} claim {STRING})\";}} 9>&2 2>/dev/null;then :;\
         elif [ \"${{BASH_VERSINFO-}}\" ];then {{ :;}} 9>&\"${{BASH_VERSINFO:LINENO=LINENO-1:0}}-\";fi"
    ))
}

/// What the shell evaluates inside the snippet to become the runner, with its own standard error restored.
pub fn handover(runner: &Path) -> Option<String> {
    Some(format!("exec {} run {STRING} 2>&9 9>&-", quote(runner)?))
}

/// What an execution string with the snippet contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    pub announced_dir: PathBuf,
    /// The string without the snippet: what would run without this plugin.
    pub string: String,
}

/// Finds the snippet that names this runner; `None` if the string has no such snippet.
pub fn read(string: &str, runner: &Path) -> Option<Attached> {
    let tail = tail(runner)?;
    // The env files come before the command, so the first occurrence is ours, whatever the command quotes.
    let (before, announced, after) = string.match_indices(HEAD).find_map(|(at, _)| {
        let (path, after) = string[at + HEAD.len()..].strip_prefix('\'')?.split_once('\'')?;
        Some((&string[..at], path, after.strip_prefix(&tail)?))
    })?;
    // The snippet's line break goes too. Without one, a colon keeps the list of commands around it a list.
    let string = match after.strip_prefix('\n') {
        Some(after) => format!("{before}{after}"),
        None => format!("{before}:{after}"),
    };
    Some(Attached { announced_dir: PathBuf::from(announced), string })
}

fn quote(path: &Path) -> Option<String> {
    let text = path.to_str().filter(|text| {
        !text.contains(|character: char| character == '\'' || character.is_control())
    })?;
    Some(format!("'{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snippet() -> String {
        render(Path::new("/s/bin/run"), Path::new("/tmp/claude-1/sisyphus/announced/abc")).unwrap()
    }

    #[test]
    fn is_one_line() {
        assert_eq!(
            snippet(),
            "if [ -e '/tmp/claude-1/sisyphus/announced/abc' ]&&! \
             { eval \"$(exec '/s/bin/run' claim \"${BASH_EXECUTION_STRING-${ZSH_EXECUTION_STRING-}}\")\";} 9>&2 2>/dev/null;\
             then :;elif [ \"${BASH_VERSINFO-}\" ];then { :;} 9>&\"${BASH_VERSINFO:LINENO=LINENO-1:0}-\";fi"
        );
        assert!(render(Path::new("/it's"), Path::new("/t")).is_none());
        assert!(render(Path::new("/a\nb"), Path::new("/t")).is_none());
    }

    /// S23: the snippet leaves room for the command.
    #[test]
    fn it_is_short_with_a_usual_home() {
        let state = Path::new("/home/developer/.claude/.sisyphus/background-tasks");
        let announced = "/tmp/claude-1000/sisyphus/announced/0f0e0d0c-0000-4000-8000-000000000001";
        let snippet = render(&state.join("bin/sisyphus-run-0.1.0"), Path::new(announced)).unwrap();
        assert!(snippet.len() <= 400, "{} bytes", snippet.len());
    }

    #[test]
    fn strips_itself_and_nothing_else() {
        let snippet = snippet();
        let read = |string: &str| read(string, Path::new("/s/bin/run"));
        let stripped = |string: &str| {
            let read = read(string).unwrap();
            assert_eq!(read.announced_dir, Path::new("/tmp/claude-1/sisyphus/announced/abc"));
            read.string
        };
        let string = format!("source X || true && {snippet}\n: && eval 'echo {snippet}' && pwd");
        let expected = format!("source X || true && : && eval 'echo {snippet}' && pwd");
        assert_eq!(stripped(&string), expected);
        let one_line = format!("if [ -e 'x' ]; then :; fi && {snippet} && pwd");
        assert_eq!(stripped(&one_line), "if [ -e 'x' ]; then :; fi && : && pwd");
        assert_eq!(read("eval 'true'"), None);
        assert_eq!(read(&snippet.replace("bin/run", "bin/other")), None);
    }
}
