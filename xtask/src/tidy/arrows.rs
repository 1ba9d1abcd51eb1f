//! Which crate may depend on which. Cargo refuses circles; this table also refuses a shortcut through the layers.

use super::Finding;

/// Each crate with the crates that it may link, lower layers first. Tests may use more.
const ARROWS: &[(&str, &[&str])] = &[
    ("testing", &[]),
    ("harness", &[]),
    ("chaos", &["harness"]),
    ("e2e", &["harness"]),
    ("base", &[]),
    ("service", &[]),
    ("shell", &[]),
    ("tasks", &["base"]),
    ("attach", &["base"]),
    ("process", &["base", "tasks"]),
    ("top", &["tasks", "process"]),
    ("settings", &["base", "service"]),
    ("bench", &["attach", "harness", "settings"]),
    ("state", &["base", "tasks", "settings"]),
    ("wording", &["base", "tasks", "settings", "state"]),
    ("notify", &["base", "tasks", "process", "settings", "state"]),
    ("runner", &["base", "tasks", "attach", "process", "settings", "state"]),
    ("control", &["base", "tasks", "process", "service", "settings", "state"]),
    ("hook", &["base", "tasks", "process", "settings", "state"]),
    (
        "hooks",
        &[
            "base", "service", "shell", "tasks", "attach", "process", "settings", "state",
            "wording", "hook",
        ],
    ),
    (
        "cli",
        &["base", "tasks", "attach", "process", "top", "settings", "state", "wording", "control"],
    ),
    ("mcp", &["base", "tasks", "process", "settings", "state", "wording", "control"]),
    // It feeds the readers of foreign data.
    (
        "fuzz",
        &[
            "testing", "base", "service", "shell", "tasks", "attach", "settings", "state",
            "wording", "hook", "hooks",
        ],
    ),
];

/// Holds the manifest of the crate `name` against the table.
pub(super) fn check(name: &str, manifest: &str) -> Vec<Finding> {
    let Some((_, allowed)) = ARROWS.iter().find(|(layer, _)| *layer == name) else {
        return vec![Finding::whole("has no row in the table of `xtask/src/tidy/arrows.rs`")];
    };
    let mut section = "";
    let mut findings = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            section = line;
        }
        let Some(dependency) = line.strip_prefix("sisyphus-") else { continue };
        let end = dependency.find(|it: char| !it.is_ascii_lowercase()).unwrap_or(dependency.len());
        let dependency = &dependency[..end];
        if !section.contains("dev-dependencies") && !allowed.contains(&dependency) {
            findings.push(Finding::at(index, format!("`{name}` must not link `{dependency}`")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_arrow_is_found() {
        let manifest = |dependency: &str, section: &str| {
            format!(
                "[package]\nname = \"sisyphus-tasks\"\n[{section}]\n{dependency}.workspace = true\n"
            )
        };
        assert_eq!(check("tasks", &manifest("sisyphus-base", "dependencies")), []);
        assert_eq!(check("tasks", &manifest("sisyphus-state", "dev-dependencies")), []);
        assert_eq!(check("tasks", &manifest("sisyphus-state", "dependencies")).len(), 1);
        assert_eq!(check("unknown", "").len(), 1);
    }

    /// No row leads up: each names only rows before its own.
    #[test]
    fn the_table_has_no_circle() {
        for (row, (name, allowed)) in ARROWS.iter().enumerate() {
            let before: Vec<&str> = ARROWS[..row].iter().map(|(name, _)| *name).collect();
            assert!(allowed.iter().all(|it| before.contains(it)), "{name}");
        }
    }
}
