//! The facts about Claude Code: comments cite their ids, not the versions that showed them, and each cited id exists.

use std::collections::BTreeSet;

use super::Finding;
use super::prose::of_comments;

/// The page with the facts.
pub(super) const PAGE: &str = "docs/claude-code.md";

/// The ids that the page gives to facts.
pub(super) fn ids(page: &str) -> BTreeSet<&str> {
    page.lines().filter_map(id_of_row).collect()
}

/// Finds an id that the page gives to two facts, and one that it names without a fact.
pub(super) fn in_page(page: &str) -> Vec<Finding> {
    let ids = ids(page);
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for (index, line) in page.lines().enumerate() {
        if let Some(id) = id_of_row(line).filter(|id| !seen.insert(*id)) {
            findings.push(Finding::at(index, format!("`{id}` is the id of another fact")));
        }
        findings.extend(unknown(index, line, &ids));
    }
    findings
}

/// Finds what the comments of a `.rs` file cite that is no fact, and versions of Claude Code in a crate's source.
pub(super) fn in_source(path: &str, text: &str, ids: &BTreeSet<&str>) -> Vec<Finding> {
    let is_source =
        path.strip_prefix("crates/").and_then(|rest| rest.split('/').nth(1)) == Some("src");
    let mut findings = Vec::new();
    for (index, comment) in of_comments(text) {
        findings.extend(unknown(index, &comment, ids));
        if is_source && words(&comment).any(is_version) {
            findings.push(Finding::at(
                index,
                format!("cite the id of a fact in `{PAGE}` instead of a version of Claude Code"),
            ));
        }
    }
    findings
}

/// The id in the first column of a table.
fn id_of_row(line: &str) -> Option<&str> {
    let (cell, _) = line.strip_prefix("| ")?.split_once(" |")?;
    is_id(cell).then_some(cell)
}

fn unknown(index: usize, text: &str, ids: &BTreeSet<&str>) -> Vec<Finding> {
    let cited = words(text).filter(|word| is_id(word) && !ids.contains(word));
    cited.map(|id| Finding::at(index, format!("`{PAGE}` has no fact `{id}`"))).collect()
}

/// The words of a text. A dot and a hyphen are part of a word, but not at its end.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_end = |it: char| !it.is_alphanumeric() && it != '-' && it != '.';
    text.split(is_end).map(|word| word.trim_end_matches(['.', '-']))
}

fn is_id(word: &str) -> bool {
    word.strip_prefix("CC-").is_some_and(is_number)
}

/// Claude Code's major version is 2. Ours is 0.
fn is_version(word: &str) -> bool {
    let mut parts = word.split('.');
    parts.next() == Some("2") && parts.clone().count() == 2 && parts.all(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: &str = "| id | fact |\n|---|---|\n| CC-1 | It starts. |\n| CC-12 | See CC-1. |\n";

    fn lines(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn an_id_without_a_fact_is_found() {
        let ids = ids(FACTS);
        for path in ["crates/hook/src/event.rs", "crates/hook/tests/it/a.rs", "xtask/src/main.rs"] {
            let text = "//! It starts (CC-1, CC-2).\nlet a = \"CC-3\"; // See CC-12, CC-13.\n";
            assert_eq!(lines(&in_source(path, text, &ids)), [1, 2]);
            let tests = "#[cfg(test)]\nmod tests {\n    // CC-120\n}\n";
            assert_eq!(lines(&in_source(path, tests, &ids)), [3]);
            assert_eq!(in_source(path, "// CC-12: ACC-3, CC-n, CC-\n", &ids), []);
        }
    }

    #[test]
    fn a_version_in_a_comment_is_found() {
        let ids = BTreeSet::new();
        let path = "crates/hook/src/event.rs";
        for text in ["//! Seen on 2.1.329.\n", "fn a() {} // (2.1.7)\n", "/* since 2.10.0 */\n"] {
            assert_eq!(lines(&in_source(path, text, &ids)), [1], "{text}");
        }
        for text in ["// 0.1.0, 12.1.3, 2.1, 2.5 s\n", "const MIN: &str = \"2.1.139\";\n"] {
            assert_eq!(in_source(path, text, &ids), [], "{text}");
        }
        assert_eq!(in_source("crates/hook/tests/it/a.rs", "// 2.1.329\n", &ids), []);
    }

    #[test]
    fn a_fact_of_another_facts_id_is_found() {
        assert_eq!(in_page(FACTS), []);
        assert_eq!(lines(&in_page(&format!("{FACTS}| CC-1 | It stops. |\n"))), [5]);
        assert_eq!(lines(&in_page(&format!("{FACTS}\nCheck CC-12, CC-14.\n"))), [6]);
    }
}
