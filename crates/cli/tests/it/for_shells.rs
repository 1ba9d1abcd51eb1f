//! `sisyphus completions`, `sisyphus man`, and what help says.

use std::fs;

use sisyphus_testing::{TestEnv, env};

use crate::planted::{assert_fails, prints};

/// The commands that `--help` names.
fn commands(env: &TestEnv) -> Vec<String> {
    let help = prints(env, &["--help"]);
    let (_, rest) = help.split_once("Commands:\n").unwrap();
    let lines = rest.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn bash_completes_commands_and_options() {
    let env = TestEnv::new();
    fs::write(env.project().join("c.sh"), prints(&env, &["completions", "bash"])).unwrap();
    for (words, expected) in [
        ("sisyphus li", "list"),
        ("sisyphus statu", "statusline"),
        ("sisyphus list --wa", "--watch"),
        ("sisyphus completions fi", "fish"),
    ] {
        let mut command = env.plain("bash");
        let script = format!(
            "source c.sh; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); \
             _sisyphus sisyphus \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             echo \"${{COMPREPLY[@]}}\""
        );
        command.args(["--norc", "-c", &script]);
        let output = env::run(command, b"");
        assert_eq!(output.stdout.trim(), expected, "{words}: {output:?}");
    }
}

#[test]
fn fish_completes_commands_and_options() {
    let env = TestEnv::new();
    fs::write(env.project().join("c.fish"), prints(&env, &["completions", "fish"])).unwrap();
    for (words, expected) in [
        ("sisyphus li", "list"),
        ("sisyphus statu", "statusline"),
        ("sisyphus list --wa", "--watch"),
    ] {
        let mut fish = env.plain("fish");
        let script = format!("source c.fish; complete --do-complete '{words}'");
        fish.args(["--no-config", "--command", &script]);
        let output = env::run(fish, b"");
        // Behind a tab stands what it is.
        let completed = output.stdout.split('\t').next();
        assert_eq!(completed, Some(expected), "{words}: {output:?}");
    }
}

#[test]
fn zsh_completes_commands_and_options() {
    let env = TestEnv::new();
    fs::write(env.project().join("c.zsh"), prints(&env, &["completions", "zsh"])).unwrap();
    for (words, expected) in [
        ("sisyphus li", "sisyphus list "),
        ("sisyphus statu", "sisyphus statusline "),
        ("sisyphus list --wa", "sisyphus list --watch "),
        ("sisyphus completions fi", "sisyphus completions fish "),
    ] {
        // zsh completes only in its line editor, which needs a terminal. A key then writes the edited line to a file.
        let script = format!(
            "zmodload zsh/zpty; zpty shell zsh -f -i; \
             zpty -w shell 'autoload compinit; compinit -u -D; source c.zsh; PS1=; \
             tell() {{ print -r -- \"<$BUFFER>\" > told; exit }}; zle -N tell; bindkey ^X tell'; \
             zpty -w -n shell $'{words}\\t\\x18'; \
             while zpty -r shell line; do :; done; zpty -d shell; cat told"
        );
        let mut zsh = env.plain("zsh");
        zsh.args(["-f", "-c", &script]);
        let output = env::run(zsh, b"");
        assert_eq!(output.stdout.trim_end(), format!("<{expected}>"), "{words}: {output:?}");
    }
}

#[test]
fn the_scripts_for_other_shells_name_every_command() {
    let env = TestEnv::new();
    for shell in ["zsh", "fish"] {
        let script = prints(&env, &["completions", shell]);
        for command in commands(&env) {
            assert!(script.contains(&command), "{shell}: {command}");
        }
    }
    fs::write(env.project().join("c.zsh"), prints(&env, &["completions", "zsh"])).unwrap();
    let mut zsh = env.plain("zsh");
    zsh.args(["-f", "-n", "c.zsh"]);
    let output = env::run(zsh, b"");
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert_eq!(env.run("sisyphus", &["completions", "csh"]).code, Some(2));
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let env = TestEnv::new();
    // A newcomer has no such folder yet.
    let dir = env.project().join("share/man/man1");
    let listed = prints(&env, &["man", dir.to_str().unwrap()]);
    let pages = commands(&env).into_iter().filter(|name| name != "help");
    let names: Vec<String> = pages.map(|name| format!("sisyphus-{name}")).collect();
    assert_eq!(listed.lines().count(), names.len() + 1, "{listed}");
    for name in names.iter().map(String::as_str).chain(["sisyphus"]) {
        let page = fs::read_to_string(dir.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(&format!(".TH {name} 1")), "{name}: {page}");
        for expected in [".SH NAME", ".SH SYNOPSIS", ".SH \"EXIT STATUS\"", "124"] {
            assert!(page.contains(expected), "{expected} in {name}: {page}");
        }
    }
    let file = dir.join("sisyphus.1");
    assert_fails(&env.run("sisyphus", &["man", file.to_str().unwrap()]), 1, "could not create");
}

#[test]
fn help_names_the_exit_codes() {
    let help = prints(&TestEnv::new(), &["--help"]);
    for code in ["  0 ", "  1 ", "  2 ", "  124 "] {
        assert!(help.contains(code), "{help}");
    }
}
