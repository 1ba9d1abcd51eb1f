//! The parts list of an archive (SBOM), in the form of `CycloneDX`: every crate that is linked on its system.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sisyphus_harness::pack::{Target, packages, version};
use sisyphus_harness::repository;

/// Writes the list beside the archive.
pub(super) fn write(root: &Path, target: &Target, archive: &Path) -> Result<()> {
    let mut ask = Command::new(repository::cargo());
    ask.args(["metadata", "--locked", "--format-version", "1"]);
    ask.args(["--filter-platform", target.triple()]).current_dir(root);
    let output = ask.output().with_context(|| format!("could not start {ask:?}"))?;
    ensure!(output.status.success(), "{ask:?} ended with {}", output.status);
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let list = list(&metadata, &packages(root)?, &version(root)?)?;
    let name = format!("sisyphus-{}-{}.cdx.json", version(root)?, target.triple());
    let path = archive.with_file_name(name);
    fs::write(&path, serde_json::to_string_pretty(&list)? + "\n")
        .with_context(|| format!("could not write `{}`", path.display()))
}

/// The list for what `cargo metadata` prints. Without a time and a serial number: the same sources give the same list.
fn list(metadata: &Value, packages: &[String], version: &str) -> Result<Value> {
    let all = metadata["packages"].as_array().context("cargo names no packages")?;
    let nodes = metadata["resolve"]["nodes"].as_array().context("cargo names no dependencies")?;
    let needs: BTreeMap<&str, Vec<&str>> =
        nodes.iter().filter_map(|node| Some((node["id"].as_str()?, linked(node)))).collect();
    let is_root = |package: &&Value| packages.iter().any(|name| package["name"] == name.as_str());
    let mut open: Vec<&str> =
        all.iter().filter(is_root).filter_map(|package| package["id"].as_str()).collect();
    // A macro runs in the compiler, with all that it needs.
    let macros: BTreeSet<&str> =
        all.iter().filter(|it| is_macro(it)).filter_map(|it| it["id"].as_str()).collect();
    let mut reached = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !macros.contains(id) && reached.insert(id) {
            open.extend(needs.get(id).into_iter().flatten());
        }
    }
    let is_foreign = |package: &&Value| {
        !package["source"].is_null()
            && package["id"].as_str().is_some_and(|id| reached.contains(id))
    };
    let mut components: Vec<Value> = all.iter().filter(is_foreign).map(component).collect();
    components.sort_by_key(|it| it["bom-ref"].to_string());
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": {
            "type": "application", "bom-ref": "sisyphus", "name": "sisyphus", "version": version,
            "licenses": [{ "expression": "MIT" }],
        } },
        "components": components,
    }))
}

/// What a package links, not what builds or tests it.
fn linked(node: &Value) -> Vec<&str> {
    let is_linked = |need: &&Value| {
        let kinds = need["dep_kinds"].as_array();
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
    };
    let needs = node["deps"].as_array().into_iter().flatten();
    needs.filter(is_linked).filter_map(|need| need["pkg"].as_str()).collect()
}

fn is_macro(package: &Value) -> bool {
    let targets = package["targets"].as_array().into_iter().flatten();
    let mut kinds = targets.filter_map(|target| target["kind"].as_array()).flatten();
    kinds.any(|kind| kind == "proc-macro")
}

fn component(package: &Value) -> Value {
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    let url = format!("pkg:cargo/{}@{}", text("name"), text("version"));
    let mut component = json!({
        "type": "library", "bom-ref": url, "purl": url,
        "name": text("name"), "version": text("version"),
    });
    if !text("license").is_empty() {
        // The older form of crates.io means the same.
        component["licenses"] = json!([{ "expression": text("license").replace('/', " OR ") }]);
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_what_is_linked() {
        let package = |id: &str, source: &str, license: &str| {
            let source = if source.is_empty() { Value::Null } else { source.into() };
            json!({ "id": id, "name": id, "version": "1.0.0", "source": source, "license": license })
        };
        let need = |id: &str, kind: Value| json!({ "pkg": id, "dep_kinds": [{ "kind": kind }] });
        let mut derive = package("derive", "registry", "MIT");
        derive["targets"] = json!([{ "kind": ["proc-macro"] }]);
        let metadata = json!({
            "packages": [
                package("ours", "", "MIT"), package("other", "", "MIT"),
                package("z", "registry", "MIT/Apache-2.0"), package("a", "registry", "MIT"),
                package("cc", "registry", "MIT"), package("unused", "registry", "MIT"), derive,
            ],
            "resolve": { "nodes": [
                { "id": "ours", "deps": [need("z", Value::Null), need("cc", "build".into())] },
                { "id": "other", "deps": [need("unused", Value::Null)] },
                { "id": "z", "deps": [need("a", Value::Null)] },
                { "id": "a", "deps": [need("derive", Value::Null)] },
                { "id": "derive", "deps": [need("unused", Value::Null)] },
            ] },
        });
        let list = list(&metadata, &["ours".to_owned()], "2.0.0").unwrap();
        let names: Vec<&str> = list["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["bom-ref"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["pkg:cargo/a@1.0.0", "pkg:cargo/z@1.0.0"]);
        assert_eq!(list["components"][1]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(list["metadata"]["component"]["version"], "2.0.0");
    }
}
