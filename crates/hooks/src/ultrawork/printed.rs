//! Distinguishes a line that the user typed from one that the user pasted from a program's output.

/// Beginnings of pasted lines: prompts, quotation marks of mail and of terminals, diffs, stack traces, data.
const BEGINNINGS: [&str; 20] = [
    ">", "|", "$ ", "% ", "❯", "»", "●", "⏺", "⎿", "✻", "[", "{", "<", "@@ ", "+++ ", "--- ",
    "at ", "error:", "error[", "warning:",
];

const LEVELS: [&str; 7] = ["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL"];

/// The typed part of a line: up to the first sign that a program printed it.
pub(super) fn typed_part(line: &str) -> &str {
    let text = line.trim_start();
    let is_indented = line.starts_with('\t') || line.len() - text.len() >= 4;
    let level = text.split(|character: char| !character.is_ascii_alphabetic()).next();
    let begins = BEGINNINGS.iter().any(|beginning| text.starts_with(beginning));
    if is_indented || begins || level.is_some_and(|word| LEVELS.contains(&word)) {
        return "";
    }
    let mut typed = 0;
    for word in line.split_inclusive(char::is_whitespace) {
        if is_sign(word.trim_end()) {
            return &line[..typed];
        }
        typed += word.len();
    }
    line
}

/// Whether only programs write such a word: a time of day with seconds, a position in a file, a level in brackets.
fn is_sign(word: &str) -> bool {
    let bare = word.trim_matches(['[', ']', '(', ')', ',', ';']);
    let in_brackets = word.starts_with('[') && LEVELS.contains(&bare.to_ascii_uppercase().as_str());
    in_brackets || bare.starts_with("level=") || is_time(bare) || is_place(bare)
}

/// `07:13:12`, `07:13:12.345Z`, `2026-11-21T07:13:12`.
fn is_time(word: &str) -> bool {
    let time = match word.split_once('T') {
        Some((date, time))
            if date.len() == 10 && date.starts_with(|it: char| it.is_ascii_digit()) =>
        {
            time
        }
        Some(_) | None => word,
    };
    let shape = |(at, byte): (usize, u8)| match at {
        2 | 5 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    time.len() >= 8 && time.bytes().take(8).enumerate().all(shape)
}

/// `src/main.rs:12`, `./a.py:3:7:`.
fn is_place(word: &str) -> bool {
    let Some((path, rest)) = word.split_once(':') else { return false };
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    path.contains(['.', '/'])
        && rest.starts_with(|it: char| it.is_ascii_digit())
        && rest.split(':').all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_types_is_kept() {
        let lines = [
            "refactor the API, please",
            "- refactor the API",
            "1. refactor the API",
            "# The API",
            "  two blanks",
            "by 2026-12-01 at 17:30",
            "the ratio is 3:1, see chapter 4:2",
            "an ERROR that nobody understands",
            "(in brackets)",
            "+ more",
            "attention",
            "Information about INFOS",
            "",
        ];
        for line in lines {
            assert_eq!(typed_part(line), line);
        }
    }

    #[test]
    fn what_a_program_printed_is_not() {
        let cases = [
            ("2026-11-21 07:13:12 all well", "2026-11-21 "),
            ("2026-11-21T07:13:12.345Z all well", ""),
            ("why this: [07:13:12] all well", "why this: "),
            ("why this: 07:13:12,345 all well", "why this: "),
            ("why [warn] all well", "why "),
            ("what is level=info msg=x", "what is "),
            ("it fails in src/main.rs:12:3 with ulw", "it fails in "),
            ("a.py:3: x", ""),
            ("INFO all well", ""),
            ("ERROR: x", ""),
            ("WARN  x", ""),
            ("error[E0425]: cannot find", ""),
            ("error: x", ""),
            ("> quoted", ""),
            ("| quoted", ""),
            ("$ ls", ""),
            ("❯ ls", ""),
            ("[sisyphus] x", ""),
            ("{\"a\": 1}", ""),
            ("<html>", ""),
            ("    indented", ""),
            ("\tindented", ""),
            ("   at f (x.js)", ""),
            ("@@ -1 +1 @@", ""),
        ];
        for (line, expected) in cases {
            assert_eq!(typed_part(line), expected, "{line}");
        }
    }
}
