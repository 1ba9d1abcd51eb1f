//! What a watch of the model's takes: of a command that is silent, and of one that prints as fast as it can.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::memory::Spent;
use super::ours::{Ours, wait_until};
use super::report::{Row, Table};
use super::stage::Stage;

const SILENT: Duration = Duration::from_secs(60);
/// For this long the server still ends the threads of the call.
const SETTLED: Duration = Duration::from_secs(15);
const LINES: u32 = 2_000_000;
const LINES_IN_HASTE: u32 = 2_000;

/// Watches nothing, a silent command, and one that prints many lines.
pub(crate) fn run(stage: &Stage) -> Result<Vec<Table>> {
    stage.forget()?;
    let mut ours = Ours::start(stage, "watch")?;
    let mut idle = Server::start(stage, &ours)?;
    let mut busy = Server::start(stage, &ours)?;
    let mut silent = ours.background("exec sleep 600")?;
    busy.watch("call 1")?;
    std::thread::sleep(stage.pace().pick(SETTLED, Duration::from_millis(100)));
    let seconds = stage.pace().pick(SILENT, Duration::from_millis(100));
    let servers = [("a server without a watch", &idle), ("a server that watches", &busy)];
    let look = || -> Result<Vec<Spent>> {
        servers.iter().map(|(_, server)| Spent::by(server.child.id())).collect()
    };
    let before = look()?;
    std::thread::sleep(seconds);
    let after = look()?;
    let rows = servers.iter().zip(before.iter().zip(after)).map(|((name, _), (before, after))| {
        Row::named(*name)
            .with("processor, ms", after.cpu_ms - before.cpu_ms)
            .with("woken", after.switches - before.switches)
    });
    let title = format!("A silent command, in {} seconds", seconds.as_secs());
    let waiting = Table::new(title, rows.collect()).with_note("goal: 5 ms a minute");

    let lines = stage.pace().pick(LINES, LINES_IN_HASTE);
    let go = stage.home().join("go");
    let command = format!(
        "until [ -e {} ]; do sleep 0.02; done; seq {lines}; echo LAST; sleep 600",
        go.display()
    );
    let mut loud = ours.background(&command)?;
    busy.watch("call 2")?;
    let before = Spent::by(busy.child.id())?;
    let begin = std::time::Instant::now();
    fs::write(&go, "").context("could not let the command go")?;
    let found = wait_until("the last line to be found", || {
        fs::read_to_string(stage.active()).is_ok_and(|text| text.contains("\"LAST\""))
    })?;
    let spent = Spent::by(busy.child.id())?.cpu_ms - before.cpu_ms;
    let row = Row::named(format!("{lines} lines, the last of which matches"))
        .with("processor, ms", spent)
        .with("lines in a second of it", f64::from(lines) / spent * 1_000.0)
        .with("found after, ms", found.duration_since(begin).as_secs_f64() * 1_000.0);
    let searching = Table::new("A command that prints as fast as it can", vec![row])
        .with_note("goal: 10,000 lines a second; a server looks every one to four seconds");
    for child in [&mut silent, &mut loud, &mut idle.child, &mut busy.child] {
        child.kill()?;
        child.wait()?;
    }
    Ok(vec![waiting, searching])
}

/// A server, as Claude Code starts it.
struct Server {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    calls: u32,
}

impl Server {
    fn start(stage: &Stage, ours: &Ours<'_>) -> Result<Self> {
        let mut command = stage.binary("sisyphus-mcp");
        command.env("CLAUDE_CODE_SESSION_ID", &ours.session.id);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("could not start the server")?;
        let stdin = child.stdin.take().context("the server has no input")?;
        let stdout = BufReader::new(child.stdout.take().context("the server has no output")?);
        let mut server = Self { child, stdin, stdout, calls: 0 };
        let client = json!({ "name": "bench", "version": "1" });
        let hello =
            json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client });
        server.ask("initialize", &hello)?;
        server.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(server)
    }

    /// Watches the command of this description for its last line.
    fn watch(&mut self, task: &str) -> Result<()> {
        let arguments = json!({ "task_id": task, "pattern": "^LAST" });
        let call = json!({ "name": "background_watch", "arguments": arguments });
        let answer = self.ask("tools/call", &call)?;
        let is_watched = answer["result"]["structuredContent"]["watched"] == true;
        anyhow::ensure!(is_watched, "the server does not watch: {answer}");
        Ok(())
    }

    fn ask(&mut self, method: &str, params: &Value) -> Result<Value> {
        self.calls += 1;
        let id = self.calls;
        self.say(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        loop {
            let mut line = String::new();
            let read = self.stdout.read_line(&mut line).context("could not read an answer")?;
            anyhow::ensure!(read > 0, "the server has ended");
            let answer: Value = serde_json::from_str(&line).context("an answer is no JSON")?;
            if answer["id"] == id {
                return Ok(answer);
            }
        }
    }

    fn say(&mut self, message: &Value) -> Result<()> {
        writeln!(self.stdin, "{message}").context("could not write to the server")
    }
}
