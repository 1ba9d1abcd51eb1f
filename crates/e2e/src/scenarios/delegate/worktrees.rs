//! Two sessions change the same file at once, each in a worktree of its own, and both results name theirs. The worktree
//! of a third one, which changes nothing, is removed, and is there again when its conversation is continued.

use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::json;

use super::{
    continue_all, ours, search, session_of, settled, setup, turn, wait_for_ends, wait_for_own,
};
use crate::api::{Api, Block, Request, bash, text};
use crate::home::Home;
use crate::session::Session;
use crate::stage::Stage;

fn script(request: &Request, _: usize) -> Vec<Block> {
    let Some(name) = session_of(request) else {
        let call = |name: &str| {
            let prompt = format!("SESSION {name} please");
            let input = json!({ "description": name, "prompt": prompt, "worktree": name });
            ours("delegate_task", input)
        };
        return match turn(request) {
            0 => vec![search()],
            1 => vec![call("left"), call("right"), call("look")],
            3 => continue_all(request).into_iter().skip(2).collect(),
            _ => vec![text("Noted.")],
        };
    };
    let calls = request.tool_results().len();
    let is_continued = request.text().contains("Continue: go on");
    match name.as_str() {
        "look" if calls == 0 || (is_continued && calls == 1) => vec![bash("pwd && cat file")],
        "look" => vec![text(format!("Looked {calls} times."))],
        _ if calls == 0 => vec![bash(&format!("echo {name} > file && pwd"))],
        _ => vec![text(format!("Answer of {name}."))],
    }
}

pub(in crate::scenarios) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(5))?;
    repository(&home)?;
    let api = Api::start(&home.folder.join("api"), script)?;
    let mut session = Session::idle(&home, &api, &[])?;
    session.send("go")?;
    wait_for_own(&api, 2)?;
    wait_for_ends(&home, 3)?;
    let looked_at = home.project.join(".claude/worktrees/look");
    ensure!(!looked_at.exists(), "an unchanged worktree is still there");
    session.send("look again")?;
    let all = wait_for_ends(&home, 4)?;
    let again = all.iter().find(|it| it["description"] == "more");
    ensure!(again.is_some_and(|it| it["status"] == "completed"), "the continued one: {again:#?}");
    ensure!(!looked_at.exists(), "an unchanged worktree is still there");
    session.send("what came of them?")?;
    let said = settled(&api)?.reminders().join("\n");
    for name in ["left", "right"] {
        let folder = home.project.join(".claude/worktrees").join(name);
        let written = std::fs::read_to_string(folder.join("file")).unwrap_or_default();
        ensure!(written.trim() == name, "`{name}` wrote {written:?}");
        for words in [folder.display().to_string(), format!("worktree-{name}")] {
            ensure!(said.contains(&words), "no `{words}` in {said}");
        }
    }
    let looks = said.matches(&looked_at.display().to_string()).count();
    ensure!(
        looks >= 2 && said.contains("Looked 2 times."),
        "the worktree was not there again: {said}"
    );
    let original = std::fs::read_to_string(home.project.join("file"))?;
    ensure!(original == "before\n", "the project's own file is {original:?}");
    session.finish()
}

/// Makes the project a repository with one commit.
fn repository(home: &Home) -> Result<()> {
    std::fs::remove_dir_all(home.project.join(".git"))?;
    std::fs::write(home.project.join("file"), "before\n")?;
    for args in [
        &["init", "-q"][..],
        &["add", "file"],
        &["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "one"],
    ] {
        let status = Command::new("git").args(args).current_dir(&home.project).status()?;
        ensure!(status.success(), "git {args:?} failed");
    }
    Ok(())
}
