//! Commands and what `events.jsonl` says of them: each goes from its record to its end in whole lines, and the user's
//! program starts once for each end.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::api::{Api, Block, Request, bash, text};
use crate::home::{Home, Setup};
use crate::session::{BYPASS, Session};
use crate::stage::Stage;
use crate::wait;

const LIMIT: Duration = Duration::from_secs(30);
/// Both are at once in a line of one.
const COMMANDS: [(&str, &str); 2] = [("sleep 1", "completed"), ("sleep 0.5; exit 3", "failed")];

/// Reports each start in a file of the home folder.
const PROGRAM: &str = "cat >>seen; echo \"$SISYPHUS_TASK_ID $SISYPHUS_STATUS\" >>started";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let ours = json!({ "on_complete": ["bash", "-c", PROGRAM], "max_background_tasks": 1 });
    let home = stage.home("home", &Setup::with_plugin().settings(json!({ "sisyphus": ours })))?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => COMMANDS.iter().map(|(command, word)| call(command, word)).collect(),
        _ => vec![text("I see.")],
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("go")?;
    let reads_all = |request: &Request| {
        ["completed with exit code 0", "failed with exit code 3"]
            .iter()
            .all(|said| request.text().contains(said))
    };
    api.wait_for("both results", LIMIT, |requests| requests.iter().any(reads_all).then_some(()))?;
    let lines = |name: &str| fs::read_to_string(home.path.join(name)).unwrap_or_default();
    wait::until_true("every start of the program", LIMIT, || lines("started").lines().count() > 1)?;
    session.finish()?;

    let events = events(&home)?;
    for (_, word) in COMMANDS {
        let of_task: Vec<&Value> =
            events.iter().filter(|event| event["description"] == word).collect();
        let course: Vec<(&Value, &Value)> =
            of_task.iter().map(|event| (&event["from"], &event["to"])).collect();
        let is_whole = course.first().is_some_and(|(from, _)| from.is_null())
            && course.last() == Some(&(&json!("running"), &json!(word)))
            && course.windows(2).all(|pair| pair[0].1 == pair[1].0);
        ensure!(is_whole, "the course of `{word}` is {course:?}");
        let start = format!("{} {word}", of_task[0]["id"].as_str().unwrap_or_default());
        let starts = lines("started").lines().filter(|line| *line == start).count();
        ensure!(starts == 1, "`{start}` is there {starts} times:\n{}", lines("started"));
    }
    ensure!(lines("started").lines().count() == COMMANDS.len(), "{}", lines("started"));
    let told = lines("seen");
    ensure!(told.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{told}");
    Ok(())
}

fn call(command: &str, word: &str) -> Block {
    bash(command).description(word).background()
}

fn events(home: &Home) -> Result<Vec<Value>> {
    let text = home.sisyphus(&["events", "--json"])?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}
