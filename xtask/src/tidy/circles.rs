//! No circle of imports between the modules of a crate. A module is a file or a folder at the top of `src/`. Below it,
//! parent and child may name each other. `sys` may name every module: its functions return the types of those that it
//! serves.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;

/// Which modules each module of one crate names, and where it does so first.
type Imports = BTreeMap<String, BTreeMap<String, (String, usize)>>;

/// Finds the imports of one crate that close a circle. `sources` are its files: the path below `src/`, and the text.
pub(super) fn check(sources: &[(String, String)]) -> Vec<(String, Finding)> {
    let imports = imports(sources);
    let mut findings = Vec::new();
    for (module, named) in &imports {
        for (other, (path, line)) in named {
            if reaches(&imports, other, module) {
                let message = format!("`{module}` and `{other}` import each other in a circle");
                findings.push((path.clone(), Finding::at(*line, message)));
            }
        }
    }
    findings
}

fn imports(sources: &[(String, String)]) -> Imports {
    let mut imports = Imports::new();
    for (path, text) in sources {
        let Some(module) = module_of(path) else { continue };
        // What only tests name is no arrow of the product.
        let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").enumerate();
        for (index, line) in lines {
            let code = line.split("//").next().unwrap_or_default();
            for other in named_in(code, path).into_iter().filter(|other| other != module) {
                let of_module = imports.entry(module.to_owned()).or_default();
                of_module.entry(other).or_insert((path.clone(), index));
            }
        }
    }
    imports
}

/// The module whose imports count; `None` for the crate's own root, its programs and `sys`.
fn module_of(path: &str) -> Option<&str> {
    let first = path.split('/').next()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    let is_exempt = matches!(module, "lib" | "main" | "bin" | "sys");
    (!is_exempt && !path.ends_with("tests.rs")).then_some(module)
}

/// The modules that a line of the file at `path` names. At the top of `src/`, `super` is the crate too.
fn named_in(code: &str, path: &str) -> Vec<String> {
    let of_crate = code.split("crate::").skip(1);
    let of_super = code.split("super::").skip(1).filter(|_| !path.contains('/'));
    let is_name = |it: &char| it.is_ascii_alphanumeric() || *it == '_';
    of_crate
        .chain(of_super)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(group) => group.split(',').collect(),
            None => vec![rest],
        })
        .map(|rest| rest.trim_start().chars().take_while(is_name).collect::<String>())
        .filter(|name| name.starts_with(|it: char| it.is_ascii_lowercase()))
        .collect()
}

fn reaches(imports: &Imports, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(module) = next.pop() {
        if module == to {
            return true;
        }
        if seen.insert(module) {
            next.extend(
                imports.get(module).into_iter().flat_map(BTreeMap::keys).map(String::as_str),
            );
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        let sources: Vec<_> = files.iter().map(owned).collect();
        check(&sources).into_iter().map(|(_, finding)| finding.message).collect()
    }

    #[test]
    fn a_circle_of_modules_is_found() {
        let way = ("a.rs", "use crate::b::X;\n");
        assert_eq!(circles(&[way, ("b.rs", "use crate::c;\n"), ("c/mod.rs", "")]).len(), 0);
        let back = ("c/deep.rs", "fn f() { crate::a::g() }\n");
        assert_eq!(circles(&[way, ("b.rs", "use crate::c;\n"), back]).len(), 3);
        for text in ["use crate::a::Y;\n", "use super::a::Y;\n", "use super::{a, c::Z};\n"] {
            assert_eq!(circles(&[way, ("b.rs", text)]).len(), 2, "{text}");
        }
        assert_eq!(circles(&[way, ("b/mod.rs", "use super::a::Y;\n")]).len(), 0);
    }

    #[test]
    fn neither_comments_nor_tests_nor_roots_are_arrows() {
        let way = ("a.rs", "use crate::b::X;\n");
        for text in ["// crate::a\n", "//! [`x`](crate::a::x)\n", "#[cfg(test)]\nuse crate::a;\n"] {
            assert_eq!(circles(&[way, ("b.rs", text)]).len(), 0, "{text}");
        }
        assert_eq!(
            circles(&[way, ("b.rs", "use crate::Type;\n"), ("lib.rs", "use crate::a;\n")]).len(),
            0
        );
        assert_eq!(circles(&[("a.rs", "use crate::a::X;\n")]).len(), 0);
    }
}
