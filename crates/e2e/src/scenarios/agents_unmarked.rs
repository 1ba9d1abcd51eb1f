//! The limit of agents does not depend on the module that marks the waiting ones: it is the same with a module that
//! throws, without the file, and if the user wants no marks. `/clear` changes nothing of the queue either.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::agents_in_line::{AGENTS, api, finish, home, live, queued, two_work, was_started};
use crate::home::Home;
use crate::stage::Stage;
use crate::tui::Tui;
use crate::wait;

const LIMIT: Duration = Duration::from_secs(30);
/// How long a mark would take to come at most: the module asks once a second.
const MARK: Duration = Duration::from_secs(3);
const THROWS: &str = "export function register(on) {
  on('ui.render', { component: 'AgentRow' }, async () => { throw new Error('broken'); });
}
";

/// What keeps the marks away.
#[derive(Debug, Clone, Copy)]
enum Obstacle {
    Throws,
    Missing,
    SwitchedOff,
}

impl Obstacle {
    fn put(self, home: &Home) -> Result<()> {
        let module = home.plugin().join("hooks/register.js");
        let put = match self {
            Self::Throws => fs::write(module, THROWS),
            Self::Missing => fs::remove_file(module),
            Self::SwitchedOff => {
                let own = json!({ "max_background_tasks": 2, "mark_queued_agents": false });
                let settings = json!({ "sisyphus": own }).to_string();
                fs::write(home.path.join(".claude/settings.json"), settings)
            }
        };
        put.with_context(|| format!("could not prepare {self:?}"))
    }
}

pub(super) fn run_in_tui(stage: &Stage) -> Result<()> {
    for obstacle in [Obstacle::Throws, Obstacle::Missing, Obstacle::SwitchedOff] {
        let home = home(stage, &format!("{obstacle:?}"))?;
        obstacle.put(&home)?;
        let api = api(&home)?;
        let tui = Tui::start(&home, &api, &[])?;
        tui.say("go")?;
        two_work(&home, &api)?;
        tui.wait_for_screen("5 background agents launched")?;
        tui.wait_for_screen("general-purpose  part 4")?;
        let is_marked = || tui.screen().is_ok_and(|screen| screen.contains("queued("));
        let marked = wait::until_true("a mark", MARK, is_marked);
        ensure!(marked.is_err(), "{obstacle:?}: an agent is marked:\n{}", tui.screen()?);
        ensure!(queued(&home)?.len() == 3, "{obstacle:?}: the queue is {:?}", queued(&home)?);
    }
    Ok(())
}

/// The agents go on: those that wait start by themselves, and each works.
pub(super) fn cleared_in_tui(stage: &Stage) -> Result<()> {
    let home = home(stage, "home")?;
    let api = api(&home)?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("go")?;
    let working = two_work(&home, &api)?;
    tui.wait_for_screen("5 background agents launched")?;
    tui.say("/clear")?;
    for part in (0..AGENTS).filter(|part| !working.contains(part)) {
        ensure!(!was_started(&home, part), "agent {part} worked before its turn");
    }
    for part in 0..AGENTS {
        finish(&home, part)?;
    }
    wait::until_true("the end of all agents", LIMIT, || live(&home).is_ok_and(|live| live == 0))?;
    for part in 0..AGENTS {
        ensure!(was_started(&home, part), "agent {part} never worked");
    }
    Ok(())
}
