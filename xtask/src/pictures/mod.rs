//! `cargo xtask pictures`: what people see, drawn from terminals in which the real programs ran, and from a desktop. A
//! scene is one function in a file of its own.

mod client;
mod failed;
mod list_queued;
mod notification;
mod stage;
mod steady;
mod timed_out;
mod top;

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail, ensure};
use sisyphus_harness::repository;

use crate::picture::{Line, screen, spans, svg, wrapped};

/// Where the pictures are kept.
const FOLDER: &str = "docs/pictures";
/// Largest picture, in bytes.
const LARGEST: usize = 40_000;
/// The colour of what a person types.
const TYPED: &str = "#9ecbff";

/// A screen to draw.
pub(crate) struct Shot {
    pub(crate) title: &'static str,
    pub(crate) columns: u16,
    /// The command line that a person typed before, if that is to be seen.
    pub(crate) typed: Option<&'static str>,
    /// Lines with their colours, as a terminal keeps them.
    pub(crate) screen: String,
}

/// What makes the screen.
#[derive(Clone, Copy)]
enum Scene {
    /// A command line of ours.
    CommandLine(fn() -> Result<Shot>),
    /// The real Claude Code, in so many columns.
    ClaudeCode { title: &'static str, columns: u16 },
    /// A desktop, as PNG.
    Desktop(fn() -> Result<Vec<u8>>),
}

const SCENES: [(&str, Scene); 12] = [
    ("list-queued", Scene::CommandLine(list_queued::shoot)),
    ("failed", Scene::CommandLine(failed::shoot)),
    ("timed-out", Scene::CommandLine(timed_out::shoot)),
    ("top", Scene::CommandLine(top::shoot)),
    ("notification", Scene::Desktop(notification::shoot)),
    ("band-wide", Scene::ClaudeCode { title: "The band above the prompt", columns: 100 }),
    ("band-narrow", Scene::ClaudeCode { title: "The band in a narrow terminal", columns: 60 }),
    ("pane", Scene::ClaudeCode { title: "The pane of /sisyphus", columns: 130 }),
    ("agents-waiting", Scene::ClaudeCode { title: "Agents that wait for a slot", columns: 100 }),
    ("delegated", Scene::ClaudeCode { title: "Delegated sessions", columns: 100 }),
    ("swallowed", Scene::ClaudeCode { title: "Notices that cost no turn", columns: 100 }),
    ("resumed", Scene::ClaudeCode { title: "A session resumed after a crash", columns: 100 }),
];

/// Draws the named scenes, or all of them.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if arguments == ["--list"] {
        for (name, _) in SCENES {
            println!("{name}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(name) = arguments.iter().find(|name| !SCENES.iter().any(|(it, _)| it == name)) {
        bail!("`{name}` is not a scene; `cargo xtask pictures --list` names them");
    }
    let root = repository::root()?;
    let mut build = Command::new(repository::cargo());
    build.args(["build", "--quiet", "--workspace"]).current_dir(&root);
    let status = build.status().with_context(|| format!("could not start {build:?}"))?;
    ensure!(status.success(), "could not build the programs");
    let folder = root.join(FOLDER);
    fs::create_dir_all(&folder)
        .with_context(|| format!("could not create `{}`", folder.display()))?;
    let is_meant = |name: &str| arguments.is_empty() || arguments.iter().any(|it| it == name);
    for (name, scene) in SCENES.into_iter().filter(|(name, _)| is_meant(name)) {
        let drawn = |shot: Result<Shot>| shot.map(|shot| ("svg", draw(&shot).into_bytes()));
        let picture = match scene {
            Scene::CommandLine(shoot) => drawn(shoot()),
            Scene::ClaudeCode { title, columns } => drawn(client::shoot(name, title, columns)),
            Scene::Desktop(shoot) => shoot().map(|picture| ("png", picture)),
        };
        let (format, picture) = picture.with_context(|| format!("could not draw `{name}`"))?;
        ensure!(picture.len() <= LARGEST, "`{name}` has {} bytes", picture.len());
        let path = folder.join(format!("{name}.{format}"));
        fs::write(&path, picture)
            .with_context(|| format!("could not write `{}`", path.display()))?;
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn draw(shot: &Shot) -> String {
    let columns = usize::from(shot.columns);
    let typed = shot.typed.map(|line| spans(&format!("$ {line}"), TYPED));
    let shown = screen(shot.screen.trim_end());
    let lines: Vec<Line> =
        typed.into_iter().chain(shown).flat_map(|line| wrapped(line, columns)).collect();
    svg(shot.title, columns, &lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_drawn_first() {
        let screen = "\u{1b}[31mfailed\u{1b}[39m\nlast\n\n\n".to_owned();
        let shot = Shot { title: "a", columns: 20, typed: Some("sisyphus list"), screen };
        let picture = draw(&shot);
        let places = ["$ sisyphus list", ">failed<", ">last<"].map(|it| picture.find(it).unwrap());
        assert!(places.is_sorted(), "{picture}");
        assert_eq!(picture.matches("<text ").count(), 3);
    }
}
