//! Three delegated sessions with two slots: two work, one waits, beside the conversation that asked for them.

use anyhow::Result;
use serde_json::json;

use crate::api::{Api, Block, text};
use crate::scenarios::delegate::{ours, play, search, session_of, setup, turn, wait_for_start};
use crate::stage::Stage;
use crate::tui::{Size, Tui};

const WORK: [(&str, &str); 3] =
    [("one", "port the cart"), ("two", "port the search"), ("three", "port the checkout")];

fn delegate((name, description): (&str, &str)) -> Block {
    let prompt = format!("SESSION {name} please");
    ours("delegate_task", json!({ "description": description, "prompt": prompt }))
}

pub(super) fn shoot(stage: &Stage) -> Result<String> {
    let home = stage.home("home", &setup(2))?;
    let api = Api::start(&home.folder.join("api"), |request, _| match session_of(request) {
        Some(name) => play(request, &name),
        None => match turn(request) {
            0 => vec![search()],
            1 => WORK.map(delegate).to_vec(),
            _ => vec![text("Two sessions work, the third starts by itself.")],
        },
    })?;
    let tui = Tui::start_sized(&home, &api, &[], Size { columns: 100, rows: 30 })?;
    tui.say("port the shop")?;
    wait_for_start(&home, 2)?;
    tui.wait_for_screen("starts by itself.")?;
    tui.wait_for_screen("port the checkout  queued, number 1")?;
    tui.coloured_screen()
}
