//! The line that SessionStart puts in front of every Bash command of a session.
//!
//! It costs a foreground command two tests and a redirection of the shell's own, no process. Only when a call is
//! announced does it ask the runner whether this shell is the one that was meant: `claim`, a child that prints how the
//! shell becomes the runner ([`handover`]) if the answer is yes, and nothing otherwise. So whatever stands in the
//! runner's place leaves the shell untouched, unless it is a runner. What the shell then becomes (`exec`) is the very file
//! that has just run, with as many bytes of arguments; it runs the same string again less this line.
//!
//! The line shares the one argument of the shell with the command, at most 128 kB on Linux, so it is short: each path
//! stands in it once, and the runner reads from the string where announcements are.
//!
//! The client puts a line break behind whatever stands in the session's env files, so that with them bash would call
//! the first line of every command "line 2" in its messages. The last part of the snippet gives that line back: an
//! assignment to `LINENO` lasts if it happens in the redirection of a compound command, whose own line bash does not
//! restore afterwards (tried with 5.2; elsewhere it may do nothing). It closes a descriptor for the time of an empty
//! group, which has no effect otherwise. In zsh `LINENO` is read-only, and the lines of an `eval` are counted anew. A file
//! that is sourced could not give the line back, and in posix mode a missing one would end the shell.
//!
//! Only bash may come there: zsh and dash give up the whole command over that expansion. Bash is told by `BASH_VERSINFO`,
//! which it never exports and lets nobody unset. `BASH_VERSION` can be inherited by another shell, and be missing in bash.

use std::path::{Path, PathBuf};

/// `${A-${B-}}`: one is unset in bash, the other in zsh, and `set -u` may be on.
const STRING: &str = "\"${BASH_EXECUTION_STRING-${ZSH_EXECUTION_STRING-}}\"";

/// What stands before the folder of announcements.
const HEAD: &str = "if [ -e ";

/// The snippet of a session, without a line break; `None` if a path holds a quote or a control character.
pub fn render(runner: &Path, announced_dir: &Path) -> Option<String> {
    Some(format!("{HEAD}{}{}", quote(announced_dir)?, tail(runner)?))
}

/// What stands behind the folder of announcements.
fn tail(runner: &Path) -> Option<String> {
    let runner = quote(runner)?;
    // A failing test in an `if` does not end a shell under `set -e`, and the whole has status 0. The shell itself reports
    // a runner that crashes; only a redirected group keeps that from the command's output. `exec` makes the runner a child
    // of the very shell, not of a fork of it.
    Some(format!(
        " ]&&! {{ eval \"$(exec {runner} claim {STRING})\";}} 9>&2 2>/dev/null;then :;\
         elif [ \"${{BASH_VERSINFO-}}\" ];then {{ :;}} 9>&\"${{BASH_VERSINFO:LINENO=LINENO-1:0}}-\";fi"
    ))
}

/// What the shell has to evaluate inside the snippet to become the runner, with its own error output given back.
pub fn handover(runner: &Path) -> Option<String> {
    Some(format!("exec {} run {STRING} 2>&9 9>&-", quote(runner)?))
}

/// What an execution string with the snippet says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    pub announced_dir: PathBuf,
    /// The string without the snippet: what would run if we were not installed.
    pub string: String,
}

/// Finds the snippet that names this runner; `None` if it is not in there.
pub fn read(string: &str, runner: &Path) -> Option<Attached> {
    let tail = tail(runner)?;
    // The env files come before the command, so the first occurrence is ours, whatever the command quotes.
    let (before, announced, after) = string.match_indices(HEAD).find_map(|(at, _)| {
        let (path, after) = string[at + HEAD.len()..].strip_prefix('\'')?.split_once('\'')?;
        Some((&string[..at], path, after.strip_prefix(&tail)?))
    })?;
    // With its line break; where there is none, a colon keeps the list of commands around it a list.
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
