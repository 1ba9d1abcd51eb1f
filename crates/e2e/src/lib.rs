//! Scenarios with the real Claude Code and a scripted model, from the user's point of view.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool of the build talks to a person"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a tool of the build is not a hook: it may write, sleep and read the environment"
)]

mod api;
mod client;
mod home;
mod inspector;
mod leftovers;
mod mask;
mod namespace;
mod news;
mod old_version;
mod pictures;
mod runs;
mod scenarios;
mod session;
mod stage;
mod transcript;
mod trial;
mod tui;
mod wait;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use sisyphus_harness::{plugin, repository};

use scenarios::rewriting_plugin::{REWRITE_HOOK, answer_as_rewriting_hook};
use scenarios::{Runs, SCENARIOS, Scenario};

/// Runs the scenarios that the arguments name; without a name all but those that run only by name.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    if arguments.first().is_some_and(|word| word == REWRITE_HOOK) {
        return answer_as_rewriting_hook();
    }
    if let Some(code) = trial::asked(arguments)? {
        return Ok(code);
    }
    if let Some(code) = pictures::asked(arguments)? {
        return Ok(code);
    }
    let named = news::with_version(arguments)?;
    let arguments = named.as_deref().unwrap_or(arguments);
    let choice = Choice::parse(arguments)?;
    if choice.lists {
        for scenario in &choice.scenarios {
            println!("{}", scenario.name);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !choice.is_inside {
        prepare(&choice)?;
        if let Some(code) = namespace::run_inside(arguments)? {
            return Ok(code);
        }
    }
    if choice.news == News::Printed {
        news::print(choice.client)?;
    }
    let client = client::fetch(&repository::target()?, choice.client)?;
    let code = runs::run_all(&choice.scenarios, &client, choice.jobs, choice.leftovers);
    for scenario in &choice.left_out {
        println!("left out: `{0}`; `cargo xtask e2e {0}` runs it", scenario.name);
    }
    Ok(code)
}

/// Downloads what the scenarios need while the network is still available.
fn prepare(choice: &Choice) -> Result<()> {
    let target = repository::target()?;
    // First: a checkout without that commit says so before anything is built.
    if choice.scenarios.iter().any(|scenario| scenario.name == old_version::NEEDED_BY) {
        old_version::build(&repository::root()?, &target)?;
    }
    client::fetch(&target, choice.client)?;
    if choice.news == News::Printed {
        client::fetch(&target, client::Version::pinned()?)?;
    }
    if choice.scenarios.iter().any(|scenario| scenario.needs_plugin) {
        plugin::build(&repository::root()?, &target)?;
    }
    if choice.scenarios.iter().any(|scenario| scenario.name == inspector::NEEDED_BY) {
        inspector::fetch(&target)?;
    }
    Ok(())
}

/// What happens to the folder of a scenario that passed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leftovers {
    Remove,
    Keep,
}

/// How much is run without a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Short,
    Full,
}

/// Whether another version is compared with the pinned one first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    Unasked,
    Printed,
}

struct Choice {
    scenarios: Vec<&'static Scenario>,
    /// What runs only by name, if there is no name.
    left_out: Vec<&'static Scenario>,
    jobs: usize,
    leftovers: Leftovers,
    client: client::Version,
    news: News,
    lists: bool,
    is_inside: bool,
}

impl Choice {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut names = Vec::new();
        let mut length = Length::Full;
        let mut choice = Self {
            scenarios: Vec::new(),
            left_out: Vec::new(),
            jobs: 1,
            leftovers: Leftovers::Remove,
            client: client::Version::pinned()?,
            news: News::Unasked,
            lists: false,
            is_inside: false,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--list" => choice.lists = true,
                "--keep" => choice.leftovers = Leftovers::Keep,
                "--short" => length = Length::Short,
                news::NEWS => choice.news = News::Printed,
                client::CLIENT => {
                    choice.client = words.next().context("`--client` needs a version")?.parse()?;
                }
                namespace::INSIDE => choice.is_inside = true,
                "--jobs" => {
                    let number = words.next().context("`--jobs` needs a number")?;
                    choice.jobs = number
                        .parse()
                        .with_context(|| format!("`{number}` is not a number of jobs"))?;
                    ensure!(choice.jobs > 0, "`--jobs` starts at 1");
                }
                option if option.starts_with('-') => {
                    bail!("`{option}` is not an option of `cargo xtask e2e`")
                }
                name => names.push(name),
            }
        }
        let is_named = |scenario: &&Scenario| {
            (length == Length::Full || scenario.is_short) && names.is_empty()
                || names.iter().any(|name| scenario.name.contains(name))
        };
        choice.scenarios = SCENARIOS.iter().filter(is_named).collect();
        if names.is_empty() && !choice.lists {
            let runs = |scenario: &&Scenario| scenario.runs == Runs::Always;
            (choice.scenarios, choice.left_out) = choice.scenarios.into_iter().partition(runs);
        }
        ensure!(
            !choice.scenarios.is_empty(),
            "no scenario is named like {names:?}; `--list` shows all"
        );
        Ok(choice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> (Vec<&'static str>, Vec<&'static str>) {
        let arguments: Vec<String> = arguments.iter().map(|&it| it.to_owned()).collect();
        let choice = Choice::parse(&arguments).unwrap();
        let names = |scenarios: &[&Scenario]| scenarios.iter().map(|it| it.name).collect();
        (names(&choice.scenarios), names(&choice.left_out))
    }

    #[test]
    fn what_takes_long_runs_only_by_name() {
        let (plain, left_out) = names(&[]);
        assert!(plain.contains(&"validate") && !plain.contains(&"upgrade"), "{plain:?}");
        assert_eq!(left_out, ["upgrade"]);
        assert_eq!(names(&["upgrade"]), (vec!["upgrade"], vec![]));
        let (listed, left_out) = names(&["--list"]);
        assert_eq!((listed.len(), left_out.len()), (SCENARIOS.len(), 0));
        let (short, left_out) = names(&["--client", "2.1.258", "--short"]);
        assert!(short.contains(&"queue") && !short.contains(&"twins"), "{short:?}");
        assert_eq!(left_out, Vec::<&str>::new());
    }
}
