//! Five agents with two slots: three wait, and their rows say so.

use anyhow::Result;

use crate::scenarios::agents_in_line::{api, home, two_work};
use crate::stage::Stage;
use crate::tui::{Size, Tui};

pub(super) fn shoot(stage: &Stage) -> Result<String> {
    let home = home(stage, "home")?;
    let api = api(&home)?;
    let tui = Tui::start_sized(&home, &api, &[], Size { columns: 100, rows: 34 })?;
    tui.say("look at all parts")?;
    two_work(&home, &api)?;
    for place in 1..=3 {
        tui.wait_for_screen(&format!("queued({place}): part"))?;
    }
    tui.coloured_screen()
}
