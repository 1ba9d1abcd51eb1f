//! Installing where nothing was.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};
use sisyphus_testing::env;

use crate::site::{BINARIES, Site, program, repository, succeeds};
use crate::tree::tree;

const SESSION: &str = "session-1";

fn json_of(path: &Path) -> Value {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o100 != 0)
}

/// Every string below `value` that has this key.
fn strings<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    if let Some(fields) = value.as_object() {
        let own = value[key].as_str();
        return own.into_iter().chain(fields.values().flat_map(|it| strings(it, key))).collect();
    }
    value.as_array().into_iter().flatten().flat_map(|it| strings(it, key)).collect()
}

fn start_session(site: &Site) {
    let event = json!({ "hook_event_name": "SessionStart", "source": "startup",
                        "session_id": SESSION, "cwd": site.path() });
    let output = site.hook("session-start", &event);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""), "{output:?}");
}

#[test]
fn the_plugin_is_complete() {
    let site = Site::new();
    site.install();
    let plugin = site.plugin();
    let manifest = fs::read(plugin.join(".claude-plugin/plugin.json")).unwrap();
    assert_eq!(manifest, fs::read(plugin.join("plugin.json")).unwrap());
    assert_eq!(manifest, fs::read(repository().join("plugin.json")).unwrap());
    assert_eq!(json_of(&plugin.join(".claude-plugin/marketplace.json"))["name"], "sisyphus");
    for name in ["LICENSE", "README.md", "CHANGELOG.md"] {
        assert!(plugin.join(name).is_file(), "{name}");
    }
    let agents = repository().join("agents").read_dir().unwrap();
    let texts = agents
        .map(|entry| entry.unwrap().path())
        .chain([repository().join("skills/ultrawork/SKILL.md")]);
    let texts = texts.chain([repository().join("hooks/register.js")]);
    for text in texts {
        let installed = plugin.join(text.strip_prefix(repository()).unwrap());
        assert_eq!(fs::read(&installed).unwrap(), fs::read(&text).unwrap(), "{}", text.display());
    }
    assert_eq!(plugin.join("agents").read_dir().unwrap().count(), 5);

    let hooks = json_of(&plugin.join("hooks/hooks.json"));
    let servers = json_of(&plugin.join(".claude-plugin/plugin.json"))["mcpServers"].take();
    let named = strings(&hooks, "command").into_iter().chain(strings(&servers, "command"));
    let commands: BTreeSet<&str> = named.collect();
    assert_eq!(commands.len(), 10, "{commands:?}");
    for command in commands {
        let path = command.replace("${CLAUDE_PLUGIN_ROOT}", plugin.to_str().unwrap());
        assert!(is_executable(Path::new(&path)), "{command}");
    }
    assert!(is_executable(&plugin.join("hooks/bin/sisyphus-run")));
    assert!(plugin.join("bin").read_dir().unwrap().count() == 1, "bin/ is on the model's PATH");
}

/// `install.sh` installs a command line that runs, and shows the reminder of its self-check.
#[test]
fn a_fresh_installation_checks_itself() {
    let site = Site::new();
    let said = site.install();
    assert!(said.contains("failed with exit code 3 after"), "{said}");
    assert!(said.contains("| 47 passed, 3 failed"), "{said}");
    assert_eq!(said.matches("A session with 4 background commands").count(), 1, "{said}");
    assert!(!said.contains("/.new."), "it names a folder that is gone: {said}");
    let next = "Next: start 'claude'. In a second terminal, 'sisyphus top' shows its tasks.\n";
    assert!(said.ends_with(next) && said.matches("Next:").count() == 1, "{said}");
    let mut version = site.command(&site.link());
    version.arg("--version");
    let version = succeeds(version);
    let manifest = json_of(&repository().join("plugin.json"));
    assert_eq!(version.trim(), format!("sisyphus {}", manifest["version"].as_str().unwrap()));
}

/// `install.sh` ends with the one line that puts `sisyphus` on the `PATH` of the user's shell, and that line works.
#[test]
fn the_line_for_the_path_fits_the_shell() {
    let site = Site::new();
    let stubs = site.install_stubs();
    let said = |shell: &str, path: &str| {
        let mut command = site.installer_with(&stubs);
        command.env("SHELL", shell).env("PATH", format!("{}{path}", site.tools.display()));
        succeeds(command)
    };
    for shell in ["bash", "zsh", "fish", "dash"] {
        let said = said(&format!("/usr/bin/{shell}"), "");
        let (_, line) = said.split_once("type this once:  ").unwrap();
        let line = line.lines().next().unwrap();
        let shell = program(shell).unwrap_or_else(|| panic!("`{shell}` is missing"));
        let mut command = site.command(&shell);
        command.args(["-c", &format!("{line}; command -v sisyphus")]);
        let found = succeeds(command);
        assert!(found.ends_with("/home/.local/bin/sisyphus\n"), "{line}: {found}");
    }
    let on_path = said("/bin/bash", &format!(":{}/.local/bin", site.home.display()));
    assert!(!on_path.contains("type this once"), "{on_path}");
}

#[test]
fn nothing_is_touched_but_the_plugins_own_places() {
    let site = Site::new();
    fs::create_dir_all(site.config().join("skills/other")).unwrap();
    fs::write(site.config().join("settings.json"), "{}").unwrap();
    let before = tree(site.path());
    site.install();
    let ours = [".claude/.sisyphus", ".claude/plugins", ".claude/skills/sisyphus", ".local"];
    let is_ours = |line: &str| ours.iter().any(|name| line.starts_with(&format!("home/{name}")));
    let mut after = tree(site.path());
    after.retain(|line| !is_ours(line));
    assert_eq!(after, before);
    let left: Vec<_> = site.versions().read_dir().unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(
        site.current().file_name().unwrap(),
        left[0].as_ref().unwrap().file_name().as_os_str()
    );
    assert!(!site.current().join("demo.log").exists());
    assert_eq!(fs::read_link(site.documented_state()).unwrap(), site.state());
}

#[test]
fn the_clients_own_folder_is_honoured() {
    let site = Site::new();
    // A relative one must not end up in a link.
    for (variable, config) in [("conf", site.path().join("conf")), ("a/b", site.path().join("a/b"))]
    {
        let mut command = site.installer();
        command.env("CLAUDE_CONFIG_DIR", variable);
        if variable == "conf" {
            command.env("CLAUDE_CONFIG_DIR", &config);
        }
        succeeds(command);
        assert!(!site.config().exists());
        let hook = config.join("skills/sisyphus/hooks/bin/sisyphus-stop");
        assert!(is_executable(&hook), "{}", hook.display());
        assert_eq!(
            fs::read_link(site.link()).unwrap(),
            config.join("skills/sisyphus/bin/sisyphus")
        );

        let mut command = site.installer();
        command.args(["--uninstall", "--purge"]).env("CLAUDE_CONFIG_DIR", &config);
        succeeds(command);
        assert!(!site.link().exists() && !config.join(".sisyphus").exists());
        assert!(!config.join("plugins").exists());
    }
}

/// SessionStart attaches a session in a home with a space in its name like any other.
#[test]
fn a_home_with_a_space_is_attached() {
    let site = Site::with_home("my home $HOME");
    let said = site.install();
    assert!(!said.contains("observed"), "{said}");
    start_session(&site);
    let snippet = fs::read_to_string(site.env_file()).unwrap();
    assert!(snippet.contains("my home $HOME"), "{snippet}");
    // The line has no effect on a command that was not announced, whatever its paths hold.
    let mut shell = site.command(&program("bash").unwrap());
    shell.args(["-c", &format!("true && {snippet}: && echo ran")]);
    assert_eq!(succeeds(shell), "ran\n");
}

/// In a home with a quote in its name, the hooks only observe commands, and `install.sh` says so.
#[test]
fn a_home_with_a_quote_is_observed() {
    let site = Site::with_home("it's");
    let said = site.install();
    assert!(said.contains("failed with exit code 3 after"), "{said}");
    assert!(said.contains("has a quote in its name, commands are observed there"), "{said}");
    start_session(&site);
    assert!(!site.env_file().exists(), "half a line in front of every command");

    // A command that runs in the background all the same is listed.
    let call = json!({ "session_id": SESSION, "cwd": site.path(), "tool_name": "Bash", "tool_use_id": "toolu_1",
        "tool_input": { "command": "npm test", "description": "a test", "run_in_background": true } });
    let mut before = call.clone();
    before["hook_event_name"] = "PreToolUse".into();
    let mut after = call;
    after["hook_event_name"] = "PostToolUse".into();
    after["tool_response"] = json!({ "stdout": "", "stderr": "", "backgroundTaskId": "b1" });
    for (name, event) in [("pre-tool-use", before), ("post-tool-use", after)] {
        let output = site.hook(name, &event);
        assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""), "{output:?}");
    }
    let mut list = site.command(&site.link());
    list.args(["list", "--json"]);
    let tasks: Value = serde_json::from_str(&succeeds(list)).unwrap();
    assert_eq!(tasks["tasks"][0]["client_id"], "b1", "{tasks}");
}

#[test]
fn every_shell_of_this_machine_can_run_it() {
    let shells = [
        ("dash", vec![]),
        ("bash", vec!["--posix"]),
        ("busybox", vec!["sh"]),
        ("ksh", vec![]),
        ("zsh", vec!["--emulate", "sh"]),
    ];
    let mut tried = 0;
    for (shell, args) in shells {
        let Some(shell) = program(shell) else { continue };
        let site = Site::new();
        let mut command = site.command(&shell);
        command.args(args).arg(repository().join("install.sh"));
        command.env("SISYPHUS_PREBUILT", site.stubs());
        let output = env::run(command, b"");
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{shell:?} {output:?}");
        assert_eq!(
            site.current().join("hooks/bin").read_dir().unwrap().count(),
            BINARIES.len() - 1
        );
        tried += 1;
    }
    assert!(tried >= 2, "only {tried} shells are installed");
}

#[test]
fn a_cut_off_script_runs_nothing() {
    let site = Site::new();
    let stubs = site.stubs();
    let script = fs::read_to_string(repository().join("install.sh")).unwrap();
    let cut = site.path().join("cut.sh");
    fs::write(&cut, "").unwrap();
    let before = tree(&site.home);
    for (end, _) in script.match_indices('\n') {
        if end + 1 == script.len() {
            break;
        }
        fs::write(&cut, &script[..end]).unwrap();
        let mut command = site.command(&site.tools.join("sh"));
        command.arg(&cut).env("SISYPHUS_PREBUILT", &stubs);
        let output = env::run(command, b"");
        assert_eq!(output.stdout, "", "cut at {end}");
    }
    assert_eq!(tree(&site.home), before);
}
