//! Ultrawork by command and by word: the request holds the skill's text and the current numbers, once each. A notice or
//! a pasted log with the word adds neither.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::api::{Api, Request, bash, text};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;
use crate::tui::Tui;
use crate::wait;

const LIMIT: Duration = Duration::from_secs(20);
/// Everything of this task contains the word: name, output, notice.
const HELD: &str = "touch held; until [ -e stop ]; do sleep 0.1; done; echo 'ulw: do it'; exit 3";
const LOG: &str = "2026-11-21 07:13:12 INFO start\n2026-11-21 07:13:13 INFO ultrawork mode on\nulw ready\n\
                   2026-11-21 07:13:14 ERROR no\n2026-11-21 07:13:15 INFO end";
const LINE: &str = "[sisyphus] Ultrawork: at most 3 background tasks at once, over all sessions; ";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let instructions = instructions(stage)?;
    let settings = json!({ "sisyphus": { "max_background_tasks": 3 } });
    let home = stage.home("home", &Setup::with_plugin().settings(settings))?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![bash(HELD).description("ulw ultrawork").background()],
        _ => vec![text("I see.")],
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("hold")?;
    answered(&api, 2)?;
    wait::until_true("the command to run", LIMIT, || home.project.join("held").exists())?;

    let now = format!("{LINE}running now: 1, queued: 0, can start now: 2.");
    let prompts =
        ["/ultrawork refactor the API", "/sisyphus:ultrawork add tests", "ulw: refactor the API"];
    for (number, prompt) in (1..).zip(prompts) {
        session.send(prompt)?;
        let request = answered(&api, 2 + number)?;
        said(&request, &instructions, &now, number).with_context(|| format!("after `{prompt}`"))?;
        if prompt.starts_with('/') {
            let (_, rest) = prompt.split_once(' ').context("a command with arguments")?;
            ensure!(
                request.text().contains(&format!("ARGUMENTS: {rest}")),
                "the arguments are lost"
            );
        }
    }

    // From here on nothing is added.
    let pasted = format!("why does this fail?\n\n{LOG}");
    let prompts = [
        pasted.as_str(),
        "what does `ulw` do in src/ulw.rs?",
        "/context ulw",
        "and \"ultrawork\"?",
    ];
    for prompt in prompts {
        session.send(prompt)?;
    }
    fs::write(home.project.join("stop"), "")?;
    let told = |request: &Request| {
        request
            .reminders()
            .iter()
            .any(|it| it.contains("(\"ulw ultrawork\") failed with exit code 3 after"))
    };
    api.wait_for("the reminder", LIMIT, |requests| requests.iter().any(told).then_some(()))?;
    session.send("what is left?")?;
    let last = api.wait_for("our own turn", LIMIT, |requests| {
        requests.iter().find(|request| request.text().contains("what is left?")).cloned()
    })?;
    let everything = last.text();
    for prompt in ["07:13:14 ERROR no", "src/ulw.rs?", "and \"ultrawork\"?", "| ulw: do it"] {
        ensure!(everything.contains(prompt), "`{prompt}` is not in the request");
    }
    said(&last, &instructions, &now, 3).context("after prompts without the word")?;
    session.finish()
}

/// The same in the terminal, where what is pasted is marked.
pub(super) fn run_in_tui(stage: &Stage) -> Result<()> {
    let instructions = instructions(stage)?;
    let settings = json!({ "sisyphus": { "max_background_tasks": 3 } });
    let home = stage.home("home", &Setup::with_plugin().settings(settings))?;
    let api =
        Api::start(&home.folder.join("api"), |_, number| vec![text(format!("Answer {number}."))])?;
    let tui = Tui::start(&home, &api, &[])?;
    let now = format!("{LINE}running now: 0, queued: 0, can start now: 3.");

    tui.say("/ultrawork refactor the API")?;
    said(&answered(&api, 1)?, &instructions, &now, 1).context("by the command")?;
    tui.wait_for_screen("Answer 0.")?;
    tui.say("ulw: refactor the API")?;
    said(&answered(&api, 2)?, &instructions, &now, 2).context("by the word")?;
    tui.wait_for_screen("Answer 1.")?;

    // No line of it looks pasted.
    let pasted = "starting\nand then ultrawork\nand then this\nand that\nulw\n";
    tui.paste("why is that: ", pasted)?;
    tui.wait_for_screen("[Pasted text #1")?;
    tui.confirm()?;
    let last = answered(&api, 3)?;
    ensure!(
        last.text().contains("and then ultrawork\nand then this"),
        "the paste is not in the request"
    );
    said(&last, &instructions, &now, 2).context("by a paste")
}

/// The skill's text as Claude Code shows it.
fn instructions(stage: &Stage) -> Result<String> {
    let file = stage.root.join("skills/ultrawork/SKILL.md");
    let skill = fs::read_to_string(&file)
        .with_context(|| format!("could not read `{}`", file.display()))?;
    let (_, text) = skill.split_once("\n---\n").context("the skill has no front matter")?;
    Ok(text.trim().to_owned())
}

/// The request of this number, from 1.
fn answered(api: &Api, number: usize) -> Result<Request> {
    api.wait_for(&format!("request {number}"), LIMIT, |requests| requests.get(number - 1).cloned())
}

/// Checks that the text and the line are in the whole conversation that many times.
fn said(request: &Request, instructions: &str, line: &str, times: usize) -> Result<()> {
    let everything = request.text();
    let texts = everything.matches(instructions).count();
    ensure!(texts == times, "the skill's text stands {texts} times in the request, not {times}");
    let titles = everything.matches("# Ultrawork").count();
    ensure!(titles == times, "its title stands {titles} times in the request, not {times}");
    let lines = everything.matches(line).count();
    let others = everything.matches(LINE).count();
    ensure!(
        lines == times && others == times,
        "`{line}` stands {lines} times in the request, one of its kind {others} times, not {times}"
    );
    Ok(())
}
