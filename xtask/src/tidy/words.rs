//! Words that hide which process acts, in comments, texts and pages. In backticks they are allowed, and so are they in
//! the literals of tests, which are compared with what the product prints.

use super::Finding;
use super::prose::{of_comments, of_page, of_source};

/// Each word, and what to write instead.
const WORDS: &[(&str, &str)] = &[
    ("whoever", "name the process or the person"),
    ("somebody", "name the process or the person"),
    ("nobody", "say that no process does it, or what is unknown"),
    ("anew", "write `again`"),
    ("told", "write `reported`, `delivered`, `notified` or `said`"),
    ("who waits", "name what waits"),
];

/// Pages that are history, or made from measurements.
const NOT_CHECKED: [&str; 2] = ["CHANGELOG.md", "docs/benchmarks.md"];

/// Finds the words in a `.rs` file: in its comments, and outside of tests in its literals.
pub(super) fn in_source(path: &str, text: &str) -> Vec<Finding> {
    let is_source = path.starts_with("xtask/src/")
        || path.strip_prefix("crates/").and_then(|rest| rest.split('/').nth(1)) == Some("src");
    let is_test = !is_source || path.ends_with("/tests.rs");
    findings(if is_test { of_comments(text) } else { of_source(text) })
}

/// Finds the words in a page of the root, the documentation, the skills or the agents.
pub(super) fn in_page(path: &str, text: &str) -> Vec<Finding> {
    let is_ours = !path.contains('/')
        || ["docs/", "skills/", "agents/"].iter().any(|folder| path.starts_with(folder));
    if !is_ours || NOT_CHECKED.contains(&path) {
        return Vec::new();
    }
    findings(of_page(text))
}

fn findings(prose: Vec<(usize, String)>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, text) in prose {
        // A text that is nothing but the word is a value, not a sentence.
        if WORDS.iter().any(|(word, _)| *word == text) {
            continue;
        }
        let words = words(&text);
        for (word, advice) in WORDS {
            if words.contains(&format!(" {word} ")) {
                findings.push(Finding::at(index, format!("`{word}`: {advice}")));
            }
        }
    }
    findings
}

/// The words outside of backticks in lower case, each with a space on both sides.
fn words(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // The part after an unpaired backtick is not in backticks.
    let is_quoted = |index: usize| index % 2 == 1 && index + 1 < parts.len();
    let mut words = " ".to_owned();
    for (index, part) in parts.iter().enumerate() {
        if is_quoted(index) {
            // Two words beside a quotation are not neighbors.
            words.push_str("` ");
            continue;
        }
        let is_end = |it: char| !it.is_alphanumeric() && it != '_';
        for word in part.split(is_end).filter(|word| !word.is_empty()) {
            words.push_str(&word.to_lowercase());
            words.push(' ');
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_word_in_a_comment_or_text_is_found() {
        let path = "crates/cli/src/wait.rs";
        for text in [
            "//! Whoever reads.\n",
            "//! It tells WHO  WAITS.\n",
            "fn a() {} // drawn anew\n",
            "const A: &str = \"it was told\";\n",
            "const A: &str = r#\"a \"quote\" for somebody\"#;\n",
            "/* for\nnobody */\n",
            "const A: &str = \"a \\\n  b told\";\n",
        ] {
            assert_eq!(in_source(path, text).len(), 1, "{text}");
        }
        let second = "//! Doc.\nlet quote = '\"'; // nobody\nlet a: &'a str = \"x\"; // 'told\n";
        assert_eq!(lines(&in_source(path, second)), [2, 3]);
    }

    #[test]
    fn a_word_in_a_comment_of_a_test_is_found() {
        for (path, text) in [
            ("crates/cli/src/wait.rs", "#[cfg(test)]\nmod tests {\n    // told\n}\n"),
            ("crates/cli/tests/it/wait.rs", "fn a() {\n    let a = \"told\";\n    /// Told.\n"),
            ("xtask/src/dist/tests.rs", "//! A\n//! page\n//! that somebody reads.\n"),
        ] {
            assert_eq!(lines(&in_source(path, text)), [3], "{text}");
        }
    }

    #[test]
    fn code_quotations_and_texts_of_tests_are_left_alone() {
        for (path, text) in [
            ("crates/cli/src/wait.rs", "let told = nobody(); // `told` and retold\n"),
            ("crates/cli/src/wait.rs", "fail(\"it is {told:?}, {told}\", \"nobody\");\n"),
            ("crates/cli/src/wait.rs", "#[cfg(test)]\nmod tests {\n    say(\"it is told\")\n}\n"),
            ("crates/cli/tests/it/wait.rs", "say(\"it is told\"); // `told`\n"),
            ("crates/chaos/src/check/tests.rs", "say(r#\"it is told\"#);\n"),
        ] {
            assert_eq!(in_source(path, text), [], "{text}");
        }
    }

    #[test]
    fn a_word_on_a_page_is_found() {
        let text =
            "# Page\n\nIt is told.\n\n```sh\ntold\n```\n\n`told` is a name, nobody a word.\n";
        assert_eq!(lines(&in_page("README.md", text)), [3, 9]);
        assert_eq!(lines(&in_page("docs/maintainers/states.md", text)), [3, 9]);
        assert_eq!(in_page("CHANGELOG.md", text), []);
        assert_eq!(in_page("crates/fuzz/seeds/page.md", text), []);
    }
}
