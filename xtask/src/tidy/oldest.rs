//! The oldest Claude Code that we ask for: every place that names it names the same version.

use super::Finding;

/// The places: a file, and what stands right before the version in it.
pub(super) const PLACES: [(&str, &str); 8] = [
    ("install.sh", "\nCLIENT_MIN="),
    ("install.ps1", "\n$ClientMin = '"),
    ("plugin.json", "\"claude-code\": \">="),
    ("crates/cli/src/doctor/client.rs", "const CLIENT_MIN: &str = \""),
    ("README.md", "You need Linux and Claude Code "),
    ("docs/platforms.md", "- Claude Code "),
    ("docs/claude-code.md", "The oldest version that works is "),
    ("xtask/src/ci.rs", "OLDER_CLIENTS: [&str; 3] = [\""),
];

/// The version behind `before`.
pub(super) fn version<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    let is_end = |it: char| !it.is_ascii_digit() && it != '.';
    let version = rest.split(is_end).next()?.trim_end_matches('.');
    (version.split('.').count() == 3).then_some(version)
}

/// Finds a place that does not name `oldest`.
pub(super) fn names(text: &str, before: &str, oldest: &str) -> Vec<Finding> {
    let found = version(text, before);
    if found == Some(oldest) {
        return Vec::new();
    }
    let found = found.unwrap_or("none");
    let (first, _) = PLACES[0];
    vec![Finding::whole(format!(
        "`{}` is followed by version `{found}`, and `{first}` says `{oldest}`",
        before.trim()
    ))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_with_another_version_is_found() {
        let text = "# oldest\nCLIENT_MIN=2.1.157\n";
        assert_eq!(names(text, "\nCLIENT_MIN=", "2.1.157"), []);
        for (text, before) in [
            (text, "CLIENT_MAX="),
            ("\nCLIENT_MIN=2.1.139\n", "\nCLIENT_MIN="),
            ("\nCLIENT_MIN=2.1.1570\n", "\nCLIENT_MIN="),
            ("\nCLIENT_MIN=\n", "\nCLIENT_MIN="),
        ] {
            assert_eq!(names(text, before, "2.1.157").len(), 1, "{text}");
        }
        assert_eq!(version("It is 2.1.157.\n", "It is "), Some("2.1.157"));
    }
}
