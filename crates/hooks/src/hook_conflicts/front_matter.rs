//! The front matter at the beginning of a Markdown file: a skill, an agent or a command may declare hooks there.

use std::path::Path;

use anyhow::Result;
use sisyphus_base::atomic;

/// How much of a file is read, in bytes: first what is enough for nearly all files, then what is enough for every
/// sensible one.
const READS: [u64; 2] = [4 * 1024, 64 * 1024];

/// Whether the front matter of a file has a key `hooks`, at whatever depth.
pub(super) fn front_matter_has_hooks(path: &Path) -> Result<bool> {
    for max in READS {
        let Some(bytes) = atomic::read_linked_start(path, max)? else { return Ok(false) };
        let is_whole = (bytes.len() as u64) < max;
        match look(&String::from_utf8_lossy(&bytes)) {
            Found::Hooks => return Ok(true),
            Found::End => return Ok(false),
            // Nothing closes it, so it is a horizontal rule and not front matter.
            Found::NoEnd if is_whole => return Ok(false),
            Found::NoEnd => {}
        }
    }
    Ok(true)
}

enum Found {
    Hooks,
    /// The front matter is closed, or there is none.
    End,
    NoEnd,
}

fn look(text: &str) -> Found {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with("---") {
        return Found::End;
    }
    for line in text.split(['\n', '\r']).skip(1) {
        if line.trim_end() == "---" {
            return Found::End;
        }
        if has_key(line) {
            return Found::Hooks;
        }
    }
    Found::NoEnd
}

/// Whether a line of YAML has a key `hooks`: `hooks:`, `"hooks" :`, `{name: x, hooks: …`, `? hooks`. Prose that looks
/// the same (`about hooks: …`) counts too.
fn has_key(line: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
    let is_lone = |text: &str| text.trim_matches([' ', '\t', '?', '"', '\'']).is_empty();
    line.match_indices("hooks").any(|(start, word)| {
        let (before, after) = (&line[..start], &line[start + word.len()..]);
        let after = after.trim_start_matches(['"', '\'']).trim_start();
        let is_key = after.starts_with(':') || (after.is_empty() && is_lone(before));
        is_key && !before.ends_with(is_part)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sisyphus_testing::TempDir;

    use super::*;

    #[test]
    fn hooks_in_the_front_matter_and_only_there() {
        let dir = TempDir::new();
        let path = dir.path().join("SKILL.md");
        assert!(!front_matter_has_hooks(&path).unwrap(), "no file");
        let long = "x: y\n".repeat(20_000);
        let cases = [
            (String::new(), false),
            ("hooks: none here\n".to_owned(), false),
            ("# Title\n---\nhooks:\n---\n".to_owned(), false),
            ("---\nname: x\n---\nhooks: are fine here\n".to_owned(), false),
            ("---\nname: x\n--- \nhooks:\n---\n".to_owned(), false),
            ("---\ndescription: for React hooks\n---\n".to_owned(), false),
            ("---\nmy-hooks: 1\nhooksmith: 2\ngithooks: 3\n---\n".to_owned(), false),
            ("---\nname: x\nhooks:\n  PreToolUse: []\n---\n".to_owned(), true),
            ("---\r\nname: x\r\nhooks:\r\n---\r\n".to_owned(), true),
            ("\u{feff}---\nhooks:\n---\n".to_owned(), true),
            ("---\n  name: x\n  hooks: {}\n---\n".to_owned(), true),
            ("---\n\"hooks\" : {}\n---\n".to_owned(), true),
            ("---\n'hooks': {}\n---\n".to_owned(), true),
            ("---\n? hooks\n: {}\n---\n".to_owned(), true),
            ("---\n{name: x, hooks: {PreToolUse: []}}\n---\n".to_owned(), true),
            ("---\n{\"name\":\"x\",\"hooks\":{}}\n---\n".to_owned(), true),
            // A rule across the page, and no settings at all.
            ("---\nprose\n".to_owned(), false),
            ("---\nname: x\n---\n".to_owned() + &long, false),
            ("---\n".to_owned() + &long[..10_000] + "---\nhooks:\n", false),
            ("---\n".to_owned() + &long[..10_000] + "hooks:\n---\n", true),
            // Not known how it goes on.
            ("---\n".to_owned() + &long + "---\n", true),
        ];
        for (text, expected) in cases {
            fs::write(&path, &text).unwrap();
            let found = front_matter_has_hooks(&path).unwrap();
            assert_eq!(found, expected, "{}", &text[..text.len().min(99)]);
        }
    }
}
