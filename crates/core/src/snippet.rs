//! The line that SessionStart puts in front of every Bash command of a session.
//!
//! It costs a foreground command two tests and a redirection of the shell's own, no process. Only when a call is
//! announced does it ask the runner whether this shell is the one that was meant (`claim`, a child, so that any answer
//! but "yes" leaves the shell untouched), and only then becomes the runner (`exec`), which runs the same string again
//! less this line.
//!
//! The client puts a line break behind whatever stands in the session's env files, so that with them bash would call
//! the first line of every command "line 2" in its messages. The last part of the snippet gives that line back: an
//! assignment to `LINENO` lasts if it happens in the redirection of a compound command, whose own line bash does not
//! restore afterwards (tried with 5.2; elsewhere it may do nothing). It closes a descriptor for the time of an empty
//! group, which has no effect otherwise. In zsh `LINENO` is read-only, and the lines of an `eval` are counted anew.
//!
//! Only bash may come there: zsh and dash give up the whole command over that expansion. Bash is told by `BASH_VERSINFO`,
//! which it never exports and lets nobody unset. `BASH_VERSION` can be inherited by another shell, and be missing in bash.

use std::path::Path;

/// The snippet of a session, without a line break; `None` if a path holds a quote or a control character.
pub fn render(runner: &Path, state_dir: &Path, announced_dir: &Path) -> Option<String> {
    let [runner, state, announced] = [quote(runner)?, quote(state_dir)?, quote(announced_dir)?];
    // `${A-${B-}}`: one is unset in bash, the other in zsh, and `set -u` may be on. A failing test in an `if` does not
    // end a shell under `set -e`, and the whole has status 0.
    // An empty file, as a power cut may leave it, would count as a script that succeeds (`-s`). A runner that crashes is
    // reported by the shell itself, whose messages only a redirected group keeps from the command's output.
    let string = "\"${BASH_EXECUTION_STRING-${ZSH_EXECUTION_STRING-}}\"";
    Some(format!(
        "if [ -e {announced} ] && [ -s {runner} ] && [ -x {runner} ] \
         && {{ {runner} claim {state} {announced} {string}; }} >/dev/null 2>&1; \
         then exec {runner} run {state} {announced} {string}; \
         elif [ -n \"${{BASH_VERSINFO-}}\" ]; then {{ :; }} 9>&\"${{BASH_VERSINFO:LINENO=LINENO-1:0}}-\"; fi"
    ))
}

/// The execution string without the snippet: what would run if we were not installed. `None` if it is not in there.
pub fn strip(string: &str, snippet: &str) -> Option<String> {
    // The env files come before the command, so the first occurrence is ours, whatever the command quotes.
    let (before, after) = string.split_once(snippet)?;
    // With its line break; where there is none, a colon keeps the list of commands around it a list.
    Some(match after.strip_prefix('\n') {
        Some(after) => format!("{before}{after}"),
        None => format!("{before}:{after}"),
    })
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
        render(
            Path::new("/s/bin/run"),
            Path::new("/s"),
            Path::new("/tmp/claude-1/sisyphus/announced/abc"),
        )
        .unwrap()
    }

    #[test]
    fn is_one_line() {
        assert_eq!(
            snippet(),
            "if [ -e '/tmp/claude-1/sisyphus/announced/abc' ] && [ -s '/s/bin/run' ] && [ -x '/s/bin/run' ] \
             && { '/s/bin/run' claim '/s' '/tmp/claude-1/sisyphus/announced/abc' \
             \"${BASH_EXECUTION_STRING-${ZSH_EXECUTION_STRING-}}\"; } >/dev/null 2>&1; \
             then exec '/s/bin/run' run '/s' '/tmp/claude-1/sisyphus/announced/abc' \
             \"${BASH_EXECUTION_STRING-${ZSH_EXECUTION_STRING-}}\"; \
             elif [ -n \"${BASH_VERSINFO-}\" ]; then { :; } 9>&\"${BASH_VERSINFO:LINENO=LINENO-1:0}-\"; fi"
        );
        assert!(render(Path::new("/it's"), Path::new("/s"), Path::new("/t")).is_none());
        assert!(render(Path::new("/a\nb"), Path::new("/s"), Path::new("/t")).is_none());
    }

    #[test]
    fn strips_itself_and_nothing_else() {
        let snippet = snippet();
        let string = format!("source X || true && {snippet}\n: && eval 'echo {snippet}' && pwd");
        let expected = format!("source X || true && : && eval 'echo {snippet}' && pwd");
        assert_eq!(strip(&string, &snippet).unwrap(), expected);
        let one_line = format!("true && {snippet} && pwd");
        assert_eq!(strip(&one_line, &snippet).unwrap(), "true && : && pwd");
        assert!(strip("eval 'true'", &snippet).is_none());
    }
}
