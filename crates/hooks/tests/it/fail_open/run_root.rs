//! A folder for the runs that another user may have created.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use sisyphus_testing::TestEnv;

use crate::agent::Agent;
use crate::session::Session;
use crate::start::{HOOKS, feed, log, told};

type Spoil = fn(&TestEnv);

/// Each makes the folder one that is not this user's alone.
const SPOILED: [(&str, Spoil); 5] = [
    ("a link", |env| {
        fs::create_dir_all(env.client_tmp()).unwrap();
        fs::set_permissions(env.client_tmp(), Permissions::from_mode(0o700)).unwrap();
        symlink(env.project(), env.runs()).unwrap();
    }),
    ("a link around it", |env| {
        fs::create_dir_all(env.project().join("sisyphus")).unwrap();
        symlink(env.project(), env.client_tmp()).unwrap();
    }),
    ("open to all", |env| {
        fs::create_dir_all(env.runs()).unwrap();
        fs::set_permissions(env.client_tmp(), Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(env.runs(), Permissions::from_mode(0o777)).unwrap();
    }),
    ("open to all around it", |env| {
        fs::create_dir_all(env.runs()).unwrap();
        fs::set_permissions(env.runs(), Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(env.client_tmp(), Permissions::from_mode(0o1777)).unwrap();
    }),
    ("a file", |env| {
        fs::create_dir_all(env.client_tmp()).unwrap();
        fs::set_permissions(env.client_tmp(), Permissions::from_mode(0o700)).unwrap();
        fs::write(env.runs(), "").unwrap();
    }),
];

/// Another user of this machine.
const STRANGER: u32 = 65_534;

/// Only root can put a folder there as another user would.
const SPOILED_BY_OTHERS: [(&str, Spoil); 2] = [
    ("another user's", |env| {
        fs::create_dir_all(env.runs()).unwrap();
        fs::set_permissions(env.client_tmp(), Permissions::from_mode(0o700)).unwrap();
        give_away(&env.runs());
    }),
    ("another user's around it", |env| {
        fs::create_dir_all(env.runs()).unwrap();
        fs::set_permissions(env.runs(), Permissions::from_mode(0o700)).unwrap();
        give_away(&env.client_tmp());
    }),
];

fn give_away(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
    chown(path, Some(STRANGER), Some(STRANGER)).unwrap();
}

/// All of them, as far as this user can make them.
fn spoiled() -> impl Iterator<Item = (&'static str, Spoil)> {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        // Past the harness, which keeps to itself what a test prints that passes.
        let _ = writeln!(io::stderr(), "NOT TESTED: only root can make a folder of another user");
    }
    SPOILED.into_iter().chain(SPOILED_BY_OTHERS.into_iter().filter(move |_| is_root))
}

/// The hooks write nothing into a run root that is not ours alone. Commands outside the sandbox need nothing from
/// there, so they go on.
#[test]
fn a_spoiled_run_root_gets_no_files() {
    for (what, spoil) in spoiled() {
        let env = TestEnv::new();
        let session = Session::new(&env);
        spoil(&env);
        let before = names_below(&env);
        session.tell(&session.call(1).before());
        assert_eq!(session.announced().len(), 1, "{what}");
        for (_, payload) in HOOKS {
            let _ = session.send(&session.event(payload));
        }
        Agent::new(&session, 1).runs();
        assert_eq!(names_below(&env), before, "{what}: something was written there");
        // Only SessionStart looks at it, for sandboxed commands. It attaches the session all the same.
        let env_file = env.path().join("env.sh");
        let mut start = env.command("sisyphus-session-start");
        start.env("CLAUDE_ENV_FILE", &env_file);
        let event = session.event("session-start.startup").to_string();
        let _ = feed(start, event.as_bytes());
        assert!(log(&env).contains("refused `"), "{what}: {}", log(&env));
        assert!(fs::read_to_string(&env_file).unwrap().contains("sisyphus-run"), "{what}");
    }
}

#[test]
fn such_a_folder_keeps_no_result_back() {
    for (what, spoil) in spoiled() {
        let env = TestEnv::new();
        let session = Session::new(&env);
        spoil(&env);
        let call = session.call(1);
        call.starts();
        let text = told(&session.submits(&call.notice()));
        assert!(text.contains("failed with exit code 4."), "{what}: {text}");
    }
}

fn names_below(env: &TestEnv) -> Vec<String> {
    let mut names: Vec<String> = [env.project(), env.client_tmp(), env.runs()]
        .iter()
        .filter_map(|dir| fs::read_dir(dir).ok())
        .flatten()
        .map(|entry| entry.unwrap().path().display().to_string())
        .collect();
    names.sort();
    names
}
