//! Every command line in the README is one that we know.

use std::fs;
use std::path::Path;

use sisyphus_testing::TestEnv;

use crate::planted::prints;

/// The texts between backticks that begin with our name.
fn command_lines() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = fs::read_to_string(path).unwrap();
    let quoted = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let ours = quoted.filter(|it| it.starts_with("sisyphus ") && !it.contains(':'));
    ours.map(str::to_owned).collect()
}

#[test]
fn every_command_and_option_exists() {
    let env = TestEnv::new();
    let lines = command_lines();
    assert!(lines.len() > 15, "{lines:?}");
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let help = prints(&env, &[words[1], "--help"]);
        let options = words.iter().map(|word| word.trim_matches(['[', ']', ',']));
        for option in options.filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "{option} of `{line}` is not in {help}");
        }
    }
}

#[test]
fn every_command_is_told() {
    let lines = command_lines();
    let help = prints(&TestEnv::new(), &["--help"]);
    let (_, rest) = help.split_once("Commands:\n").unwrap();
    let names = rest.lines().take_while(|line| !line.is_empty()).filter_map(|line| {
        line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?.split_whitespace().next()
    });
    for name in names.filter(|name| *name != "help") {
        let start = format!("sisyphus {name}");
        assert!(lines.iter().any(|line| line.starts_with(&start)), "{name}");
    }
}
