//! A home to install into, with a `PATH` on which nothing is but what the installer needs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sisyphus_testing::processes::kill_all_of_home;
use sisyphus_testing::{Output, TempDir, TestEnv, env, write_program};

/// Everything that `install.sh` may start, and `sh` itself; `bash` and `sleep` are for the self-check.
const TOOLS: [&str; 22] = [
    "bash", "cat", "chmod", "cp", "date", "df", "dirname", "find", "head", "ln", "mkdir", "mv",
    "readlink", "rm", "rmdir", "sed", "sh", "sleep", "sort", "tail", "touch", "uname",
];

/// The binaries that `SISYPHUS_PREBUILT` has to offer.
pub(crate) const BINARIES: [&str; 13] = [
    "sisyphus",
    "sisyphus-run",
    "sisyphus-mcp",
    "sisyphus-notify",
    "sisyphus-session-start",
    "sisyphus-user-prompt-submit",
    "sisyphus-pre-tool-use",
    "sisyphus-post-tool-use",
    "sisyphus-stop",
    "sisyphus-subagent-start",
    "sisyphus-subagent-stop",
    "sisyphus-session-end",
    "sisyphus-wake",
];

/// A user of this machine without any of our files.
#[derive(Debug)]
pub(crate) struct Site {
    dir: TempDir,
    pub(crate) home: PathBuf,
    pub(crate) tmp: PathBuf,
    pub(crate) tools: PathBuf,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with_home("home")
    }

    /// A home of this name.
    pub(crate) fn with_home(name: &str) -> Self {
        let dir = TempDir::new();
        let [home, tmp, tools] = [name, "tmp", "tools"].map(|name| dir.path().join(name));
        for folder in [&home, &tmp, &tools] {
            fs::create_dir(folder).unwrap();
        }
        let site = Self { dir, home, tmp, tools };
        for tool in TOOLS {
            site.link_tool(tool, &program(tool).unwrap_or_else(|| panic!("`{tool}` is missing")));
        }
        site
    }

    /// The folder around all of it.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn link_tool(&self, name: &str, program: &Path) {
        symlink(program, self.tools.join(name)).unwrap();
    }

    /// Puts a script on the `PATH`.
    pub(crate) fn script_tool(&self, name: &str, body: &str) {
        write_script(&self.tools.join(name), body);
    }

    /// Claude Code's own folder.
    pub(crate) fn config(&self) -> PathBuf {
        self.home.join(".claude")
    }

    /// Where the plugin is to be found.
    pub(crate) fn plugin(&self) -> PathBuf {
        self.config().join("skills/sisyphus")
    }

    /// Where the versions lie that the plugin's name leads to.
    pub(crate) fn versions(&self) -> PathBuf {
        self.data().join("plugin")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.data().join("state")
    }

    /// All that is ours in Claude Code's folder, but for two links.
    pub(crate) fn data(&self) -> PathBuf {
        self.config().join("plugins/data/sisyphus")
    }

    /// Where the documents say that the state is, and where it was in 0.1.0.
    pub(crate) fn documented_state(&self) -> PathBuf {
        self.config().join(".sisyphus/background-tasks")
    }

    /// The command line's name on the `PATH`.
    pub(crate) fn link(&self) -> PathBuf {
        self.home.join(".local/bin/sisyphus")
    }

    /// The version that is in use.
    pub(crate) fn current(&self) -> PathBuf {
        fs::read_link(self.plugin()).expect("the plugin's link")
    }

    /// A program, to be started by this user.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", &self.home)
            .env("TMPDIR", &self.tmp)
            .env("CLAUDE_CODE_TMPDIR", &self.tmp)
            .env("SISYPHUS_RUNTIME_DIR", self.home.join("runtime"))
            .env("PATH", &self.tools)
            .current_dir(self.path());
        command
    }

    /// The installer of this repository, with the binaries of this build.
    pub(crate) fn installer(&self) -> Command {
        self.installer_with(&built())
    }

    /// The same with other binaries.
    pub(crate) fn installer_with(&self, prebuilt: &Path) -> Command {
        let mut command = self.command(&repository().join("install.sh"));
        command.env("SISYPHUS_PREBUILT", prebuilt);
        command
    }

    /// Installs, which must succeed without a word on stderr; returns what it said.
    pub(crate) fn install(&self) -> String {
        succeeds(self.installer())
    }

    /// Installs binaries that are quick to copy and to check; returns their folder.
    pub(crate) fn install_stubs(&self) -> PathBuf {
        let stubs = self.stubs();
        succeeds(self.installer_with(&stubs));
        stubs
    }

    /// Binaries that do nothing, successfully.
    pub(crate) fn stubs(&self) -> PathBuf {
        let dir = self.path().join("stubs");
        fs::create_dir_all(&dir).unwrap();
        for name in BINARIES {
            write_script(&dir.join(name), "exit 0");
        }
        dir
    }

    /// `install.sh ARGS`, which must succeed.
    pub(crate) fn uninstall(&self, args: &[&str]) -> String {
        let mut command = self.installer();
        command.arg("--uninstall").args(args);
        succeeds(command)
    }

    /// Fires a hook that is installed.
    pub(crate) fn hook(&self, name: &str, event: &Value) -> Output {
        let path = self.plugin().join("hooks/bin").join(format!("sisyphus-{name}"));
        let mut command = self.command(&path);
        command.env("CLAUDE_ENV_FILE", self.env_file());
        env::run(command, event.to_string().as_bytes())
    }

    /// What the session's commands begin with.
    pub(crate) fn env_file(&self) -> PathBuf {
        self.path().join("env.sh")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        kill_all_of_home(&self.home);
    }
}

/// Runs a command that must succeed without a word on stderr.
pub(crate) fn succeeds(command: Command) -> String {
    let output = env::run(command, b"");
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    output.stdout
}

pub(crate) fn write_script(path: &Path, body: &str) {
    write_program(path, format!("#!/bin/sh\n{body}\n"));
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("crates/testing below the root").to_owned()
}

/// The folder of the binaries of this build.
pub(crate) fn built() -> PathBuf {
    // All of them must be there: the installer's own complaint would be a riddle.
    let paths = BINARIES.map(|name| PathBuf::from(TestEnv::new().command(name).get_program()));
    paths[0].parent().expect("a folder").to_owned()
}

/// A program of this machine.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let folders = ["/bin", "/usr/bin", "/usr/local/bin"];
    folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists())
}
