//! A call that waits is answered with the result. It then counts as delivered.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{ours, search, session_of, settled, setup, turn, wait_for_own};
use crate::api::{Api, text};
use crate::session::Session;
use crate::stage::Stage;

const AGENT: &str = "sisyphus:frontend-engineer";

pub(in crate::scenarios) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(5))?;
    let api = Api::start(&home.folder.join("api"), |request, _| match session_of(request) {
        Some(name) => vec![text(format!("Answer of {name}."))],
        None => match turn(request) {
            0 => vec![search()],
            1 => vec![ours(
                "delegate_task",
                json!({
                    "description": "one", "prompt": "SESSION one please",
                    "run_in_background": false, "subagent_type": AGENT,
                }),
            )],
            _ => vec![text("Noted.")],
        },
    })?;
    let mut session = Session::idle(&home, &api, &[])?;
    session.send("go")?;
    let answered = wait_for_own(&api, 2)?;
    let result = answered.tool_results().pop();
    let result = result.filter(|it| !it.is_error).map(|it| it.text).unwrap_or_default();
    let data: Value = serde_json::from_str(&result).unwrap_or_default();
    ensure!(
        data["answer"] == "Answer of one." && data["agent"] == AGENT,
        "it was answered with {result}"
    );
    session.send("and now?")?;
    let last = settled(&api)?;
    ensure!(last.reminders().is_empty(), "it was delivered again: {:?}", last.reminders());
    session.finish()
}
