//! Rules over one `.rs` file.

use super::Finding;

/// Each rule takes the path (relative, with `/`) and the text.
pub(super) const RULES: &[fn(&str, &str) -> Vec<Finding>] = &[
    starts_with_doc,
    is_short_enough,
    main_is_thin,
    allows_nothing,
    todo_names_issue,
    system_code_in_sys,
    test_name_is_a_label,
];

const LONGEST_FILE: usize = 400;
const LONGEST_MAIN: usize = 40;
const LONGEST_TEST_NAME: usize = 60;

fn starts_with_doc(_path: &str, text: &str) -> Vec<Finding> {
    if text.starts_with("//!") {
        return Vec::new();
    }
    vec![Finding::at(0, "the first line is not a `//!` that says what the module is for")]
}

fn is_short_enough(_path: &str, text: &str) -> Vec<Finding> {
    at_most(text, LONGEST_FILE, "split it by noun or verb")
}

fn main_is_thin(path: &str, text: &str) -> Vec<Finding> {
    if path.contains("src/bin/") || path.ends_with("/main.rs") {
        return at_most(text, LONGEST_MAIN, "behaviour lives in a library");
    }
    Vec::new()
}

fn allows_nothing(_path: &str, text: &str) -> Vec<Finding> {
    // In pieces, so that this file does not break its own rule.
    let attributes = [concat!("#[al", "low("), concat!("#![al", "low(")];
    matching_lines(text, |line| attributes.iter().any(|attribute| line.contains(attribute)))
        .map(|index| Finding::at(index, "write `#[expect(…, reason = \"…\")]`"))
        .collect()
}

fn todo_names_issue(_path: &str, text: &str) -> Vec<Finding> {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let unnamed = |line: &str| {
        words.iter().any(|word| line.split_once(word).is_some_and(|(_, rest)| !rest.contains('#')))
    };
    matching_lines(text, unnamed)
        .map(|index| Finding::at(index, "name the issue: `(#12)`"))
        .collect()
}

fn system_code_in_sys(path: &str, text: &str) -> Vec<Finding> {
    if path.contains("/sys/") {
        return Vec::new();
    }
    let switches = [concat!("cfg(", "windows)"), concat!("cfg(", "unix)")];
    matching_lines(text, |line| switches.iter().any(|switch| line.contains(switch)))
        .map(|index| Finding::at(index, "code for one system belongs below a `sys/` folder"))
        .collect()
}

fn test_name_is_a_label(_path: &str, text: &str) -> Vec<Finding> {
    let mut awaits_function = false;
    let is_long_test = |line: &str| {
        let line = line.trim_start();
        awaits_function |= line.starts_with("#[test]");
        // Other attributes and comments may stand between `#[test]` and its function.
        let Some(rest) = line.strip_prefix("fn ").filter(|_| awaits_function) else { return false };
        awaits_function = false;
        rest.split('(').next().is_some_and(|name| name.len() > LONGEST_TEST_NAME)
    };
    matching_lines(text, is_long_test)
        .map(|index| {
            Finding::at(index, "shorten the test's name: its doc line says what it proves")
        })
        .collect()
}

fn at_most(text: &str, limit: usize, advice: &str) -> Vec<Finding> {
    let count = text.lines().count();
    if count <= limit {
        return Vec::new();
    }
    vec![Finding::whole(format!("{count} lines are more than {limit}: {advice}"))]
}

fn matching_lines(
    text: &str,
    mut matches: impl FnMut(&str) -> bool,
) -> impl Iterator<Item = usize> {
    text.lines().enumerate().filter(move |(_, line)| matches(line)).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_module_without_doc_is_found() {
        assert_eq!(starts_with_doc("a.rs", "//! What it is for.\n"), []);
        assert_eq!(lines(&starts_with_doc("a.rs", "use std::fs;\n")), [1]);
        assert_eq!(lines(&starts_with_doc("a.rs", "")), [1]);
    }

    #[test]
    fn a_long_file_is_found() {
        assert_eq!(is_short_enough("a.rs", &"x\n".repeat(400)), []);
        assert_eq!(is_short_enough("a.rs", &"x\n".repeat(401)).len(), 1);
    }

    #[test]
    fn a_long_main_is_found() {
        let long = "x\n".repeat(41);
        assert_eq!(main_is_thin("crates/cli/src/main.rs", &long).len(), 1);
        assert_eq!(main_is_thin("crates/hooks/src/bin/sisyphus-stop.rs", &long).len(), 1);
        assert_eq!(main_is_thin("crates/state/src/domain.rs", &long), []);
        assert_eq!(main_is_thin("crates/cli/src/main.rs", &"x\n".repeat(40)), []);
    }

    #[test]
    fn an_allow_is_found() {
        let outer = concat!("//! Doc.\n#[al", "low(dead_code)]\n");
        let inner = concat!("//! Doc.\n\n  #![al", "low(dead_code)]\n");
        assert_eq!(lines(&allows_nothing("a.rs", outer)), [2]);
        assert_eq!(lines(&allows_nothing("a.rs", inner)), [3]);
        assert_eq!(allows_nothing("a.rs", "#[expect(dead_code, reason = \"soon\")]\n"), []);
    }

    #[test]
    fn a_todo_without_issue_is_found() {
        assert_eq!(
            lines(&todo_names_issue("a.rs", concat!("//! Doc.\n// TO", "DO: later\n"))),
            [2]
        );
        assert_eq!(lines(&todo_names_issue("a.rs", concat!("#[x] // FIX", "ME\n"))), [1]);
        assert_eq!(todo_names_issue("a.rs", concat!("// TO", "DO(#12): later\n")), []);
    }

    #[test]
    fn system_code_outside_sys_is_found() {
        let text =
            concat!("//! Doc.\n#[cfg(", "windows)]\nfn a() {}\n#[cfg(", "unix)]\nfn a() {}\n");
        assert_eq!(lines(&system_code_in_sys("crates/state/src/lock.rs", text)), [2, 4]);
        assert_eq!(system_code_in_sys("crates/process/src/sys/mod.rs", text), []);
    }

    /// The rule finds a name of 61 characters after `#[test]`, and none that is shorter or no test's.
    #[test]
    fn a_long_test_name_is_found() {
        let [longest, too_long] = [60, 61].map(|length| "x".repeat(length));
        let test = |name: &str| format!("//! Doc.\n#[test]\nfn {name}() {{}}\n");
        assert_eq!(test_name_is_a_label("a.rs", &test(&longest)), []);
        assert_eq!(lines(&test_name_is_a_label("a.rs", &test(&too_long))), [3]);
        let helper = format!("#[test]\nfn a() {{}}\n\nfn {too_long}() {{}}\n");
        assert_eq!(test_name_is_a_label("a.rs", &helper), []);
        let apart =
            format!("    #[test]\n    #[x(\n    )]\n    // Why.\n    fn {too_long}() {{}}\n");
        assert_eq!(lines(&test_name_is_a_label("a.rs", &apart)), [5]);
    }
}
