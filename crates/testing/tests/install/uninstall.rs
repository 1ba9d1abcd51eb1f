//! Removing it, with and without the history.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::json;
use sisyphus_testing::{Process, env, wait_until};

use crate::site::{Site, program, repository, succeeds};
use crate::tree::{files, tree};

/// Uses what is installed, so that there is a history: a command runs in the background.
fn use_it(site: &Site) {
    let event = json!({ "hook_event_name": "SessionStart", "source": "startup",
                        "session_id": "session-1", "cwd": site.path() });
    let output = site.hook("session-start", &event);
    assert_eq!(output.code, Some(0), "{output:?}");
    let call = json!({ "hook_event_name": "PreToolUse", "session_id": "session-1", "cwd": site.path(),
        "tool_name": "Bash", "tool_use_id": "toolu_1",
        "tool_input": { "command": "npm test", "description": "a test", "run_in_background": true } });
    let output = site.hook("pre-tool-use", &call);
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut answer = call;
    answer["hook_event_name"] = "PostToolUse".into();
    answer["tool_response"] = json!({ "stdout": "", "stderr": "", "backgroundTaskId": "b1" });
    let output = site.hook("post-tool-use", &answer);
    assert_eq!(output.code, Some(0), "{output:?}");
    fs::write(site.state().join("hooks.log.1"), "older\n").unwrap();
    fs::write(site.state().join("failed.json.corrupt-20261121T023000000.reason"), "x\n").unwrap();
}

#[test]
fn the_plugin_goes_and_the_history_stays() {
    let site = Site::new();
    site.install();
    use_it(&site);
    let history = tree(&site.state());
    let runner = format!("bin/sisyphus-run-{} ", env!("CARGO_PKG_VERSION"));
    assert!(history.iter().any(|line| line.starts_with(&runner)), "{history:?}");
    assert!(history.iter().any(|line| line.starts_with("active.json ")), "{history:?}");

    let said = site.uninstall(&[]);
    assert!(said.contains(site.state().to_str().unwrap()), "{said}");
    assert!(said.contains("--purge"), "{said}");
    assert_eq!(tree(&site.state()), history);
    let others: Vec<String> = files(&site.home)
        .into_iter()
        .filter(|line| !line.starts_with(".claude/plugins/data/sisyphus/state/"))
        .collect();
    assert_eq!(others, Vec::<String>::new());

    // And it is found again.
    site.install();
    assert!(tree(&site.state()).iter().any(|line| line.starts_with("active.json ")));
}

#[test]
fn purge_leaves_only_folders_that_others_may_use() {
    let site = Site::new();
    site.install();
    use_it(&site);
    // What runners, the waiter, hooks that could not get the lock, and the notifier leave.
    for name in ["runs", "announced", "inbox", "transfers", "wake", "claims", "conversations"] {
        fs::create_dir_all(site.state().join(name)).unwrap();
    }
    for name in ["events.jsonl", "events.1.jsonl", "on_complete.json"] {
        fs::write(site.state().join(name), "").unwrap();
    }
    site.uninstall(&["--purge"]);
    assert_eq!(
        tree(&site.home).iter().map(|line| line.split(' ').next().unwrap()).collect::<Vec<_>>(),
        [".claude/", ".claude/skills/", ".local/", ".local/bin/",]
    );
}

#[test]
fn nothing_is_removed_where_nothing_is_installed() {
    let site = Site::new();
    let nothing = format!(
        "sisyphus is not installed in {}.\nThere is no task history.\n",
        site.config().display()
    );
    assert_eq!(site.uninstall(&[]), nothing);
    fs::create_dir_all(site.plugin().join("of-another-tool")).unwrap();
    assert_eq!(site.uninstall(&[]), nothing);
    assert!(site.plugin().join("of-another-tool").exists());
    // What is left of an installation counts as one.
    fs::remove_dir_all(site.plugin()).unwrap();
    fs::create_dir_all(site.link().parent().unwrap()).unwrap();
    symlink(site.plugin().join("bin/sisyphus"), site.link()).unwrap();
    assert!(site.uninstall(&[]).starts_with("Removed sisyphus from "));
    assert!(!site.link().is_symlink());
}

/// The installed plugin removes itself. The sources may be gone.
#[test]
fn it_needs_no_sources() {
    let site = Site::new();
    site.install();
    let mut command = site.command(&site.link());
    command.args(["install", "--uninstall", "--purge"]);
    let said = succeeds(command);
    let removed = format!("Removed sisyphus from {}.\n", site.config().display());
    assert!(said.starts_with(&removed), "{said}");
    assert_eq!(files(&site.home), Vec::<String>::new());
    site.install();
    let script = site.plugin().join("uninstall.sh");
    assert!(succeeds(site.command(&script)).starts_with(&removed));
    assert!(!site.plugin().exists() && !site.link().exists());
}

/// Notes a session of Claude Code as that does. This test is its process.
fn open_session(site: &Site) {
    let folder = site.config().join("sessions");
    fs::create_dir_all(&folder).unwrap();
    let process = Process::of(std::process::id().cast_signed()).unwrap();
    let note = |start: u64| {
        json!({ "pid": process.pid, "sessionId": "session-1", "cwd": "/home/dev/proj",
                "procStart": start.to_string() })
    };
    fs::write(folder.join("1.json"), note(process.start()).to_string()).unwrap();
    // The process before it with the same number.
    fs::write(folder.join("2.json"), note(1).to_string()).unwrap();
}

/// The hooks of an open session do nothing after `install.sh --uninstall`, until it is run again without open sessions.
#[test]
fn an_open_session_keeps_silent_hooks() {
    let site = Site::new();
    let stubs = site.install_stubs();
    open_session(&site);
    let me = std::process::id();
    let uninstall = |args: &[&str]| {
        let mut command = site.installer_with(&stubs);
        command.arg("--uninstall").args(args);
        succeeds(command)
    };
    let said = uninstall(&[]);
    let named = format!("Open sessions of Claude Code:\n  process {me} in /home/dev/proj\n");
    assert_eq!(said.matches("process").count(), 1, "{said}");
    assert!(said.starts_with(&named), "{said}");
    let rest = site.plugin().join("uninstall.sh");
    let hint = format!("When they have ended, run {} to remove these.\n", rest.display());
    assert!(said.contains(&hint), "{said}");
    let hooks = site.plugin().join("hooks/bin");
    assert_eq!(hooks.read_dir().unwrap().count(), 10);
    assert!(!site.plugin().join(".claude-plugin").exists() && !site.link().exists());
    let event =
        json!({ "hook_event_name": "Stop", "session_id": "s", "long": "x".repeat(200_000) });
    let output = site.hook("stop", &event);
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (Some(0), "", ""));
    assert_eq!(site.versions().read_dir().unwrap().count(), 1);

    // Once more, then an installation in its place, then the last session ends.
    uninstall(&["--purge"]);
    assert!(hooks.join("sisyphus-stop").exists());
    succeeds(site.installer_with(&stubs));
    assert!(site.plugin().join(".claude-plugin/plugin.json").exists());
    assert_eq!(site.versions().read_dir().unwrap().count(), 1);
    uninstall(&[]);
    fs::remove_dir_all(site.config().join("sessions")).unwrap();
    let said = succeeds(site.command(&rest));
    assert!(said.starts_with("Removed sisyphus from "), "{said}");
    assert_eq!(files(&site.home), Vec::<String>::new());
}

/// The installed plugin removes itself, whatever the variables say now, and no other one.
#[test]
fn each_installation_removes_itself() {
    let site = Site::with_home("a[b] 'c'");
    let stubs = site.install_stubs();
    let other = site.home.join("other");
    let mut install = site.installer_with(&stubs);
    install.env("CLAUDE_CONFIG_DIR", &other);
    succeeds(install);
    let command = fs::read_link(site.link()).unwrap();
    assert!(command.starts_with(&other), "{command:?}");
    // The command is that of the other one.
    succeeds(site.command(&site.plugin().join("uninstall.sh")));
    assert!(!site.plugin().exists() && site.link().exists());
    succeeds(site.command(&other.join("skills/sisyphus/uninstall.sh")));
    assert_eq!(files(&site.home), Vec::<String>::new());
}

/// On a terminal `install.sh --uninstall` asks before an open session loses the plugin, unless `--yes` is there.
#[test]
fn a_person_is_asked_first() {
    let site = Site::new();
    site.install_stubs();
    site.link_tool("script", &program("script").expect("`script`, of util-linux"));
    open_session(&site);
    let uninstall = |more: &str, answer: &str| {
        let mut command = site.command(&site.tools.join("script"));
        let installer = repository().join("install.sh");
        let line = format!("'{}' --uninstall {more}", installer.display());
        command.args(["-qec", &line, "/dev/null"]).env("SHELL", "/bin/sh");
        env::run(command, answer.as_bytes())
    };
    let stub = site.current().join("bin/sisyphus");
    fs::write(&stub, "#!/bin/sh\necho '\"watch\": \"supervised\"'\n").unwrap();
    let refused = uninstall("", "n\n");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stdout.contains("answer 'n' and type 'sisyphus cancel --all'"), "{refused:?}");
    assert!(refused.stdout.contains("Remove sisyphus all the same? [y/n]"), "{refused:?}");
    assert!(refused.stdout.contains("nothing was removed"), "{refused:?}");
    assert!(site.plugin().join(".claude-plugin/plugin.json").exists());
    assert_eq!(uninstall("", "y\n").code, Some(0));
    assert!(!site.plugin().join(".claude-plugin").exists());
    site.install_stubs();
    let said = uninstall("--yes", "");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!said.stdout.contains("[y/n]"), "{said:?}");
}

/// A runner outlives the plugin and writes the history. So the person hears of its task, and the history stays.
#[test]
fn a_task_that_runs_keeps_its_history() {
    let site = Site::new();
    site.install();
    let sisyphus = |arguments: &[&str]| {
        let mut command = site.command(&site.link());
        command.args(arguments);
        succeeds(command)
    };
    let task = sisyphus(&["run", "--detach", "--", "sleep", "60"]);
    let mut purge = site.installer();
    purge.args(["--uninstall", "--purge", "--yes"]);
    let refused = env::run(purge, b"");
    let is_there = site.link().exists() && site.state().join("active.json").exists();
    sisyphus(&["cancel", "--all"]);
    assert_eq!((refused.code, is_there), (Some(1), true), "{refused:?}");
    assert!(refused.stdout.contains(task.trim()), "{refused:?}");
    assert!(refused.stderr.contains("type 'sisyphus cancel --all'"), "{refused:?}");

    let settings = site.config().join("settings.json");
    fs::write(&settings, r#"{"statusLine":{"command":"sisyphus statusline"}}"#).unwrap();
    let said = site.uninstall(&["--purge"]);
    assert!(said.contains("remove the key 'statusLine'"), "{said}");
    assert!(!said.contains("have not ended") && !site.state().exists(), "{said}");
}

/// What runs goes on after an uninstall, and nothing lists it then. The history stays as long as its runner writes it. An
/// open session keeps hooks that do nothing, but no command line either.
#[test]
fn a_later_purge_waits_for_what_runs() {
    for has_session in [false, true] {
        let site = Site::new();
        site.install();
        let sisyphus = |arguments: &[&str]| {
            let mut command = site.command(&site.link());
            command.args(arguments);
            command
        };
        let task = succeeds(sisyphus(&["run", "--detach", "--", "sleep", "3600"]));
        // It looks at the runner's lock too, and writes nothing.
        let mut waits = sisyphus(&["wait", task.trim()]).spawn().unwrap();
        if has_session {
            open_session(&site);
        }
        let said = site.uninstall(&[]);
        // Where nothing is asked, it is too late for `sisyphus cancel`.
        let gone = "\nThey go on. The command that lists and stops them is removed.\n";
        assert!(said.contains(gone) && !said.contains("cancel --all"), "{said}");
        let _ = fs::remove_dir_all(site.config().join("sessions"));
        let mut purge = site.installer();
        purge.args(["--uninstall", "--purge"]);
        let refused = env::run(purge, b"");
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(site.state().join("active.json").exists());
        let named =
            refused.stderr.split_once("task history: ").unwrap().1.split_once(';').unwrap().0;
        let runner = Process::of(named.parse().unwrap()).unwrap();
        runner.signal(Signal::SIGTERM);
        wait_until("the runner to end", || !runner.is_alive());
        waits.wait().unwrap();
        site.uninstall(&["--purge"]);
        assert!(!site.state().exists(), "{has_session}");
    }
}

/// `install.sh --uninstall` succeeds where nothing is installed, and creates nothing.
#[test]
fn removing_nothing_creates_nothing() {
    let site = Site::new();
    for args in [&[][..], &["--purge"], &[]] {
        let said = site.uninstall(args);
        assert!(said.ends_with("There is no task history.\n"), "{said}");
        assert_eq!(tree(&site.home), Vec::<String>::new());
    }
}

/// `install.sh --uninstall --purge` removes nothing from a state folder that holds other things.
#[test]
fn purge_spares_a_shared_state_folder() {
    let site = Site::new();
    site.install_stubs();
    let shared = site.home.join("shared");
    fs::create_dir_all(shared.join("bin")).unwrap();
    fs::write(shared.join("bin/tool"), "mine").unwrap();
    fs::write(shared.join("thesis.tex"), "mine").unwrap();
    let before = tree(&shared);
    let mut command = site.installer();
    command.args(["--uninstall", "--purge"]).env("SISYPHUS_STATE_DIR", &shared);
    let output = env::run(command, b"");
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("thesis.tex' is not ours"), "{output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    assert_eq!(tree(&shared), before);
}

#[test]
fn what_others_put_in_our_places_stays() {
    let folder = |path: &Path| {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join("SKILL.md"), "mine").unwrap();
    };
    let file = |path: &Path| fs::write(path, "mine").unwrap();
    let link = |path: &Path| symlink("/usr/share/elsewhere", path).unwrap();
    for place in [Site::plugin, Site::link] {
        for (what, make) in [("a folder", folder as fn(&Path)), ("a file", file), ("a link", link)]
        {
            let site = Site::new();
            let path = place(&site);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            make(&path);
            let before = tree(&site.home);

            let output = env::run(site.installer_with(&site.stubs()), b"");
            assert_eq!(output.code, Some(1), "{what}: {output:?}");
            let expected = format!("install.sh: '{}' is not ours; move it away\n", path.display());
            assert_eq!(output.stderr, expected, "{what}");
            assert_eq!(tree(&site.home), before, "{what}");

            site.uninstall(&["--purge"]);
            assert_eq!(tree(&site.home), before, "{what}");
        }
    }
}
