//! A folder for the runs that somebody else may have put there.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::Value;
use sisyphus_testing::TestEnv;

use crate::session::Session;
use crate::start::{HOOKS, log, told};

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

#[test]
fn nothing_is_announced_in_a_folder_that_is_not_ours_alone_and_it_is_noted() {
    for (what, spoil) in SPOILED {
        let env = TestEnv::new();
        let session = Session::new(&env);
        spoil(&env);
        let before = names_below(&env);
        assert_eq!(session.send(&session.call(1).before()).stdout, "", "{what}");
        assert_eq!(session.active(), Vec::<Value>::new(), "{what}");
        assert!(log(&env).contains("refused `"), "{what}: {}", log(&env));
        for (_, payload) in HOOKS {
            let _ = session.send(&session.event(payload));
        }
        assert_eq!(names_below(&env), before, "{what}: something was written there");
    }
}

#[test]
fn such_a_call_is_observed() {
    for (what, spoil) in SPOILED {
        let env = TestEnv::new();
        let session = Session::new(&env);
        spoil(&env);
        let call = session.call(1);
        call.starts();
        assert_eq!(session.active()[0]["status"]["watch"], "observed", "{what}");
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
