//! Files of the code that a page names: each is there. `NAME` and the like stand for a file that a reader makes.

use super::Finding;

/// Checks one page. `is_there` says whether the repository has a file or folder of this path.
pub(super) fn check(page: &str, is_there: impl Fn(&str) -> bool) -> Vec<Finding> {
    let named = page.lines().enumerate().flat_map(|(index, line)| {
        // Every second piece between backticks is code.
        line.split('`').skip(1).step_by(2).map(move |code| (index, code))
    });
    named
        .filter(|(_, code)| is_path(code) && !is_there(code))
        .map(|(index, code)| Finding::at(index, format!("`{code}` is not in the repository")))
        .collect()
}

fn is_path(code: &str) -> bool {
    let is_ours = code.starts_with("crates/") || code.starts_with("xtask/");
    let is_plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || "/_-.".contains(it);
    is_ours && code.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_gone_is_found() {
        let page =
            "See `crates/a.rs` and `crates/gone.rs`.\nMake `crates/NAME.rs`, run `cargo test`.\n";
        let findings = check(page, |path| path == "crates/a.rs");
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].line, findings[0].message.contains("gone")), (1, true));
    }
}
