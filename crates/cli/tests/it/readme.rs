//! Runs what the documentation asks people to type: every `sh` block. Every command line between backticks is one that
//! we know.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sisyphus_testing::processes::kill_all_of_home;
use sisyphus_testing::{TestEnv, env};

use crate::planted::prints;

/// Lines that are not run here, and what sees to them instead.
const NOT_RUN: [(&str, &str); 6] = [
    ("apt-get install ", "changes the machine; `.ci/run` does the same"),
    ("cargo xtask ci", "runs this test"),
    ("claude plugin marketplace add ", "scenario `archive` of `cargo xtask e2e`"),
    ("claude plugin install ", "scenario `archive` of `cargo xtask e2e`"),
    ("npm install -g ", "`cargo xtask npm`"),
    ("\"$(npm prefix -g)/bin/sisyphus\" install", "`cargo xtask npm`"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Every document for people, with its text.
fn documents() -> Vec<(String, String)> {
    let pages = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut paths: Vec<PathBuf> = pages.collect();
    paths.extend(["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"].map(|name| root().join(name)));
    paths.sort();
    let name = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// The blocks of a document that a shell is to run.
fn blocks(text: &str) -> Vec<&str> {
    text.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

/// The texts between backticks that begin with our name.
fn command_lines() -> Vec<String> {
    let mut found = Vec::new();
    for (_, text) in documents() {
        let quoted = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        let ours = quoted.filter(|it| it.starts_with("sisyphus ") && !it.contains(':'));
        found.extend(ours.map(str::to_owned));
    }
    found
}

/// A home where the plugin is installed, with its command on the `PATH`.
struct Installed {
    env: TestEnv,
}

impl Installed {
    fn new() -> Self {
        let installed = Self { env: TestEnv::new() };
        installed.run("README.md", "./install.sh");
        installed
    }

    fn command(&self, script: &str) -> Command {
        let mut command = self.env.plain("bash");
        let built = PathBuf::from(self.env.command("sisyphus").get_program());
        let path = format!("{}/.local/bin:/usr/local/bin:/usr/bin:/bin", self.env.home().display());
        // Not built once more for this.
        command.env("PATH", path).env("SISYPHUS_PREBUILT", built.parent().unwrap());
        command.args(["-ec", script]).current_dir(root());
        command
    }

    fn run(&self, document: &str, script: &str) {
        let output = env::run(self.command(script), b"");
        assert_eq!(output.code, Some(0), "{document}: `{script}`: {output:?}");
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        kill_all_of_home(&self.env.home());
    }
}

/// Every line that the documents say to type runs in a home where the plugin is installed.
#[test]
fn every_block_runs_in_an_installed_home() {
    let mut spared = Vec::new();
    let mut ran = 0;
    for (document, text) in documents() {
        // One page may end with the plugin removed.
        let mut installed = None;
        for block in blocks(&text) {
            let mut script = String::new();
            for line in block.lines() {
                let excuse = NOT_RUN.iter().find(|(start, _)| line.starts_with(start));
                if let Some((start, _)) = excuse {
                    spared.push(*start);
                    continue;
                }
                script.push_str(&format!("{line}\n"));
                ran += 1;
            }
            // A later line may use a variable of an earlier one.
            if !script.is_empty() {
                installed.get_or_insert_with(Installed::new).run(&document, &script);
            }
        }
    }
    assert!(ran > 6, "{ran}");
    // What no document names any more needs no excuse.
    for (start, reason) in NOT_RUN {
        assert!(spared.contains(&start), "`{start}` ({reason}) stands in no document");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    for (document, text) in documents() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
            let (path, anchor) = link.0.split_once('#').unwrap_or((link.0, ""));
            if path.starts_with("https://") {
                continue;
            }
            let from = root().join(&document);
            let target = if path.is_empty() { from } else { from.parent().unwrap().join(path) };
            assert!(target.exists(), "{document} links to `{path}`");
            if !anchor.is_empty() {
                let headings = headings(&fs::read_to_string(&target).unwrap());
                assert!(
                    headings.contains(&anchor.to_owned()),
                    "{document} links to `{path}#{anchor}`"
                );
            }
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
}

/// The names by which headings are linked to.
fn headings(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.starts_with('#'));
    let name = |line: &str| {
        let line = line.trim_start_matches('#').trim().to_lowercase();
        let kept = line.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
        kept.map(|it| if it == ' ' { '-' } else { it }).collect()
    };
    lines.map(name).collect()
}

#[test]
fn every_command_and_option_exists() {
    let env = TestEnv::new();
    let lines = command_lines();
    assert!(lines.len() > 15, "{lines:?}");
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let help = prints(&env, &[words[1], "--help"]);
        // `[--worktree[=NAME]]` names the option `--worktree`.
        let options = words.iter().flat_map(|word| word.split(['[', ']', ',']));
        for option in options.filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "{option} of `{line}` is not in {help}");
        }
    }
}

#[test]
fn every_command_is_told() {
    let lines = command_lines();
    let help = prints(&TestEnv::new(), &["--help"]);
    let (_, rest) = help.split_once("Commands:\n").unwrap();
    let names = rest.lines().take_while(|line| !line.is_empty()).filter_map(|line| {
        line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?.split_whitespace().next()
    });
    for name in names.filter(|name| *name != "help") {
        let start = format!("sisyphus {name}");
        assert!(lines.iter().any(|line| line.starts_with(&start)), "{name}");
    }
}
