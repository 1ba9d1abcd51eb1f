//! `sisyphus completions`, `sisyphus man`, and what help says.

use std::fs;

use sisyphus_testing::{TestEnv, env};

use crate::planted::{assert_fails, ended, plant, prints, running};

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
    let below = ["get", "set", "unset"].map(|name| format!("config-{name}"));
    let names: Vec<String> = pages.chain(below).map(|name| format!("sisyphus-{name}")).collect();
    assert_eq!(listed.lines().count(), names.len() + 1, "{listed}");
    for name in names.iter().map(String::as_str).chain(["sisyphus"]) {
        let page = fs::read_to_string(dir.join(format!("{name}.1"))).unwrap();
        let plain = page.replace("\\-", "-");
        let others = plain.split_whitespace().filter_map(|word| word.strip_suffix("(1)"));
        for other in others.filter(|it| it.starts_with("sisyphus")) {
            assert!(dir.join(format!("{other}.1")).is_file(), "{name} names {other}");
        }
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

/// Some tasks, and our program on `PATH`.
fn with_tasks() -> TestEnv {
    let env = TestEnv::new();
    plant(&env, "active.json", &[running("t1live", "serve: the $(docs)")]);
    plant(&env, "completed.json", &[ended("t2over", "build 'it'", 1)]);
    env
}

fn on_path(env: &TestEnv) -> String {
    let program = env.command("sisyphus").get_program().to_owned();
    let folder = std::path::Path::new(&program).parent().unwrap().to_owned();
    format!("PATH={}:$PATH", folder.display())
}

/// The ids of tasks, with what they are, and the keys of settings.
#[test]
fn candidates_are_tasks_and_keys() {
    let env = with_tasks();
    let of = |what| prints(&env, &["candidates", what]);
    let (live, over) = ("t1live\trunning: serve: the $(docs)\n", "t2over\tcompleted: build 'it'\n");
    assert_eq!(of("tasks"), format!("{live}{over}"));
    assert_eq!((of("live").as_str(), of("ended").as_str()), (live, over));
    assert!(of("keys").contains("max_background_tasks\t"));
    assert!(!prints(&env, &["--help"]).contains("candidates"));
}

#[test]
fn bash_completes_tasks_and_keys() {
    let env = with_tasks();
    fs::write(env.project().join("c.sh"), prints(&env, &["completions", "bash"])).unwrap();
    let listing = "t1live  running: serve: the $(docs)|t2over  completed: build 'it'|";
    for (words, kind, expected) in [
        ("sisyphus show t2", 9, "t2over|"),
        ("sisyphus show t", 63, listing),
        ("sisyphus wait t1live t", 9, "t1live|t2over|"),
        ("sisyphus cancel t", 63, "t1live|"),
        ("sisyphus restart t", 9, "t2over|"),
        ("sisyphus run --after t", 9, "t1live|"),
        ("sisyphus config set max_b", 9, "max_background_tasks|"),
        ("sisyphus config get max_b", 9, "max_background_tasks|"),
    ] {
        let mut command = env.plain("bash");
        let script = format!(
            "{}; source c.sh; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); COMP_TYPE={kind}; \
             _sisyphus_all sisyphus \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             printf '%s|' \"${{COMPREPLY[@]}}\"; complete -p sisyphus >&2",
            on_path(&env)
        );
        command.args(["--norc", "-c", &script]);
        let output = env::run(command, b"");
        assert_eq!(output.stdout, expected, "{words}: {output:?}");
        assert!(output.stderr.contains("-F _sisyphus_all sisyphus"), "{output:?}");
    }
}

#[test]
fn fish_completes_tasks_and_keys() {
    let env = with_tasks();
    fs::write(env.project().join("c.fish"), prints(&env, &["completions", "fish"])).unwrap();
    let (live, over) = ("t1live\trunning: serve: the $(docs)\n", "t2over\tcompleted: build 'it'\n");
    for (words, expected) in [
        ("sisyphus show t2", over.to_owned()),
        ("sisyphus show t", format!("{live}{over}")),
        ("sisyphus cancel t", live.to_owned()),
        ("sisyphus restart t", over.to_owned()),
        ("sisyphus run --after t", live.to_owned()),
    ] {
        let mut fish = env.plain("fish");
        let script = format!(
            "set -x {}; source c.fish; complete --do-complete '{words}'",
            on_path(&env).replacen('=', " ", 1).replace(":$PATH", " $PATH")
        );
        fish.args(["--no-config", "--command", &script]);
        let output = env::run(fish, b"");
        assert_eq!(output.stdout, expected, "{words}: {output:?}");
    }
}

#[test]
fn zsh_completes_tasks_and_keys() {
    let env = with_tasks();
    fs::write(env.project().join("c.zsh"), prints(&env, &["completions", "zsh"])).unwrap();
    for (words, expected) in [
        ("sisyphus show t2", "sisyphus show t2over "),
        ("sisyphus wait t1live t2", "sisyphus wait t1live t2over "),
        ("sisyphus cancel t", "sisyphus cancel t1live "),
        ("sisyphus restart t", "sisyphus restart t2over "),
        ("sisyphus run --after t", "sisyphus run --after t1live "),
        ("sisyphus config set max_b", "sisyphus config set max_background_tasks "),
        ("sisyphus config get max_b", "sisyphus config get max_background_tasks "),
    ] {
        let script = format!(
            "export {}; zmodload zsh/zpty; zpty shell zsh -f -i; \
             zpty -w shell 'autoload compinit; compinit -u -D; source c.zsh; PS1=; \
             tell() {{ print -r -- \"<$BUFFER>\" > told; exit }}; zle -N tell; bindkey ^X tell'; \
             zpty -w -n shell $'{words}\\t\\x18'; \
             while zpty -r shell line; do :; done; zpty -d shell; cat told",
            on_path(&env)
        );
        let mut zsh = env.plain("zsh");
        zsh.args(["-f", "-c", &script]);
        let output = env::run(zsh, b"");
        assert_eq!(output.stdout.trim_end(), format!("<{expected}>"), "{words}: {output:?}");
    }
}

#[test]
fn help_has_examples() {
    let env = TestEnv::new();
    for name in ["list", "show", "output", "wait", "cancel", "run", "restart"] {
        let help = prints(&env, &[name, "--help"]);
        let (_, examples) = help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{help}"));
        assert!(examples.starts_with(&format!("  sisyphus {name} ")), "{help}");
    }
}
