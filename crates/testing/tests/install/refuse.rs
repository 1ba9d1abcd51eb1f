//! Installations that can't succeed: one clear line, exit code 1, and everything as it was.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use sisyphus_testing::{TempDir, copy_program, env};

use crate::site::{Site, repository, succeeds, write_script};
use crate::tree::tree;

/// Runs what must fail with `expected` in its one line, and change nothing.
fn fails(site: &Site, command: Command, expected: &str) {
    let before = tree(site.path());
    let output = env::run(command, b"");
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.starts_with("install.sh: "), "{output:?}");
    assert!(output.stderr.contains(expected), "`{expected}` is not in {output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    assert_eq!(tree(site.path()), before);
}

/// What is downloaded, without anything that was built.
fn sources_only(site: &Site) -> PathBuf {
    let dir = site.path().join("download");
    fs::create_dir_all(&dir).unwrap();
    let names = [
        "install.sh",
        "plugin.json",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "Cargo.toml",
        "marketplace.json",
        "hooks/hooks.json",
        "hooks/register.js",
        "skills/ultrawork/SKILL.md",
        "agents/explore.md",
    ];
    for name in names {
        fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
        copy_program(repository().join(name), &dir.join(name));
    }
    dir
}

#[test]
fn without_binaries_and_without_cargo() {
    let site = Site::new();
    let dir = sources_only(&site);
    fails(&site, site.command(&dir.join("install.sh")), "cargo is needed to build");
    // An existing client folder with other things in it stays, and so does an empty one.
    fs::create_dir_all(site.config().join("skills/mine")).unwrap();
    fs::create_dir_all(site.home.join(".local/bin")).unwrap();
    fails(&site, site.command(&dir.join("install.sh")), "https://rustup.rs");
}

/// Before it builds, `install.sh` finds a compiler that is too old, and that there is none to link.
#[test]
fn when_it_can_not_be_built() {
    let site = Site::new();
    let dir = sources_only(&site);
    site.script_tool("cargo", "exit 101");
    site.script_tool("rustc", "echo 'rustc 1.88.0 (abc 2025-06-23)'");
    fails(&site, site.command(&dir.join("install.sh")), "'cc' is needed to build");
    site.script_tool("cc", "");
    let old =
        "Rust 1.88.0 is too old to build sisyphus, 1.89 or newer is needed; run 'rustup update'";
    fails(&site, site.command(&dir.join("install.sh")), old);
}

/// `install.sh` refuses another system, a full disk, and programs for another processor.
#[test]
fn when_it_can_not_run_here() {
    let site = Site::new();
    let stubs = site.stubs();
    let replace = |tool: &str, body: &str| {
        fs::remove_file(site.tools.join(tool)).unwrap();
        site.script_tool(tool, body);
    };
    replace("df", "echo header; echo '/dev/vda 99 9 51200 100% /'");
    let full = format!("'{}' has 50 MB left, and 100 MB are needed", site.home.display());
    fails(&site, site.installer_with(&stubs), &full);
    replace("df", "exit 1");
    replace("uname", "echo FreeBSD");
    fails(&site, site.installer_with(&stubs), "runs on Linux and macOS, not on FreeBSD");
    replace("uname", "[ $1 = -s ] && echo Linux || echo Linux aarch64");
    fs::write(stubs.join("sisyphus"), b"\x7fELF\x02\x01\x01 of another machine").unwrap();
    let foreign = "does not run on this machine (Linux aarch64); take the archive for it";
    fails(&site, site.installer_with(&stubs), foreign);
}

#[test]
fn when_the_build_fails() {
    let site = Site::new();
    let dir = sources_only(&site);
    site.script_tool("cargo", "exit 101");
    site.script_tool("cc", "");
    site.script_tool("rustc", "echo host: x86_64-unknown-linux-gnu");
    fails(&site, site.command(&dir.join("install.sh")), "the build failed");
}

/// The compiler that the user has chosen builds the plugin, whatever `rust-toolchain.toml` names.
#[test]
fn the_users_own_compiler_builds() {
    let site = Site::new();
    let dir = sources_only(&site);
    let elsewhere = TempDir::new();
    let seen = elsewhere.path().join("seen");
    site.script_tool("rustup", "[ $PWD = / ] && echo 'mine-x86_64 (default)'");
    site.script_tool("rustc", "echo host: aarch64-apple-darwin");
    site.script_tool("cc", "");
    site.script_tool("cargo", &format!("echo $RUSTUP_TOOLCHAIN >>'{}'; exit 101", seen.display()));
    fails(&site, site.command(&dir.join("install.sh")), "the build failed");
    let mut command = site.command(&dir.join("install.sh"));
    command.env("RUSTUP_TOOLCHAIN", "chosen");
    fails(&site, command, "the build failed");
    assert_eq!(fs::read_to_string(seen).unwrap(), "mine-x86_64\nchosen\n");
}

#[test]
fn binaries_beside_the_script_are_used() {
    let site = Site::new();
    let (dir, stubs) = (sources_only(&site), site.stubs());
    for folder in ["hooks/bin", "bin"] {
        fs::create_dir_all(dir.join(folder)).unwrap();
    }
    for entry in stubs.read_dir().unwrap() {
        let name = entry.unwrap().file_name();
        let folder = if name == "sisyphus" { "bin" } else { "hooks/bin" };
        copy_program(stubs.join(&name), &dir.join(folder).join(&name));
    }
    succeeds(site.command(&dir.join("install.sh")));
    assert!(site.link().exists());
}

#[test]
fn when_a_binary_is_missing() {
    for name in ["sisyphus", "sisyphus-run", "sisyphus-stop", "sisyphus-session-end"] {
        let site = Site::new();
        let stubs = site.stubs();
        fs::remove_file(stubs.join(name)).unwrap();
        fails(&site, site.installer_with(&stubs), &format!("{name}' is missing"));
    }
}

#[test]
fn when_a_file_is_in_the_way_of_a_folder() {
    for name in [
        ".claude",
        ".claude/skills",
        ".claude/plugins",
        ".claude/plugins/data/sisyphus/plugin",
        ".local",
    ] {
        let site = Site::new();
        let path = site.home.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        let prefix = format!("could not create '{}", path.display());
        fails(&site, site.installer_with(&site.stubs()), &prefix);
    }
}

/// `install.sh` refuses to run without `HOME` or with arguments that it does not know, and creates nothing.
#[test]
fn no_home_or_unknown_arguments() {
    let site = Site::new();
    let installer = |args: &[&str]| {
        let mut command = site.installer_with(&site.stubs());
        command.args(args);
        command
    };
    let mut homeless = installer(&[]);
    homeless.env_remove("HOME");
    fails(&site, homeless, "HOME is not set");
    fails(&site, installer(&["--unistall"]), "unknown argument '--unistall'; see --help");
    fails(&site, installer(&["--uninstall", "--all"]), "unknown argument '--all'");
    fails(&site, installer(&["--purge"]), "--purge goes with --uninstall");
    let help = succeeds(installer(&["--help"]));
    assert!(help.starts_with("usage: ./install.sh"), "{help}");
    assert!(!site.config().exists());
}

#[test]
fn when_the_script_stands_alone() {
    let site = Site::new();
    let alone = site.path().join("install.sh");
    copy_program(repository().join("install.sh"), &alone);
    fails(&site, site.command(&alone), "plugin.json is not beside this script");
}

/// The oldest client that the installer accepts.
fn oldest_client() -> Vec<u32> {
    let script = fs::read_to_string(repository().join("install.sh")).unwrap();
    let line = script.lines().find_map(|line| line.strip_prefix("CLIENT_MIN=")).unwrap();
    line.split('.').map(|number| number.parse().unwrap()).collect()
}

#[test]
fn when_the_client_is_too_old_and_only_then() {
    let site = Site::new();
    let oldest = oldest_client();
    let [major, minor, patch] = oldest.as_slice() else { panic!("three numbers: {oldest:?}") };
    let claude = |version: String| format!("{version} (Claude Code)");
    for (version, old) in [
        (claude("1.0.44".to_owned()), Some("Claude Code 1.0.44 is too old")),
        (claude(format!("{major}.{minor}.{}", patch - 1)), Some("or newer is needed")),
        (claude(format!("{major}.{minor}.{patch}")), None),
        // As text these would be lower.
        (claude(format!("{major}.{minor}.{}", patch * 10)), None),
        (claude(format!("{major}.{}.0", minor * 10)), None),
        (format!("{}.0.0", major * 10), None),
        (String::new(), None),
        ("a version of my own".to_owned(), None),
    ] {
        let _ = fs::remove_file(site.tools.join("claude"));
        site.script_tool("claude", &format!("echo '{version}'"));
        let command = site.installer_with(&site.stubs());
        match old {
            Some(expected) => fails(&site, command, expected),
            None => drop(succeeds(command)),
        }
        drop(site.uninstall(&[]));
    }
}

#[test]
fn when_the_self_check_fails() {
    let site = Site::new();
    let stubs = site.stubs();
    let broken = "echo one; echo 'sisyphus: the result did not arrive' >&2; exit 1";
    write_script(&stubs.join("sisyphus"), broken);
    let expected =
        "the self-check failed, nothing was changed: sisyphus: the result did not arrive";
    fails(&site, site.installer_with(&stubs), expected);

    // Nor does it take the place of one that works.
    succeeds(site.installer());
    fails(&site, site.installer_with(&stubs), expected);
    let mut demo = site.command(&site.link());
    demo.arg("demo");
    succeeds(demo);
}

#[test]
fn when_a_hook_is_broken() {
    let site = Site::new();
    let broken = site.path().join("broken");
    fs::create_dir(&broken).unwrap();
    for entry in crate::site::BINARIES {
        copy_program(crate::site::built().join(entry), &broken.join(entry));
    }
    write_script(&broken.join("sisyphus-post-tool-use"), "cat >/dev/null; exit 7");
    fails(&site, site.installer_with(&broken), "sisyphus-post-tool-use` ended with exit status: 7");
}
