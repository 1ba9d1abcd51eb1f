//! The license of each dependency must be one that `deny.toml` allows. `cargo deny` holds the same list.

use std::iter::Peekable;
use std::str::SplitWhitespace;

use serde_json::Value;

use super::Finding;

/// Checks the packages that `cargo metadata` prints.
pub(super) fn check(metadata: &str, deny_toml: &str) -> Vec<Finding> {
    let Some(allowed) = allowed(deny_toml) else {
        return vec![Finding::whole("has no list `allow` under `[licenses]`")];
    };
    let document: Value = match serde_json::from_str(metadata) {
        Ok(document) => document,
        Err(error) => return vec![Finding::whole(format!("`cargo metadata` is no JSON: {error}"))],
    };
    let Some(packages) = document["packages"].as_array() else {
        return vec![Finding::whole("`cargo metadata` names no packages")];
    };
    let mut findings = Vec::new();
    for package in packages {
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        let license = text("license");
        if !is_satisfied(license, &allowed) {
            let (name, version) = (text("name"), text("version"));
            let message = format!("does not allow the license `{license}` of {name} {version}");
            findings.push(Finding::whole(message));
        }
    }
    findings
}

/// The list `allow` in the section `[licenses]`, of which each line holds one text.
fn allowed(deny_toml: &str) -> Option<Vec<&str>> {
    let (_, section) = deny_toml.split_once("[licenses]\n")?;
    let (_, list) = section.split("\n[").next()?.split_once("allow = [\n")?;
    let (list, _) = list.split_once("\n]")?;
    let text = |line| str::trim(line).strip_prefix('"')?.split('"').next();
    Some(list.lines().filter_map(text).collect())
}

/// Whether the allowed licenses are enough for an expression, as SPDX defines it. Old packages write `/` for `OR`.
fn is_satisfied(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    any_holds(&mut words, allowed) && words.next().is_none()
}

fn any_holds(words: &mut Peekable<SplitWhitespace<'_>>, allowed: &[&str]) -> bool {
    let mut holds = all_hold(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        holds |= all_hold(words, allowed);
    }
    holds
}

fn all_hold(words: &mut Peekable<SplitWhitespace<'_>>, allowed: &[&str]) -> bool {
    let mut hold = one_holds(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        hold &= one_holds(words, allowed);
    }
    hold
}

fn one_holds(words: &mut Peekable<SplitWhitespace<'_>>, allowed: &[&str]) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let holds = any_holds(words, allowed);
        return words.next_if_eq(&")").is_some() && holds;
    }
    let mut license = words.next().unwrap_or_default().to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        license = format!("{license} WITH {}", words.next().unwrap_or_default());
    }
    allowed.contains(&license.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str =
        "[licenses]\nallow = [\n    \"MIT\",\n    # \"X\",\n    \"Unicode-3.0\", # why\n]\n";

    #[test]
    fn the_list_is_read() {
        assert_eq!(allowed(DENY).unwrap(), ["MIT", "Unicode-3.0"]);
        assert_eq!(allowed("[licenses]\n\n[bans]\nallow = []\n"), None);
    }

    /// One side of `OR` is enough, `AND` needs both, and an exception is a license of its own.
    #[test]
    fn an_expression_needs_an_allowed_license() {
        let allowed = ["MIT", "Unicode-3.0", "A WITH B"];
        for enough in [
            "MIT",
            "Apache-2.0 OR MIT",
            "Apache-2.0/MIT",
            "A WITH B",
            "X OR A WITH B",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "X AND Y OR MIT",
        ] {
            assert!(is_satisfied(enough, &allowed), "{enough}");
        }
        for missing in
            ["", "X", "MIT AND X", "A", "(MIT OR X) AND Y", "MIT X", "(MIT", "MIT WITH B"]
        {
            assert!(!is_satisfied(missing, &allowed), "{missing}");
        }
    }

    #[test]
    fn a_foreign_license_is_found() {
        let metadata = |license: &str| {
            format!(
                "{{\"packages\":[{{\"name\":\"x\",\"version\":\"1.0.0\",\"license\":{license}}}]}}"
            )
        };
        assert_eq!(check(&metadata("\"MIT\""), DENY), []);
        assert_eq!(check(&metadata("\"GPL-3.0\""), DENY).len(), 1);
        assert_eq!(check(&metadata("null"), DENY).len(), 1);
        assert_eq!(check("{}", DENY).len(), 1);
        assert_eq!(check(&metadata("\"MIT\""), "").len(), 1);
    }
}
