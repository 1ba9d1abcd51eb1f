//! The string that Claude Code's shell executes, and the command inside it.
//!
//! It is the same for bash and zsh, with and without the sandbox (CC-28):
//! `source SNAPSHOT … && <contents of the session's env files> && … && eval '<command>' [< /dev/null] && pwd -P >| …`.
//! Claude Code puts the command in single quotes, and writes a single quote in it as `'"'"'`. It does not quote a
//! command that is one word without any character special to a shell: `eval ./x`.

/// Whether `string` executes exactly `command`.
pub fn executes(string: &str, command: &str) -> bool {
    let written = format!("eval {}", as_written(command));
    string.match_indices(&written).any(|(start, _)| {
        let before = string[..start].ends_with("&& ");
        let after = &string[start + written.len()..];
        let ends =
            after.is_empty() || after.starts_with(" && ") || after.starts_with(" < /dev/null && ");
        // Text that merely looks like the `eval` can occur only inside the quotes of another command. There Claude Code
        // breaks up every quote, so a quoted match is the real `eval`. A false match of a plain word has a closing
        // quote behind it.
        let outside = written.ends_with('\'') || !after.contains('\'');
        before && ends && outside
    })
}

/// `command` as Claude Code writes it behind `eval`.
pub fn as_written(command: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=@,+".contains(&byte);
    if !command.is_empty() && command.bytes().all(is_plain) {
        command.to_owned()
    } else {
        quote(command)
    }
}

fn quote(command: &str) -> String {
    format!("'{}'", command.replace('\'', "'\"'\"'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(eval: &str) -> String {
        format!("source /snap.sh 2>/dev/null || true && {eval} && pwd -P >| /tmp/claude-71e5-cwd")
    }

    #[test]
    fn finds_the_command_that_is_executed() {
        let commands = [
            "npm test",
            "echo 'it'\\''s' \"$HOME\"",
            "cat <<'EOF'\nline\nEOF",
            "eval 'npm test'",
            "",
            "'",
            "a && eval 'b' && c",
            "pytest",
            "./x",
            "A=1",
            "100%",
            "~",
        ];
        for command in commands {
            assert!(
                executes(&string(&format!("eval {} < /dev/null", as_written(command))), command),
                "{command}"
            );
            assert!(
                executes(&string(&format!("eval {}", as_written(command))), command),
                "{command}"
            );
        }
    }

    #[test]
    fn is_not_fooled_by_a_part_or_a_quotation() {
        let cases = [
            ("eval 'npm test'", "npm"),
            ("eval 'npm test -- --watch'", "npm test"),
            ("eval 'export REWRITTEN=yes; npm test'", "npm test"),
            ("eval 'echo '\"'\"'npm test'\"'\"''", "npm test"),
            ("eval 'echo \"eval '\"'\"'npm test'\"'\"' && \"'", "npm test"),
            ("true", "npm test"),
            ("eval 'echo $$ && eval make && pwd'", "make"),
            ("eval make-all", "make"),
            ("eval make", "make-all"),
        ];
        for (eval, command) in cases {
            assert!(!executes(&string(eval), command), "{eval} / {command}");
        }
    }
}
