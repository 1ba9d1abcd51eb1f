//! Project rules that neither rustc nor clippy can hold, as ordinary Rust: each a pure function over text.

mod arrows;
mod circles;
mod facts;
mod hooks;
mod licenses;
mod links;
mod manifest;
mod oldest;
mod paths;
mod prose;
mod source;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::{pack, repository};

use crate::docs;

/// What is wrong, and in which line (0: the whole file).
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    line: usize,
    message: String,
}

impl Finding {
    fn whole(message: impl Into<String>) -> Self {
        Self { line: 0, message: message.into() }
    }

    fn at(index: usize, message: impl Into<String>) -> Self {
        Self { line: index + 1, message: message.into() }
    }
}

/// Checks the repository and prints one line per finding.
pub(crate) fn run() -> Result<ExitCode> {
    let root = repository::root()?;
    let mut report = Report { count: 0 };
    let facts = read(&root.join(facts::PAGE))?;
    let fact_ids = facts::ids(&facts);
    report.add(facts::PAGE, facts::in_page(&facts));
    for path in files(&root, "rs")? {
        let text = read(&root.join(&path))?;
        for rule in source::RULES {
            report.add(&path, rule(&path, &text));
        }
        report.add(&path, words::in_source(&path, &text));
        report.add(&path, facts::in_source(&path, &text, &fact_ids));
    }
    for path in files(&root, "md")? {
        let page = read(&root.join(&path))?;
        report.add(&path, words::in_page(&path, &page));
        report.add(&path, paths::check(&page, |named| root.join(named).exists()));
    }
    check_manifest(&root, &mut report)?;
    check_oldest(&root, &mut report)?;
    check_arrows(&root, &mut report)?;
    check_hooks(&root, &mut report)?;
    check_docs(&root, &mut report)?;
    check_links(&root, &mut report)?;
    check_licenses(&root, &mut report)?;
    if report.count == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    println!("tidy: {} to repair", report.count);
    Ok(ExitCode::FAILURE)
}

fn check_manifest(root: &Path, report: &mut Report) -> Result<()> {
    let workspace = read(&root.join("Cargo.toml"))?;
    let plugin = read(&root.join("plugin.json"))?;
    // A missing file counts as empty: either way it does not mention the version.
    let changelog = fs::read_to_string(root.join("CHANGELOG.md")).unwrap_or_default();
    let version = manifest::workspace_version(&workspace)
        .context("`Cargo.toml` names no workspace version")?;
    report.add(manifest::FOLDER, manifest::is_no_plugin(root.join(manifest::FOLDER).exists()));
    report.add("plugin.json", manifest::has_version(&plugin, &version));
    report.add("CHANGELOG.md", manifest::mentions_version(&changelog, &version));
    Ok(())
}

fn check_oldest(root: &Path, report: &mut Report) -> Result<()> {
    let (first, before) = oldest::PLACES[0];
    let text = read(&root.join(first))?;
    let version = oldest::version(&text, before)
        .with_context(|| format!("`{first}` names no oldest Claude Code"))?;
    for (path, before) in oldest::PLACES {
        report.add(path, oldest::names(&read(&root.join(path))?, before, version));
    }
    Ok(())
}

fn check_arrows(root: &Path, report: &mut Report) -> Result<()> {
    let crates = root.join("crates");
    for entry in
        fs::read_dir(&crates).with_context(|| format!("could not list `{}`", crates.display()))?
    {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let manifest = format!("crates/{name}/Cargo.toml");
        report.add(&manifest, arrows::check(&name, &read(&root.join(&manifest))?));
        check_circles(root, &name, report)?;
    }
    Ok(())
}

fn check_circles(root: &Path, name: &str, report: &mut Report) -> Result<()> {
    let folder = format!("crates/{name}/src");
    let mut sources = Vec::new();
    for path in files(&root.join(&folder), "rs")? {
        let text = read(&root.join(&folder).join(&path))?;
        sources.push((path, text));
    }
    for (path, finding) in circles::check(&sources) {
        report.add(&format!("{folder}/{path}"), vec![finding]);
    }
    Ok(())
}

fn check_hooks(root: &Path, report: &mut Report) -> Result<()> {
    let crate_manifest = read(&root.join("crates/hooks/Cargo.toml"))?;
    let mut binaries = hooks::declared_binaries(&crate_manifest);
    binaries.extend(file_stems(&root.join("crates/hooks/src/bin"))?);
    report.add("hooks/hooks.json", hooks::check(&read(&root.join("hooks/hooks.json"))?, &binaries));
    Ok(())
}

fn check_docs(root: &Path, report: &mut Report) -> Result<()> {
    let pages = [
        (docs::SETTINGS, docs::settings(), "the table of settings says; run `cargo xtask docs`"),
        (docs::TEXTS, docs::texts()?, "the examples say; run `cargo xtask docs`"),
        (
            sisyphus_bench::PAGE,
            sisyphus_bench::page(root)?,
            "docs/benchmarks.json says; run `cargo xtask docs`",
        ),
    ];
    for (path, page, source) in pages {
        if read(&root.join(path))? != page {
            report.add(path, vec![Finding::whole(format!("is not what {source}"))]);
        }
    }
    Ok(())
}

fn check_links(root: &Path, report: &mut Report) -> Result<()> {
    let mut all = BTreeMap::new();
    for path in pack::sources(root)? {
        let is_page = Path::new(&path).extension().is_some_and(|extension| extension == "md");
        let text = if is_page { read(&root.join(&path))? } else { String::new() };
        all.insert(path, text);
    }
    for path in all.keys() {
        report.add(path, links::check(path, &all));
    }
    Ok(())
}

fn check_licenses(root: &Path, report: &mut Report) -> Result<()> {
    // Also of what only other systems link, which cargo downloads if it is missing.
    let mut metadata = Command::new(repository::cargo());
    metadata.args(["metadata", "--locked", "--format-version", "1"]).current_dir(root);
    let output = metadata.output().with_context(|| format!("could not start {metadata:?}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{metadata:?} failed: {}", complaint.trim());
    let printed = String::from_utf8_lossy(&output.stdout);
    report.add("deny.toml", licenses::check(&printed, &read(&root.join("deny.toml"))?));
    Ok(())
}

struct Report {
    count: usize,
}

impl Report {
    fn add(&mut self, path: &str, findings: Vec<Finding>) {
        self.count += findings.len();
        for finding in findings {
            match finding.line {
                0 => println!("{path}: {}", finding.message),
                line => println!("{path}:{line}: {}", finding.message),
            }
        }
    }
}

/// Every file below `root` with this extension, as a path relative to it with `/` between its parts.
fn files(root: &Path, extension: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let listing = root.join(&folder);
        for entry in fs::read_dir(&listing)
            .with_context(|| format!("could not list `{}`", listing.display()))?
        {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = folder.join(&name);
            if entry.file_type()?.is_dir() && name != "target" && name != ".git" {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == extension) {
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn file_stems(folder: &Path) -> Result<BTreeSet<String>> {
    let mut stems = BTreeSet::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder)
            .with_context(|| format!("could not list `{}`", folder.display()))?
        {
            stems.extend(entry?.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    Ok(stems)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("could not read `{}`", path.display()))
}
