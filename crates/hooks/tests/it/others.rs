//! SessionStart notes whether another hook may see Bash, and PreToolUse changes nothing where one may.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sisyphus_testing::TestEnv;

use crate::payload::with;
use crate::session::Session;
use crate::start::feed;

const HOOK: &str = r#"{"hooks":{"PreToolUse":[{"matcher":"Bash","hooks":[]}]}}"#;

/// A session of a Claude Code that was started in `project` without any flag, at a moment when its shell is in `cwd`.
struct Started<'a> {
    session: Session<'a>,
    project: PathBuf,
    cwd: PathBuf,
}

impl<'a> Started<'a> {
    fn new(env: &'a TestEnv) -> Self {
        Self { session: Session::new(env), project: env.project(), cwd: env.project() }
    }

    /// Fires SessionStart, and returns what is noted then.
    fn start(&self, name: &str) -> String {
        let event = with(self.session.event(name), "/cwd", self.cwd.to_str().unwrap());
        assert_eq!(feed(self.client(), event.to_string().as_bytes()).stdout, "");
        self.noted()
    }

    /// SessionStart, started by a shell in the place of Claude Code: this test may have been started with flags.
    fn client(&self) -> Command {
        let env = self.session.env;
        let mut client = Command::new("bash");
        env.apply(&mut client);
        let hook = env.command("sisyphus-session-start");
        client.args(["-c", "\"$0\"; exit 0"]).arg(hook.get_program());
        client.env("CLAUDE_PROJECT_DIR", &self.project);
        client
    }

    fn noted(&self) -> String {
        let file = format!("sessions/{}.json", self.session.id);
        let noted = self.session.env.state_file(&file);
        noted["rewriting"].as_str().unwrap().to_owned()
    }

    /// Whether PreToolUse raises the limit of a service.
    fn is_raised(&self) -> bool {
        let event = with(self.session.call(1).before(), "/tool_input/command", "npm run dev");
        !self.session.send(&event).stdout.is_empty()
    }
}

fn put(dir: &Path, name: &str, content: &str) {
    let path = dir.join(".claude").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn without_any_other_hook_ours_is_the_only_one() {
    let env = TestEnv::new();
    let started = Started::new(&env);
    put(&env.home(), "commands/a.md", "---\ndescription: x\n---\nhooks: none\n");
    put(&env.project(), "skills/a/SKILL.md", "---\nname: a\n---\n");
    assert_eq!(started.start("session-start.startup"), "only_ours");
    assert!(started.is_raised());
}

#[test]
fn our_own_folder_is_no_others_even_if_it_is_a_link() {
    let env = TestEnv::new();
    let started = Started::new(&env);
    let real = env.path().join("checkout/sisyphus");
    let plugin = env.home().join(".claude/skills/any-name");
    fs::create_dir_all(real.join(".claude-plugin")).unwrap();
    fs::create_dir_all(plugin.parent().unwrap()).unwrap();
    symlink(&real, &plugin).unwrap();
    let event = started.session.event("session-start.startup");
    for (root, expected) in [(Some(&plugin), "only_ours"), (None, "maybe_others")] {
        let mut client = started.client();
        if let Some(root) = root {
            client.env("CLAUDE_PLUGIN_ROOT", root);
        }
        let _ = feed(client, event.to_string().as_bytes());
        assert_eq!(started.noted(), expected, "{root:?}");
    }
}

/// SessionStart finds other hooks at the user's, in the project, and in the current folder or above it.
#[test]
fn hooks_of_three_places_count() {
    // The current folder is `elsewhere/now`.
    let places = ["home", "proj", "elsewhere/now", "elsewhere"];
    let command = "---\nhooks:\n  PreToolUse: []\n---\n";
    for (name, content) in [("settings.json", HOOK), ("commands/git/a.md", command)] {
        for place in places {
            let env = TestEnv::new();
            let cwd = env.path().join("elsewhere/now");
            fs::create_dir_all(&cwd).unwrap();
            let started = Started { cwd, ..Started::new(&env) };
            put(&env.path().join(place), name, content);
            assert_eq!(started.start("session-start.startup"), "maybe_others", "{place}: {name}");
            assert!(!started.is_raised(), "{place}: {name}");
        }
    }
}

/// A session for which SessionStart has once noted other hooks keeps that note.
#[test]
fn a_note_of_other_hooks_stays() {
    let env = TestEnv::new();
    let started = Started::new(&env);
    put(&env.project(), "settings.json", HOOK);
    assert_eq!(started.start("session-start.startup"), "maybe_others");
    put(&env.project(), "settings.json", "{}");
    for name in ["session-start.resume", "session-start.startup"] {
        assert_eq!(started.start(name), "maybe_others", "{name}");
    }
    let next = Started { session: Session::other(&env), ..Started::new(&env) };
    assert_eq!(next.start("session-start.startup"), "only_ours");
    put(&env.project(), "settings.json", HOOK);
    assert_eq!(next.start("session-start.resume"), "maybe_others");
}

#[test]
fn what_can_not_be_read_counts_and_costs_nothing() {
    let pipe = |env: &TestEnv| {
        let path = env.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        path
    };
    let targets: [&dyn Fn(&TestEnv) -> PathBuf; 2] = [&|_| "/dev/zero".into(), &pipe];
    for name in ["settings.json", "skills/a/SKILL.md", "agents/a.md", "commands/a.md"] {
        for target in targets {
            let env = TestEnv::new();
            let target = target(&env);
            put(&env.project(), name, "");
            let path = env.project().join(".claude").join(name);
            fs::remove_file(&path).unwrap();
            symlink(&target, &path).unwrap();
            let started = Started::new(&env);
            let begun = Instant::now();
            let noted = started.start("session-start.startup");
            assert!(begun.elapsed() < Duration::from_secs(2), "{name}: {}", target.display());
            assert_eq!(noted, "maybe_others", "{name}: {}", target.display());
        }
    }
}

/// SessionStart looks for hooks in folders behind links, and ends in a circle of links.
#[test]
fn links_are_followed_and_circles_end() {
    let env = TestEnv::new();
    let dotfiles = env.path().join("dotfiles");
    put(&dotfiles, "skills/a/SKILL.md", "---\nname: a\n---\n");
    fs::create_dir_all(env.home().join(".claude")).unwrap();
    symlink(dotfiles.join(".claude/skills"), env.home().join(".claude/skills")).unwrap();
    let started = Started::new(&env);
    assert_eq!(started.start("session-start.startup"), "only_ours");
    symlink(&dotfiles, dotfiles.join(".claude/skills/a/circle")).unwrap();
    symlink(dotfiles.join(".claude"), dotfiles.join(".claude/skills/a/round")).unwrap();
    assert_eq!(started.start("session-start.resume"), "maybe_others");
}
