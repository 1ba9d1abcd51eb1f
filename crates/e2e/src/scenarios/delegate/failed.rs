//! What can go wrong with a session is said at once, or with its result: an unknown agent, an unknown session, a budget,
//! no repository, a prompt of nothing, of a NUL, of quotes and of a megabyte.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{
    delegated, listed, ours, search, session_of, settled, setup, turn, wait_for_ends, wait_for_own,
};
use crate::api::{Api, Block, Request, text};
use crate::session::Session;
use crate::stage::Stage;

const UNKNOWN: &str = "5e551011-0000-4000-8000-000000000404";
const QUOTED: &str = "it's \"this\" & $HOME `x`\n$(y)";
/// Nearly a megabyte, which a prompt may have.
const LONG: usize = 999_000;

/// Each call, and what its error says; `None` for a call that is accepted.
fn calls() -> Vec<(Value, Option<&'static str>)> {
    let with = |fields: Value| {
        let mut call = json!({ "description": "d", "prompt": "SESSION one please" });
        call.as_object_mut()
            .unwrap_or(&mut serde_json::Map::new())
            .extend(fields.as_object().cloned().unwrap_or_default());
        call
    };
    let long = format!("SESSION long please {}", "x".repeat(LONG));
    vec![
        (with(json!({ "session_id": UNKNOWN })), Some("no session")),
        (with(json!({ "prompt": "" })), Some("prompt")),
        (with(json!({ "prompt": "SESSION nul \u{0} please" })), Some("prompt")),
        (with(json!({ "prompt": "x".repeat(1_100_000) })), Some("prompt")),
        (with(json!({ "max_budget_usd": -1 })), Some("max_budget_usd")),
        (with(json!({ "category": "visual" })), Some("category")),
        (with(json!({ "worktree": "../up" })), Some("worktree")),
        (with(json!({ "description": "stranger", "agent": "no-such-agent" })), None),
        (
            with(
                json!({ "description": "poor", "prompt": "SESSION poor please", "max_budget_usd": 0.0001 }),
            ),
            None,
        ),
        (
            with(
                json!({ "description": "quoted", "prompt": format!("SESSION quoted please: {QUOTED}") }),
            ),
            None,
        ),
        (with(json!({ "description": "long", "prompt": long })), None),
    ]
}

fn script(request: &Request, _: usize) -> Vec<Block> {
    let Some(name) = session_of(request) else {
        return match turn(request) {
            0 => vec![search()],
            1 => calls().into_iter().map(|(call, _)| ours("delegate_task", call)).collect(),
            _ => vec![text("Noted.")],
        };
    };
    let prompt = request.text();
    match name.as_str() {
        "quoted" if !prompt.contains(QUOTED) => vec![text("Garbled.")],
        "long" if !prompt.contains(&"x".repeat(LONG)) => vec![text("Shortened.")],
        "poor" if request.tool_results().len() < 4 => {
            vec![crate::api::bash("true")]
        }
        name => vec![text(format!("Answer of {name}."))],
    }
}

pub(in crate::scenarios) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(5))?;
    let api = Api::start(&home.folder.join("api"), script)?;
    let mut session = Session::idle(&home, &api, &[])?;
    session.send("go")?;
    let answered = wait_for_own(&api, 2)?;
    let results = answered.tool_results();
    let results: Vec<_> = results.iter().filter(|it| it.id.starts_with("toolu_0001")).collect();
    // Ids sort as texts: with more than ten calls the order is not theirs.
    for (number, (call, error)) in calls().iter().enumerate() {
        let Some(error) = error else { continue };
        let id = format!("_{number}");
        let result = results.iter().find(|it| it.id.ends_with(&id));
        let is_refused = result.is_some_and(|it| it.is_error && it.text.contains(error));
        ensure!(is_refused, "{call} was answered with {result:?}");
    }
    ensure!(delegated(&answered).len() == 4, "accepted: {:?}", delegated(&answered));
    let all = wait_for_ends(&home, 4)?;
    let end = |it: &Value| {
        let word = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
        format!("{} {}", word("description"), word("status"))
    };
    let mut ends: Vec<String> = all.iter().map(end).collect();
    ends.sort();
    let expected = ["long completed", "poor failed", "quoted completed", "stranger failed"];
    ensure!(ends == expected, "the ends: {ends:?}");
    session.send("what came of them?")?;
    let said = settled(&api)?.reminders().join("\n");
    for words in ["not found", "budget", "Answer of quoted.", "Answer of long."] {
        ensure!(said.contains(words), "no `{words}` in {said}");
    }
    session.finish()?;
    without_repository(stage)
}

/// A worktree of a folder that is in no repository is refused, and nothing is started.
fn without_repository(stage: &Stage) -> Result<()> {
    // Every folder of the stage is in our own repository.
    let outside = Outside(std::env::temp_dir().join(format!("sisyphus-{}", std::process::id())));
    let home = stage.home(&outside.0.display().to_string(), &setup(5))?;
    std::fs::remove_dir_all(home.project.join(".git"))?;
    let api = Api::start(&home.folder.join("api"), |request, _| match turn(request) {
        0 => vec![search()],
        1 => {
            let prompt = "SESSION one please";
            let call = json!({ "description": "d", "prompt": prompt, "worktree": true });
            vec![ours("delegate_task", call)]
        }
        _ => vec![text("Noted.")],
    })?;
    let mut session = Session::idle(&home, &api, &[])?;
    session.send("go")?;
    let result = wait_for_own(&api, 2)?.tool_results().pop();
    let is_refused =
        result.as_ref().is_some_and(|it| it.is_error && it.text.contains("in no git repository"));
    ensure!(is_refused, "it was answered with {result:?}");
    ensure!(listed(&home)?.is_empty(), "a session was started");
    session.finish()
}

/// A folder outside of the stage. It is removed when this is dropped.
struct Outside(PathBuf);

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
