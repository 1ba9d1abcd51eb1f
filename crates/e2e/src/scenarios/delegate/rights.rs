//! A session never has more rights than its caller. Five modes of the caller, and one with an argument that narrows its
//! rights; a command that is allowed by a rule, one that is not, and a write.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{SERVER, delegate, search, session_of, turn, wait_for_ends, wait_for_own};
use crate::api::{Api, Block, Request, bash, text, tool};
use crate::home::Setup;
use crate::session::Session;
use crate::stage::Stage;

/// Each caller: its mode, and what else it is started with.
const CALLERS: [(&str, &[&str]); 6] = [
    ("plan", &[]),
    ("default", &[]),
    ("dontAsk", &[]),
    ("acceptEdits", &[]),
    ("acceptEdits", &["--disallowedTools", "Write"]),
    ("bypassPermissions", &[]),
];

fn script(request: &Request, _: usize) -> Vec<Block> {
    let is_session = session_of(request).is_some();
    match (is_session, turn(request)) {
        (false, 0) => vec![search()],
        (false, 1) => vec![delegate("one")],
        (false, _) => vec![text("Noted.")],
        (true, 0) => attempts(request),
        (true, _) => vec![text("Done.")],
    }
}

/// The same calls for the caller and for its session: a command of an allowed kind, another one, and a write.
fn attempts(_: &Request) -> Vec<Block> {
    vec![
        bash("npm --version"),
        bash("mkdir made"),
        tool("Write", json!({ "file_path": "written", "content": "x" })),
    ]
}

/// `yes` or `no` for each of the three calls.
fn granted(requests: &[Request], is_meant: impl Fn(&Request) -> bool) -> Result<[bool; 3]> {
    let last = requests.iter().rfind(|it| is_meant(it) && it.tool_results().len() >= 3);
    let results = last.context("the calls were not made")?.tool_results();
    let errors: Vec<bool> = results.iter().rev().take(3).rev().map(|it| !it.is_error).collect();
    errors.try_into().map_err(|_| anyhow::anyhow!("not three answers: {results:?}"))
}

pub(in crate::scenarios) fn run(stage: &Stage) -> Result<()> {
    let mut table = vec![format!("{:<40}| caller            | its session", "mode of the caller")];
    let mut more = Vec::new();
    for (number, (mode, more_arguments)) in CALLERS.into_iter().enumerate() {
        // An argument with several values would take the prompt for one.
        let arguments = [more_arguments, &["--permission-mode", mode]].concat();
        let rules = json!({ "permissions": { "allow": [SERVER, "Bash(npm:*)"] } });
        let setup = || Setup::with_plugin().settings(rules.clone());
        let caller = stage.home(&format!("caller-{number}"), &setup())?;
        let api = Api::start(&caller.folder.join("api"), |request, number| match number {
            0 => attempts(request),
            _ => vec![text("Done.")],
        })?;
        Session::print(&caller, &api, &arguments, "go")?;
        let callers = granted(&api.requests(), |_| true)?;

        let home = stage.home(&format!("session-{number}"), &setup())?;
        let api = Api::start(&home.folder.join("api"), script)?;
        let mut session = Session::idle(&home, &api, &arguments)?;
        session.send("go")?;
        let answered = wait_for_own(&api, 2)?;
        // In the plan mode Claude Code itself denies the call.
        let its = if answered.tool_results().iter().any(|it| it.is_error) {
            None
        } else {
            wait_for_ends(&home, 1)?;
            Some(granted(&api.requests(), |request| session_of(request).is_some())?)
        };
        session.finish()?;
        let words =
            |granted: [bool; 3]| granted.map(|it| if it { "yes" } else { "no " }).join("   ");
        let said = its.map_or_else(|| "not delegated".to_owned(), words);
        let name = [&[mode], more_arguments].concat().join(" ");
        table.push(format!("{name:<40}| {}     | {said}", words(callers)));
        ensure!(its.is_some() || mode == "plan", "`{mode}` could not delegate");
        // A session that may do nothing at all would prove nothing.
        ensure!(its.is_none_or(|its| its[0]), "`{name}`: the session may not run what is allowed");
        if callers.iter().zip(its.unwrap_or_default()).any(|(caller, its)| its && !caller) {
            more.push(mode);
        }
    }
    println!("        allowed command, other command, write");
    println!("        {}", table.join("\n        "));
    ensure!(more.is_empty(), "a session had more rights than its caller in {more:?}");
    Ok(())
}
