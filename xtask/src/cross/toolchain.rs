//! What cargo needs for another system. `toolchain.sh` makes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use sisyphus_harness::pack::Target;
use sisyphus_harness::repository;

/// Where the tests' own variables would lead a build astray.
const PROFILE: [(&str, &str); 3] = [
    ("CARGO_INCREMENTAL", "0"),
    ("CARGO_PROFILE_DEV_DEBUG", "0"),
    ("CARGO_PROFILE_TEST_DEBUG", "0"),
];

/// A compiler with the standard library of a target, a linker, and perhaps a program that runs the target's programs.
#[derive(Debug)]
pub(super) struct Toolchain {
    folder: PathBuf,
    triple: String,
    environment: BTreeMap<String, String>,
}

/// What a toolchain is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Clippy, which links nothing of the target.
    Check,
    Run,
}

impl Toolchain {
    /// Makes it in `folder`, or finds what an earlier run has made.
    pub(super) fn make(
        root: &Path,
        folder: &Path,
        target: &Target,
        purpose: Purpose,
    ) -> Result<Self> {
        let mut make = Command::new("sh");
        make.arg(root.join("xtask/src/cross/toolchain.sh")).arg(folder).arg(target.triple());
        make.arg(if purpose == Purpose::Check { "check" } else { "run" });
        // rustup asks the file of this folder which toolchain is meant.
        make.current_dir(root).stderr(Stdio::inherit());
        let output = make.output().with_context(|| format!("could not start {make:?}"))?;
        ensure!(output.status.success(), "there is no toolchain");
        let said = String::from_utf8(output.stdout).context("the environment is no text")?;
        let pairs = said.lines().filter_map(|line| line.split_once('='));
        let environment = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let triple = target.triple().to_owned();
        Ok(Self { folder: folder.to_path_buf(), triple, environment })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where cargo leaves the programs.
    pub(super) fn programs(&self) -> PathBuf {
        self.folder.join("build").join(&self.triple).join("debug")
    }

    /// The program that runs the target's programs; `None` if there is none or none is needed.
    pub(super) fn runner(&self) -> Option<&str> {
        self.environment.get(&self.runner_variable()).map(String::as_str)
    }

    /// The one that cargo starts for tests; `None` if that is the same.
    fn runner_of_tests(&self, root: &Path) -> Option<(String, PathBuf)> {
        let is_wine = self.runner() == Some("wine");
        is_wine.then(|| (self.runner_variable(), root.join("xtask/src/cross/wine_again.sh")))
    }

    fn runner_variable(&self) -> String {
        format!("CARGO_TARGET_{}_RUNNER", self.triple.to_uppercase().replace('-', "_"))
    }

    /// A program of the target, to be started with nothing of this process's environment but what its runner needs.
    pub(super) fn program(&self, path: &Path) -> Command {
        let mut command = match self.runner() {
            Some(runner) => Command::new(runner),
            None => Command::new(path),
        };
        if self.runner().is_some() {
            command.arg(path);
        }
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").envs(&self.environment);
        command
    }

    pub(super) fn cargo(&self, root: &Path, arguments: &[&str]) -> Result<Cargo> {
        let own = repository::cargo();
        let cargo = self.environment.get("CARGO").unwrap_or(&own);
        let Some((verb, rest)) = arguments.split_first() else { bail!("cargo has nothing to do") };
        let mut command = Command::new(cargo);
        command.arg(verb).args(["--locked", "--target", &self.triple]);
        command.arg("--target-dir").arg(self.folder.join("build")).args(rest);
        command.current_dir(root).envs(PROFILE).envs(&self.environment);
        command.envs(self.runner_of_tests(root));
        Ok(Cargo(command))
    }
}

/// A call of cargo.
pub(super) struct Cargo(Command);

impl Cargo {
    /// Denies a lint, in a call of clippy.
    pub(super) fn flag(mut self, lint: &str) -> Self {
        self.0.args(["--", "-D", lint]);
        self
    }

    pub(super) fn succeed(mut self) -> Result<()> {
        let status = self.0.status().with_context(|| format!("could not start {:?}", self.0))?;
        ensure!(status.success(), "cargo ended with {status}");
        Ok(())
    }
}
