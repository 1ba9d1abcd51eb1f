//! Whether a command belongs to a group of the user's.
//!
//! A command only waits for its group. So a mistake costs little, and every command of a line counts: a build is often
//! written as `cd app && make 2>&1 | tail`.

use super::word::glob;

/// How much of a command is read, in bytes.
const MAX_BYTES: usize = 16 * 1024;
/// What may stand before a command in a line.
const BEFORE: [&str; 8] = ["!", "time", "then", "do", "else", "exec", "command", "nohup"];

/// Whether one of these patterns fits the whole line or a command in it.
pub fn is_in_group(command: &str, patterns: &[String]) -> bool {
    let mut end = command.len().min(MAX_BYTES);
    while !command.is_char_boundary(end) {
        end -= 1;
    }
    let line = &command[..end];
    let mut lines = commands(line).into_iter().chain([line]).map(plain);
    lines.any(|line| patterns.iter().any(|pattern| is_matched(pattern, &line)))
}

/// Whether the pattern fits the whole line. Like in Claude Code's permission rules, `make *` fits `make` too.
fn is_matched(pattern: &str, line: &str) -> bool {
    glob(pattern, line) || pattern.strip_suffix(" *").is_some_and(|bare| glob(bare, line))
}

/// The commands of a line: what stands between operators outside of quotes.
fn commands(line: &str) -> Vec<&str> {
    let (mut commands, mut start) = (Vec::new(), 0);
    let (mut quote, mut is_escaped) = (None, false);
    for (position, character) in line.char_indices() {
        match (quote, character) {
            _ if is_escaped => is_escaped = false,
            (Some('\''), _) if character != '\'' => {}
            (_, '\\') => is_escaped = true,
            (Some(open), _) if character == open => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, ';' | '&' | '|' | '\n' | '(' | ')' | '{' | '}' | '`') => {
                commands.push(&line[start..position]);
                start = position + character.len_utf8();
            }
            (Some(_) | None, _) => {}
        }
    }
    commands.push(&line[start..]);
    commands
}

/// A command with single blanks, without what stands before it.
fn plain(command: &str) -> String {
    let is_before = |word: &&str| BEFORE.contains(word) || is_assignment(word);
    command.split_whitespace().skip_while(is_before).collect::<Vec<_>>().join(" ")
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILD: [&str; 4] = ["cargo *", "*gradlew *", "npm run build*", "python train.py"];

    fn is_build(command: &str) -> bool {
        is_in_group(command, &BUILD.map(str::to_owned))
    }

    #[test]
    fn a_command_is_known_by_its_words() {
        for command in [
            "cargo build",
            "cargo",
            "  cargo   test  --all ",
            "cd app && cargo test 2>&1 | tail -20",
            "RUST_LOG=debug CARGO_TERM=x cargo test",
            "for i in 1 2; do cargo test; done",
            "(cd app; ./gradlew assemble)",
            "./gradlew assemble",
            "time cargo build",
            "npm run build:prod",
            "python train.py",
        ] {
            assert!(is_build(command), "{command}");
        }
    }

    #[test]
    fn near_misses() {
        let long = format!("{}é; cargo build", "x".repeat(MAX_BYTES - 1));
        for command in [
            "echo \"cargo build\"",
            "echo 'a; cargo build'",
            "echo a\\; cargo build",
            "cargo-deny check",
            "mycargo build",
            "npm test",
            "python train.py --fast",
            "",
            &long,
        ] {
            assert!(!is_build(command), "{command}");
        }
        assert!(!is_in_group("cargo build", &[]));
    }
}
