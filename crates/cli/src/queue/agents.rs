//! `sisyphus queued-agents`: what `hooks/register.js` shows in the rows of Claude Code's list of agents. While an agent
//! waits, a terminal asks once a second, so it is one process start and one read, and waits for no lock.

use std::collections::BTreeMap;

use anyhow::Result;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::{StateDir, client_config_dir};
use sisyphus_settings::{Settings, Switch};
use sisyphus_state::agents::{Limits, admission_of, queued_agents};
use sisyphus_state::store::{Active, Store};
use sisyphus_tasks::admission::Admission;

use crate::print;
use crate::project::project_dir;

/// Prints one JSON object: Claude Code's id of each agent that waits, and its place.
pub(crate) fn print() -> Result<()> {
    let environment = Environment::read();
    let config_dir = client_config_dir(&environment)?;
    let settings = Settings::read_in(&config_dir, project_dir().as_deref());
    let active = Store::new(StateDir::locate(&environment)?).read_active()?;
    let places = match settings.mark_queued_agents {
        Switch::On => places(&active, &Limits::of(&settings)),
        Switch::Off => BTreeMap::new(),
    };
    print::out(&format!("{}\n", serde_json::to_string(&places)?))
}

fn places<'a>(active: &'a Active, limits: &Limits) -> BTreeMap<&'a str, String> {
    let place = |agent| match admission_of(active, agent, limits) {
        Admission::Queued { position } => Some(format!("queued({position})")),
        Admission::Immediate => None,
    };
    queued_agents(active)
        .filter_map(|agent| Some((agent.client_id()?.as_str(), place(agent)?)))
        .collect()
}
