//! Masks what differs between any two runs of Claude Code, so that the rest can be compared byte by byte.

use super::home::Home;
use super::leftovers::flattened;

/// Variables of Claude Code's shells that have another value in each run.
const CHANGING_VARIABLES: [&str; 5] = [
    "ANTHROPIC_BASE_URL",
    "CLAUDE_CODE_MESSAGING_SOCKET",
    "CLAUDE_CODE_MESSAGING_TOKEN",
    "CLAUDE_PID",
    "CLAUDE_CODE_SESSION_ID",
];
/// The text before a word that Claude Code generates, and the text that ends the word.
const MADE_UP: [(&str, &str); 4] = [
    ("with ID: ", "."),
    ("/tasks/", ".output"),
    ("/tool-results/", ".txt"),
    ("/tmp/claude-", "-cwd"),
];

/// `text` as it would be in any other home.
pub(crate) fn mask(text: &str, home: &Home) -> String {
    // Claude Code puts a plugin's `bin/` on the PATH of commands by design, so it is no trace of ours.
    let on_path = format!(":{}", home.plugin().join("bin").display());
    let mut masked = text.replace(&on_path, "");
    for folder in [&home.folder, &home.project] {
        masked = masked.replace(&flattened(folder), "<FLATTENED>");
    }
    masked = masked.replace(&home.folder.display().to_string(), "<FOLDER>");
    mask_generic(&masked)
}

fn mask_generic(text: &str) -> String {
    let mut masked = mask_uuids(text);
    for (before, after) in MADE_UP {
        masked = mask_between(&masked, before, after);
    }
    let lines = masked.split('\n').map(|line| match line.split_once('=') {
        Some((name, _)) if CHANGING_VARIABLES.contains(&name) => format!("{name}=<MASKED>"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Masks the word between `before` and `after`, if it has only letters and digits.
fn mask_between(text: &str, before: &str, after: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once(before) {
        masked.push_str(head);
        masked.push_str(before);
        let length =
            tail.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(tail.len());
        rest = tail;
        if length > 0 && tail[length..].starts_with(after) {
            masked.push_str("<ID>");
            rest = &tail[length..];
        }
    }
    masked + rest
}

fn mask_uuids(text: &str) -> String {
    const LENGTH: usize = 36;
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if rest.get(..LENGTH).is_some_and(is_uuid) {
            masked.push_str("<UUID>");
            rest = &rest[LENGTH..];
        } else {
            masked.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    masked
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_makes_up_is_hidden() {
        let cases = [
            (
                "running in background with ID: b1a2b3c4d. Output",
                "running in background with ID: <ID>. Output",
            ),
            ("/x/tasks/b1a2b3c4d.output and /x/tasks/é", "/x/tasks/<ID>.output and /x/tasks/é"),
            ("é 0f0e0d0c-0000-4000-8000-000000000001!", "é <UUID>!"),
            ("CLAUDE_PID=77\nPWD=/x", "CLAUDE_PID=<MASKED>\nPWD=/x"),
            ("/tmp/claude-9f3a-cwd", "/tmp/claude-<ID>-cwd"),
        ];
        for (text, expected) in cases {
            assert_eq!(mask_generic(text), expected);
        }
    }

    #[test]
    fn the_rest_stays() {
        let text = "SHLVL=1\nexit code 3\ntasks/ with ID: -\n";
        assert_eq!(mask_generic(text), text);
    }
}
