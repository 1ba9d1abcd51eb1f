//! `cargo xtask npm`: packages for npm, made from the archives in `target/dist`: one for each system, and one that has
//! the command and depends on all of them. No package has an install script.

mod check;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};
use sisyphus_harness::pack::{RELEASED, Target, archive, place, version};
use sisyphus_harness::{remove, repository};

/// The name on npm. The names of the others begin with it.
pub(super) const NAME: &str = "sisyphus-background";
const COMMAND: &str = include_str!("sisyphus.js");
/// The oldest Node.js that runs the command.
const NODE_MIN: &str = ">=18";
const DESCRIPTION: &str = "Background commands of Claude Code that you can rely on";

/// Makes the packages, tries that of this machine, and prints their paths.
pub(crate) fn run() -> Result<ExitCode> {
    let (root, dist) = (repository::root()?, repository::target()?.join("dist"));
    let folder = dist.join("npm");
    remove(&folder)?;
    let mut parts = BTreeMap::new();
    for target in targets(&root, &dist)? {
        let (system, processor) = target.npm()?;
        let name = format!("{NAME}-{system}-{processor}");
        ensure!(!parts.contains_key(&name), "two archives are for `{name}`; keep one");
        let package = part(&root, &dist, &target, &name, &folder)?;
        parts.insert(name, package);
    }
    ensure!(!parts.is_empty(), "no archive is in `{}`; run `cargo xtask dist`", dist.display());
    let whole = whole(&root, parts.keys(), &folder)?;
    check::check(&whole, &parts, &folder)?;
    for package in parts.values().chain([&whole]) {
        println!("{}", package.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The targets of which there is an archive, and a warning for each that is missing: npm refuses a version that it has.
fn targets(root: &Path, dist: &Path) -> Result<Vec<Target>> {
    let mut found = Vec::new();
    let host = Target::host()?;
    for triple in RELEASED {
        let target = Target::named(triple)?;
        // What `dist` makes without a target, for those that try the packages.
        let is_for_host = target.npm()? == host.npm()? && place(root, &host, dist)?.is_file();
        if place(root, &target, dist)?.is_file() {
            found.push(target);
        } else {
            println!(
                "warning: no archive for `{triple}`: publish all packages of a version or none"
            );
        }
        if is_for_host && host.triple() != triple {
            found.push(host.clone());
        }
    }
    Ok(found)
}

/// The package for one system: the archive as it is.
fn part(root: &Path, dist: &Path, target: &Target, name: &str, folder: &Path) -> Result<PathBuf> {
    let path = place(root, target, dist)?;
    let scratch = folder.join(".unpacked");
    archive::unpack(&path, target.format(), &scratch)?;
    let tree = scratch.join(format!("sisyphus-{}-{}", version(root)?, target.triple()));
    let (system, processor) = target.npm()?;
    let mut manifest = manifest(root, name)?;
    manifest.insert("os".to_owned(), json!([system]));
    manifest.insert("cpu".to_owned(), json!([processor]));
    manifest.insert("preferUnplugged".to_owned(), true.into());
    let package = pack(&tree, manifest, folder)?;
    remove(&scratch)?;
    Ok(package)
}

/// The package that people name.
fn whole<'a>(
    root: &Path,
    parts: impl Iterator<Item = &'a String>,
    folder: &Path,
) -> Result<PathBuf> {
    let tree = folder.join(".whole");
    fs::create_dir_all(tree.join("bin"))?;
    fs::write(tree.join("bin/sisyphus.js"), COMMAND).context("could not write the command")?;
    for name in ["README.md", "LICENSE"] {
        fs::copy(root.join(name), tree.join(name))
            .with_context(|| format!("could not copy `{name}`"))?;
    }
    let version = version(root)?;
    let exact = |name: &String| (name.clone(), Value::from(version.as_str()));
    let mut manifest = manifest(root, NAME)?;
    manifest.insert("bin".to_owned(), json!({ "sisyphus": "bin/sisyphus.js" }));
    manifest.insert("engines".to_owned(), json!({ "node": NODE_MIN }));
    manifest.insert("optionalDependencies".to_owned(), parts.map(exact).collect());
    let package = pack(&tree, manifest, folder)?;
    remove(&tree)?;
    Ok(package)
}

fn manifest(root: &Path, name: &str) -> Result<Map<String, Value>> {
    let fields = json!({
        "name": name, "version": version(root)?, "description": DESCRIPTION, "license": "MIT",
    });
    fields.as_object().cloned().context("an object")
}

/// Lets npm pack a folder.
fn pack(tree: &Path, manifest: Map<String, Value>, folder: &Path) -> Result<PathBuf> {
    let text = serde_json::to_string_pretty(&Value::from(manifest))? + "\n";
    fs::write(tree.join("package.json"), text).context("could not write `package.json`")?;
    let mut pack = Command::new("npm");
    pack.args(["pack", "--silent", "--pack-destination"]).arg(folder).current_dir(tree);
    let output = pack.output().with_context(|| format!("could not start {pack:?}"))?;
    ensure!(output.status.success(), "{pack:?} ended with {}", output.status);
    let name = String::from_utf8_lossy(&output.stdout);
    Ok(folder.join(name.trim().lines().last().context("`npm pack` named no file")?))
}
