//! Links of the documents: each leads to a document or picture that is part of the archive, and to an existing heading.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::Finding;

/// Checks the relative links of one document. `all` holds the files of the archive, documents with their text.
pub(super) fn check(path: &str, all: &BTreeMap<String, String>) -> Vec<Finding> {
    let text = all.get(path).map_or("", String::as_str);
    let lines = text.lines().enumerate();
    let links = lines.flat_map(|(index, line)| targets(line).map(move |target| (index, target)));
    let broken = links.filter(|(_, target)| !is_there(path, target, all));
    broken
        .map(|(index, target)| {
            Finding::at(index, format!("`{target}` leads to nothing that is in an archive"))
        })
        .collect()
}

/// The targets of the links in a line, except those to the web.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let ends = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    ends.map(|(target, _)| target).filter(|target| !target.contains("://"))
}

fn is_there(from: &str, target: &str, all: &BTreeMap<String, String>) -> bool {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { Some(from.to_owned()) } else { resolved(from, file) };
    let Some(text) = path.and_then(|path| all.get(&path)) else { return false };
    heading.is_empty() || text.lines().filter_map(anchor).any(|anchor| anchor == heading)
}

/// The path of a link in the file `from`; `None` if it leads out of the repository.
fn resolved(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for component in Path::new(link).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::ParentDir => drop(parts.pop()?),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

/// The anchor of a heading.
fn anchor(line: &str) -> Option<String> {
    let title = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
    let kept = title.trim().chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
    Some(kept.map(|it| if it == ' ' { '-' } else { it }).collect::<String>().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let readme = "[a](docs/a.md), [b](docs/a.md#on-time-really)\n![c](docs/c.svg) [d](https://x.org/y)\n\
                      [e](docs/b.md) [f](#costs) [g](#more)\n## Costs\n[h](/etc) [i](../up.md) [j](docs/a.md#off)\n";
        let page = "# On time, `really`\n[k](../README.md#costs) [l](../src/x.rs) [m](c.svg)\n";
        let all = [("README.md", readme), ("docs/a.md", page), ("docs/c.svg", "")]
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .into();
        let found = |path| -> Vec<String> {
            let findings: Vec<Finding> = check(path, &all);
            findings
                .iter()
                .map(|it| format!("{} {}", it.line, it.message.split('`').nth(1).unwrap()))
                .collect()
        };
        assert_eq!(
            found("README.md"),
            ["3 docs/b.md", "3 #more", "5 /etc", "5 ../up.md", "5 docs/a.md#off"]
        );
        assert_eq!(found("docs/a.md"), ["2 ../src/x.rs"]);
    }
}
