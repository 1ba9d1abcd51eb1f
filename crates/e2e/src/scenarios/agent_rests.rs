//! With one slot, an agent starts a background command and stops. The command has to wait for the slot of the agent,
//! which waits for the command. The agent gives its slot away while it rests, so both finish.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::api::{Api, Request, text, tool};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

const LIMIT: Duration = Duration::from_secs(30);
const PROMPT: &str = "SUBTASK build it";
const RESULT: &str = "the agent has built it";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let settings = json!({ "sisyphus": { "max_background_tasks": 1 } });
    let home = stage.home("home", &Setup::with_plugin().settings(settings))?;
    let api = Api::start(&home.folder.join("api"), |request, number| {
        if is_agents(request) {
            return match request.tool_results().len() {
                0 => vec![tool(
                    "Bash",
                    json!({ "command": "echo built; exit 3", "description": "build", "run_in_background": true }),
                )],
                _ if request.text().contains("with exit code 3") => vec![text(RESULT)],
                _ => vec![text("I wait for the build.")],
            };
        }
        let agent =
            json!({ "description": "build", "prompt": PROMPT, "subagent_type": "general-purpose" });
        if number == 0 { vec![tool("Agent", agent)] } else { vec![text("I see.")] }
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("go")?;
    let is_over = |request: &Request| !is_agents(request) && request.text().contains(RESULT);
    api.wait_for("the agent's result", LIMIT, |requests| {
        requests.iter().any(is_over).then_some(())
    })?;
    api.wait_until_quiet(Duration::from_secs(2), LIMIT)?;
    session.finish()?;
    let listed = home.sisyphus(&["list"])?;
    let ended = ["failed(3)", "completed"].map(|state| listed.contains(state));
    ensure!(ended == [true, true], "the command and the agent are not over:\n{listed}");
    Ok(())
}

fn is_agents(request: &Request) -> bool {
    request.body["messages"][0].to_string().contains(PROMPT)
}
