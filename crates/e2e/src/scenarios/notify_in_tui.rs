//! Without a desktop the terminal shows the notification, which a hook's answer carries to it.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::reminder_mid_turn::{SAW_IT_END, idle_until_the_end};
use crate::home::Setup;
use crate::stage::Stage;
use crate::tui::Tui;
use crate::wait;

/// Each terminal with its variable, and the beginning and the end of the sequence that it receives.
const TERMINALS: [(&str, &str, &str, &str); 4] = [
    (
        "iterm",
        "TERM_PROGRAM=iTerm.app",
        "\u{1b}]9;✖ run the tests failed with exit code 3 · project: ",
        "\u{7}",
    ),
    (
        "wezterm",
        "TERM_PROGRAM=WezTerm",
        "\u{1b}]777;notify;✖ run the tests failed with exit code 3 · project;",
        "\u{7}",
    ),
    (
        "kitty",
        "KITTY_WINDOW_ID=1",
        "\u{1b}]99;;✖ run the tests failed with exit code 3 · project: ",
        "\u{1b}\\",
    ),
    ("other", "COLORTERM=truecolor", "\u{7}", "\u{7}"),
];

pub(super) fn run(stage: &Stage) -> Result<()> {
    for (label, variable, begin, end) in TERMINALS {
        let home = stage.home(label, &Setup::with_plugin())?;
        let api = idle_until_the_end(&home)?;
        let tui = Tui::start_with(&home, &api, &[], &[variable])?;
        let record = home.folder.join("terminal");
        tui.record(&record)?;
        tui.say("run the tests")?;
        wait::until(&format!("{label}: the notification"), Duration::from_secs(20), || {
            let sent = fs::read(&record).unwrap_or_default();
            let sent = String::from_utf8_lossy(&sent).into_owned();
            let told = sent.split_once(begin).map(|(_, rest)| rest.to_owned());
            if begin == end {
                return Ok(outside_sequences(&sent).contains(begin).then_some(sent));
            }
            Ok(told.filter(|rest| rest.contains(end)))
        })?;
        tui.wait_for_screen(SAW_IT_END)?;
        let sent = String::from_utf8_lossy(&fs::read(&record)?).into_owned();
        if begin != end {
            ensure!(sent.matches(begin).count() == 1, "{label}: notified more than once");
        }
    }
    Ok(())
}

/// The rest without the sequences that set a title and the like, which a bell may end.
fn outside_sequences(sent: &str) -> String {
    let mut parts = sent.split("\u{1b}]");
    let mut left = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(['\u{7}', '\u{1b}']).map_or(part.len(), |end| end + 1);
        left.push_str(&part[end..]);
    }
    left
}
