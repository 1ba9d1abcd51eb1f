//! `sisyphus install`: the installer that lies beside the program.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use sisyphus_testing::{Output, TestEnv, copy_program, env, write_program};

/// A copy of the program, in a folder such as an archive has.
fn program(env: &TestEnv) -> PathBuf {
    let bin = env.path().join("archive/bin");
    fs::create_dir_all(&bin).unwrap();
    let program = bin.join("sisyphus");
    copy_program(env.command("sisyphus").get_program(), &program);
    program
}

fn run(env: &TestEnv, arguments: &[&str]) -> Output {
    let mut command = Command::new(program(env));
    env.apply(&mut command);
    command.args(arguments);
    env::run(command, b"")
}

/// The installer gets the options, and its exit code counts.
#[test]
fn the_installer_beside_the_program_runs() {
    let env = TestEnv::new();
    let archive = env.path().join("archive");
    fs::create_dir_all(&archive).unwrap();
    fs::write(archive.join("plugin.json"), "{}").unwrap();
    for (code, expected) in [(0, 0), (3, 1)] {
        let installer = archive.join("install.sh");
        write_program(&installer, format!("#!/bin/sh\necho \"got $*\"\nexit {code}\n"));
        for (arguments, got) in [
            (&["install"][..], "got \n"),
            (&["install", "--uninstall", "--purge", "--yes"], "got --uninstall --purge --yes\n"),
        ] {
            let output = run(&env, arguments);
            assert_eq!((output.code, output.stdout.as_str()), (Some(expected), got), "{output:?}");
        }
    }
    assert_eq!(run(&env, &["install", "--purge"]).code, Some(2));
}

/// As after `cargo install`, and in the installed plugin.
#[test]
fn without_an_installer_the_remedy_is_said() {
    for has_plugin in [false, true] {
        let env = TestEnv::new();
        let program = program(&env);
        if has_plugin {
            fs::write(env.path().join("archive/plugin.json"), "{}").unwrap();
        }
        let output = run(&env, &["install"]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
        let start =
            format!("sisyphus: no installer is beside `{}`; run `install.sh`", program.display());
        assert!(output.stderr.starts_with(&start), "{output:?}");
        assert!(output.stderr.ends_with(" install`\n"), "{output:?}");
        // What it advises must not install instead.
        let output = run(&env, &["install", "--uninstall"]);
        assert!(output.stderr.contains("`install.sh --uninstall`"), "{output:?}");
        assert!(output.stderr.ends_with(" install --uninstall`\n"), "{output:?}");
    }
}
