//! The contents of the archive. `install.sh` holds the lists of packages, binaries and texts.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Target;

/// Single files that the installer or a reader of the README needs.
const FILES: [&str; 9] = [
    "plugin.json",
    "marketplace.json",
    "hooks/hooks.json",
    "hooks/register.js",
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
];
/// The installers of Windows and of the other systems.
const INSTALLERS: [&str; 2] = ["install.ps1", "install.sh"];
/// What names programs, which Claude Code starts without a shell that would add `.exe`.
const HOOKS: &str = "hooks/hooks.json";
/// What Claude Code reads in its own folder. The sources have no such folder: without binaries they are no plugin, and
/// Claude Code refuses to add them as a marketplace.
const FOR_CLIENT: &str = ".claude-plugin";
const MANIFESTS: [&str; 2] = ["plugin.json", "marketplace.json"];
/// The command line. The names of the other programs begin with it.
const COMMAND: &str = "sisyphus";
/// The pages that the README links to.
const DOCUMENTS: &str = "docs";

/// What the archive is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) version: String,
    pub(super) packages: Vec<String>,
    /// Without the prefix `sisyphus-`.
    binaries: Vec<String>,
    folders: Vec<String>,
}

impl Parts {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let manifest: Value = serde_json::from_str(&read(&root.join("plugin.json"))?)?;
        let version = manifest["version"].as_str().context("`plugin.json` has no version")?;
        let installer = read(&root.join("install.sh"))?;
        let list = |name: &str| {
            words(&installer, name)
                .with_context(|| format!("`install.sh` has no line `{name}=\"…\"`"))
        };
        let mut folders = list("TEXTS")?;
        if root.join(DOCUMENTS).is_dir() {
            folders.push(DOCUMENTS.to_owned());
        }
        Ok(Self {
            version: version.to_owned(),
            packages: list("PACKAGES")?.iter().map(|name| format!("sisyphus-{name}")).collect(),
            binaries: [list("HOOKS")?, list("OTHERS")?].concat(),
            folders,
        })
    }

    /// Copies everything into the folder `staging`.
    pub(super) fn copy(
        &self,
        root: &Path,
        binaries: &Path,
        target: &Target,
        staging: &Path,
    ) -> Result<()> {
        for name in self.sources(root)? {
            copy(&root.join(&name), &staging.join(&name))?;
        }
        let [windows, others] = INSTALLERS;
        let foreign = if target.is_windows() { others } else { windows };
        fs::remove_file(staging.join(foreign))
            .with_context(|| format!("could not leave out `{foreign}`"))?;
        let manifest =
            addressed(&read(&root.join(MANIFESTS[0]))?, &read(&root.join("Cargo.toml"))?);
        for (name, text) in [(MANIFESTS[0], manifest), (HOOKS, read(&root.join(HOOKS))?)] {
            fs::write(staging.join(name), self.naming(target, &text))
                .with_context(|| format!("could not write `{name}`"))?;
        }
        for name in MANIFESTS {
            copy(&staging.join(name), &staging.join(FOR_CLIENT).join(name))?;
        }
        for name in self.programs().iter().map(|name| target.program(name)) {
            // The command line is alone in its folder, which Claude Code puts on the model's `PATH`.
            let place = if name == target.program(COMMAND) { "bin" } else { "hooks/bin" };
            copy(&binaries.join(&name), &staging.join(place).join(&name))?;
        }
        Ok(())
    }

    /// All programs, the command line among them.
    pub(super) fn programs(&self) -> Vec<String> {
        let beside = self.binaries.iter().map(|name| format!("{COMMAND}-{name}"));
        beside.chain([COMMAND.to_owned()]).collect()
    }

    /// A text that names programs, with the names that they have on this system.
    fn naming(&self, target: &Target, text: &str) -> String {
        self.programs().iter().fold(text.to_owned(), |text, name| {
            let named = |name: &str| format!("/hooks/bin/{name}\"");
            text.replace(&named(name), &named(&target.program(name)))
        })
    }

    /// The files from the repository, relative to it.
    pub(super) fn sources(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let mut sources: Vec<PathBuf> =
            FILES.iter().chain(&INSTALLERS).map(PathBuf::from).collect();
        for folder in &self.folders {
            sources.extend(files_below(root, Path::new(folder))?);
        }
        Ok(sources)
    }

    /// Every file of `staging`, sorted.
    pub(super) fn files(&self, staging: &Path) -> Result<Vec<String>> {
        let found = files_below(staging, Path::new(""))?;
        let least = FILES.len() + self.binaries.len() + 1;
        ensure!(found.len() > least, "{} files are too few for an archive", found.len());
        Ok(found.iter().map(|path| path.to_string_lossy().into_owned()).collect())
    }
}

/// The manifest with the addresses that `Cargo.toml` names.
fn addressed(manifest: &str, cargo: &str) -> String {
    let address = |name: &&str| {
        let start = format!("{name} = \"");
        let value = cargo.lines().find_map(|line| line.strip_prefix(&start)?.strip_suffix('"'))?;
        (!value.is_empty()).then(|| format!("  \"{name}\": \"{value}\",\n"))
    };
    let lines: String = ["homepage", "repository"].iter().filter_map(address).collect();
    manifest.replacen("{\n", &format!("{{\n{lines}"), 1)
}

/// The words of the line `NAME="…"` of a shell script.
fn words(script: &str, name: &str) -> Option<Vec<String>> {
    let start = format!("{name}=\"");
    let line = script.lines().find_map(|line| line.strip_prefix(&start)?.strip_suffix('"'))?;
    Some(line.split_whitespace().map(str::to_owned).collect())
}

/// The files below `root/folder`, as paths relative to `root`, sorted.
pub(super) fn files_below(root: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = root.join(folder);
    let mut found = Vec::new();
    for entry in
        fs::read_dir(&listing).with_context(|| format!("could not list `{}`", listing.display()))?
    {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            found.extend(files_below(root, &path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let context = || format!("could not copy `{}` to `{}`", from.display(), to.display());
    fs::create_dir_all(to.parent().context("a path without a folder")?).with_context(context)?;
    fs::copy(from, to).map(drop).with_context(context)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("could not read `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn the_manifest_gets_the_addresses() {
        let cargo =
            "[workspace.package]\nrepository = \"https://example.org/x\"\nhomepage = \"\"\n";
        let manifest = "{\n  \"name\": \"sisyphus\"\n}\n";
        let expected =
            "{\n  \"repository\": \"https://example.org/x\",\n  \"name\": \"sisyphus\"\n}\n";
        assert_eq!(addressed(manifest, cargo), expected);
        assert_eq!(addressed(manifest, "repository = \"\"\n"), manifest);
    }

    #[test]
    fn the_installers_lists_are_found() {
        let script = "PLUGIN=x\nHOOKS=\"stop wake\"\n# OTHERS=\"no\"\nOTHERS=\"run\"\n";
        assert_eq!(words(script, "HOOKS").unwrap(), ["stop", "wake"]);
        assert_eq!(words(script, "OTHERS").unwrap(), ["run"]);
        assert_eq!(words(script, "TEXTS"), None);
        let parts = Parts::read(&repository::root().unwrap()).unwrap();
        assert!(parts.packages.iter().any(|name| name == "sisyphus-hooks"), "{parts:?}");
        assert!(parts.binaries.iter().any(|name| name == "pre-tool-use"), "{parts:?}");
        assert!(parts.binaries.iter().any(|name| name == "run"), "{parts:?}");
        assert!(parts.folders.iter().any(|name| name == "skills"), "{parts:?}");
    }
}
