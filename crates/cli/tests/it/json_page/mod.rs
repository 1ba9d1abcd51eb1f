//! `docs/json.md` and what `--json` prints are held equal, in both directions.

mod cases;
mod page;
mod printed;

use std::collections::BTreeSet;

use serde_json::Value;
use sisyphus_testing::TestEnv;

use crate::planted::prints;
use page::Page;
use printed::Printed;

/// What the page names and this test can't plant, and why.
const NOT_PLANTED: [(&str, &str, &str); 3] = [
    ("notify", "route desktop", "needs a desktop; the tests of the notifier have one"),
    ("statusline", "band[].tone good", "the band shows what is live or failed"),
    ("statusline", "band[].tone other", "the band shows what is live or failed"),
];

/// A command, and a function that gets its answer in every way that can be planted.
type Answers = (&'static str, fn() -> Vec<Value>);

/// The page about JSON names every field that the commands print, and no other.
#[test]
fn the_page_has_every_printed_field() {
    let page = Page::read();
    let all: [Answers; 12] = [
        ("list", cases::list),
        ("show", cases::show),
        ("wait", cases::wait),
        ("cancel", cases::cancel),
        ("clean", cases::clean),
        ("stats", cases::stats),
        ("timeline", cases::timeline),
        ("events", cases::events),
        ("statusline", cases::statusline),
        ("config", cases::config),
        ("doctor", cases::doctor),
        ("notify", cases::notify),
    ];
    let mut wrong = Vec::new();
    for (command, answers) in all {
        let fields = page.fields(command);
        let mut printed = Printed::default();
        for answer in answers() {
            printed.look(&fields, &answer);
        }
        wrong.extend(printed.wrong.iter().map(|it| format!("{command}: {it}")));
        let excused: BTreeSet<String> = NOT_PLANTED
            .iter()
            .filter(|(of, ..)| *of == command)
            .map(|(_, what, _)| (*what).to_owned())
            .collect();
        let unseen = printed.unseen(&fields);
        let never = unseen.difference(&excused);
        wrong.extend(
            never.map(|it| format!("{command}: {it} is on the page, but never printed here")),
        );
        let needless = excused.difference(&unseen);
        wrong.extend(needless.map(|it| format!("{command}: {it} needs no excuse")));
    }
    let told: BTreeSet<&str> = all.iter().map(|(command, _)| *command).collect();
    assert_eq!(page.commands().iter().map(String::as_str).collect::<BTreeSet<_>>(), told);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_command_that_prints_json_has_a_section() {
    let env = TestEnv::new();
    let help = prints(&env, &["--help"]);
    let (_, rest) = help.split_once("Commands:\n").unwrap();
    let lines = rest.lines().take_while(|line| !line.is_empty());
    // A line that is indented further continues the line before.
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names = names.filter(|name| !name.is_empty() && *name != "help");
    let with_json = names.filter(|name| prints(&env, &[name, "--help"]).contains("--json"));
    assert_eq!(with_json.map(str::to_owned).collect::<BTreeSet<_>>(), Page::read().commands());
}
