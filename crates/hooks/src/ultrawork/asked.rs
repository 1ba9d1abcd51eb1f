//! Whether a prompt asks for ultrawork.

use super::printed::typed_part;
use super::spans::{GONE, without_spans};

/// How a prompt asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// By the skill's own command: Claude Code adds the skill's text to the request.
    Command,
    /// By one of the two words.
    Word,
}

const COMMANDS: [&str; 2] = ["ultrawork", "sisyphus:ultrawork"];
const WORDS: [&str; 2] = ["ultrawork", "ulw"];

/// A prompt with at most this many lines, none of which looks pasted, counts as entirely typed.
const SHORT: usize = 5;

/// What may surround a word without being part of it, in addition to blanks.
const SEPARATORS: [char; 13] =
    ['，', '。', '：', '；', '！', '？', '、', '（', '）', '…', '—', '–', '·'];
const BEFORE: [char; 4] = ['(', '*', '¿', '¡'];
const BEHIND: [char; 8] = ['.', ',', ':', ';', '!', '?', ')', '*'];

/// What ends a part of a sentence.
const CLAUSE_ENDS: [char; 6] = [',', '.', ':', ';', '!', '?'];
/// Words that say no to what stands a few words behind them.
const DENIALS: [&str; 10] =
    ["don't", "don’t", "dont", "not", "no", "never", "without", "avoid", "disable", "stop"];
/// How many words before the word may say no to it: "don't use the".
const DENIAL_REACH: usize = 3;
/// Words that make the next one their subject.
const EXPLANATIONS: [&str; 3] = ["about", "explain", "describe"];
/// Words that begin a question about something. "Can you use it?" is a request.
const QUESTIONS: [&str; 10] =
    ["what", "what's", "what’s", "whats", "how", "why", "when", "which", "does", "is"];

/// How a typed prompt asks for ultrawork; `None` if it does not.
pub fn asked(prompt: &str) -> Option<Asked> {
    // Blanks before the first line matter. Empty lines before it don't.
    let prompt = prompt.trim_end().trim_start_matches(['\n', '\r']);
    if let Some(command) = slash_command(prompt.trim_start()) {
        // Any other command has its own arguments.
        return COMMANDS.contains(&command).then_some(Asked::Command);
    }
    (mentions(prompt) && says(prompt)).then_some(Asked::Word)
}

/// The name of the command that a prompt is. A path is not a command.
fn slash_command(prompt: &str) -> Option<&str> {
    let name = prompt.strip_prefix('/')?.split(char::is_whitespace).next()?;
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':');
    (!name.is_empty() && name.bytes().all(is_part)).then_some(name)
}

/// Whether the prompt holds one of the words at all. Most prompts don't.
fn mentions(prompt: &str) -> bool {
    let is_there = |word: &str| {
        let mut windows = prompt.as_bytes().windows(word.len());
        windows.any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
    };
    WORDS.into_iter().any(is_there)
}

/// Whether one of the words is where the user speaks: anywhere in a short prompt without pasted text, in the first line
/// of a longer one, or in a last line that is set apart.
fn says(prompt: &str) -> bool {
    let plain = without_spans(prompt);
    let lines: Vec<&str> = plain.split('\n').map(str::trim_end).collect();
    let is_apart = |line: &str| line.chars().all(|character| character == GONE);
    let is_all_typed = lines.iter().filter(|line| !line.is_empty()).count() <= SHORT
        && lines
            .iter()
            .all(|line| typed_part(line) == *line && (line.is_empty() || !is_apart(line)));
    let last = lines.len() - 1;
    lines.iter().enumerate().any(|(number, line)| {
        let counts = is_all_typed
            || number == 0
            || number == last && (is_apart(lines[number - 1]) || is_word(line.trim_start()));
        counts && has_word(typed_part(line), number)
    })
}

fn has_word(text: &str, line: usize) -> bool {
    let is_separator =
        |character: char| character.is_whitespace() || SEPARATORS.contains(&character);
    let addressed = text
        .split_once(':')
        .filter(|(head, rest)| line == 0 && is_word(head) && rest.starts_with(char::is_alphabetic));
    let tokens: Vec<&str> = text.split(is_separator).filter(|token| !token.is_empty()).collect();
    let is_meant = |at: usize| is_word(tokens[at]) && !is_spoken_of(&tokens, at);
    addressed.is_some() || (0..tokens.len()).any(is_meant)
}

/// Whether a sentence only speaks of the word: it says no to it, or asks what it is.
fn is_spoken_of(tokens: &[&str], at: usize) -> bool {
    let is_in = |list: &[&str], token: &str| list.iter().any(|it| token.eq_ignore_ascii_case(it));
    let clause = tokens[..at].iter().rposition(|token| token.ends_with(CLAUSE_ENDS));
    let before = &tokens[clause.map_or(0, |end| end + 1)..at];
    let denies = before.iter().rev().take(DENIAL_REACH).any(|token| is_in(&DENIALS, token));
    let explains = before.last().is_some_and(|token| is_in(&EXPLANATIONS, token));
    let end = tokens[at..].iter().find(|token| token.ends_with(['.', '!', '?']));
    let asks = end.is_some_and(|token| token.ends_with('?'))
        && before.first().is_some_and(|token| is_in(&QUESTIONS, token));
    denies || explains || asks
}

fn is_word(token: &str) -> bool {
    let bare = token.trim_start_matches(BEFORE).trim_end_matches(BEHIND);
    WORDS.iter().any(|word| bare.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_count_where_somebody_types_them() {
        let prompts = [
            "ulw: refactor the API",
            "ultrawork refactor the API",
            "ULW refactor the API",
            "Ultrawork: refactor the API",
            "ulw",
            "  ulw \n",
            "refactor the API, ulw",
            "refactor the API with ultrawork.",
            "refactor the API (ulw)",
            "please **ultrawork** this!",
            "ulw:refactor the API",
            "ulw：重构 API",
            "refactor — ulw — the API",
            "Refactor the API.\nUse ulw for it.\nThanks.",
            "fix it\nulw",
            "- refactor the API\n- add tests\n- use ultrawork",
            "run `ls \"x` and 'y', then ulw",
            "it's time for ulw, isn't it",
            "a 24\" screen needs ulw",
            "/home/dev/proj is slow: ulw",
            "ulw, this is the log:\n2026-11-21 07:13:12 INFO started\n\nmore",
            "ulw, look:\n```\ncode\n```",
            "why is that?\n\n2026-11-21 07:13:12 INFO a\nb\n\nulw fix it",
            "```\ncode\n```\nulw fix it",
            "why\n<pasted_content id=\"c1\">\na\n</pasted_content id=\"c1\">\nulw fix it",
            "what does \"ultrawork\" mean? well, ulw",
            "what does ultrawork do? never mind: ulw fix it",
            "can you use ultrawork for this?",
            "please don't forget to use ulw",
            "don't stop before it works, ulw",
            "no, ulw",
            "is it slow? ulw",
            "a\nb\nc\nd\ne\nf\ng\nulw",
        ];
        for prompt in prompts {
            assert_eq!(asked(prompt), Some(Asked::Word), "{prompt}");
        }
    }

    #[test]
    fn they_do_not_where_they_are_shown() {
        let prompts = [
            "",
            "refactor the API",
            "a bulwark of ultraworkers and ulwa",
            "don't use ultrawork",
            "Do not use the ultrawork mode for this.",
            "refactor the API without ulw",
            "don’t ulw this",
            "fix it, but no ultrawork please",
            "what does ultrawork do?",
            "How does ULW work?",
            "is ultrawork on?",
            "explain ultrawork",
            "tell me about ultrawork",
            "what is `ulw`?",
            "what is \"ulw\"?",
            "what is 'ultrawork mode'?",
            "what is “ultrawork”?",
            "```\nulw\n```",
            "see docs/ulw",
            "see ulw/README.md",
            "see ./ulw and ulw.rs and C:\\ulw",
            "see https://example.com/ulw",
            "see ulw.dev",
            "mail ulw@example.com or @ulw",
            "pass --ulw or -ulw or ulw=1 or $ulw",
            "ultrawork_mode, ultrawork-mode, my_ulw",
            "the skill /ultrawork",
            "> ulw: do it",
            "$ ulw",
            "    ulw indented",
            "why does this fail?\n2026-11-21 07:13:12 INFO ultrawork mode on",
            "why does this fail? 07:13:12 ultrawork mode on",
            "why does this fail?\n[INFO] ultrawork mode on\nultrawork mode off\nok",
            "INFO ultrawork mode on",
            "[sisyphus] Ultrawork: do it",
            "why?\n\nCompiling a\nCompiling b\nultrawork on\nCompiling c\nCompiling d\nfailed",
            "why?\n\n| ulw |\n|---|",
            "why?\n{\"mode\": \"x\", ulw }",
            "<task-notification>\n<summary>Agent \"ulw\" finished</summary>\n</task-notification>",
            "<task-notification>\nulw\n</task-notification>",
            "<system-reminder>\nulw: do it\n</system-reminder>",
            "why <pasted_content id=\"c1\">\nulw\n</pasted_content id=\"c1\">",
            "/other ulw refactor",
            "/other:command ulw",
            "/compact keep what ulw said",
            "/ultraworks now",
        ];
        for prompt in prompts {
            assert_eq!(asked(prompt), None, "{prompt}");
        }
    }

    #[test]
    fn the_command_is_known_by_both_of_its_names() {
        for prompt in
            ["/ultrawork", "/ultrawork refactor", "/sisyphus:ultrawork\nulw", " /ultrawork x"]
        {
            assert_eq!(asked(prompt), Some(Asked::Command), "{prompt}");
        }
        assert_eq!(asked("/other:ultrawork x"), None);
    }

    #[test]
    fn a_huge_prompt_is_read_in_one_pass() {
        // In more than one, by its length, this would take minutes.
        assert_eq!(asked(&format!("{}ulw x", "a \"b\" `c` 07:13:12\n".repeat(100_000))), None);
        assert_eq!(asked(&format!("ulw\n{}", "x\n".repeat(1_000_000))), Some(Asked::Word));
    }
}
