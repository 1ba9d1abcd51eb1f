//! `sisyphus doctor`: checks the installation and suggests fixes. It changes nothing.

mod client;
mod context;
mod enabled;
mod events;
mod finding;
pub(crate) mod flaws;
mod folders;
mod leftovers;
mod line;
mod lock;
mod memory;
mod notifications;
mod plugin;
mod program;
mod sandbox;
mod sessions;
mod settings;
mod sign_in;
mod state;

use anyhow::Result;
use clap::Args as ClapArgs;
use serde_json::json;

use crate::print::{self, Verdict};
use crate::screen::pad;
use crate::style::{Hue, Paint};
use context::DoctorContext;
use finding::{Finding, Level};

#[derive(Debug, ClapArgs)]
pub(crate) struct Doctor {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// One part of the check: its name and its function.
type Part = (&'static str, fn(&DoctorContext) -> Vec<Finding>);

/// Every part, in the order of the report.
const PARTS: [Part; 16] = [
    ("plugin", plugin::check),
    ("client", client::check),
    ("sign-in", sign_in::check),
    ("enabled", enabled::check),
    ("folders", folders::check),
    ("state", state::check),
    ("lock", lock::check),
    ("line", line::check),
    ("events", events::check),
    ("sessions", sessions::check),
    ("sandbox", sandbox::check),
    ("memory", memory::check),
    ("notify", notifications::check),
    ("program", program::check),
    ("settings", settings::check),
    ("leftovers", leftovers::check),
];

/// Checks everything and reports the findings.
pub(crate) fn doctor(options: &Doctor) -> Result<Verdict> {
    let context = DoctorContext::find()?;
    let found: Vec<(&str, Finding)> = PARTS
        .iter()
        .flat_map(|(part, check)| check(&context).into_iter().map(|finding| (*part, finding)))
        .collect();
    let is_well = found.iter().all(|(_, finding)| finding.level != Level::Broken);
    if options.json {
        let views: Vec<_> = found.iter().map(|(part, finding)| finding.view(part)).collect();
        print::json(json!({ "healthy": is_well, "findings": views }))?;
    } else {
        print::out(&text(&found))?;
    }
    Ok(if is_well { Verdict::Good } else { Verdict::Bad })
}

fn text(found: &[(&str, Finding)]) -> String {
    let paint = Paint::of_output();
    let mut text = String::new();
    for (part, finding) in found {
        let (sign, hue) = match finding.level {
            Level::Fine => ("✔", Hue::Good),
            Level::Note => ("!", Hue::Waiting),
            Level::Broken => ("✖", Hue::Bad),
        };
        text.push_str(&format!("{} {} {}\n", paint.paint(hue, sign), pad(part, 9), finding.said));
        if let Some(remedy) = &finding.remedy {
            text.push_str(&format!("            → {remedy}\n"));
        }
    }
    let count = |level| found.iter().filter(|(_, finding)| finding.level == level).count();
    text.push_str(&match (count(Level::Broken), count(Level::Note)) {
        (0, 0) => "\nAll is well.\n".to_owned(),
        (0, notes) => format!("\nNothing is broken; {notes} to note.\n"),
        (broken, notes) => format!("\n{broken} broken, {notes} to note.\n"),
    });
    text
}
