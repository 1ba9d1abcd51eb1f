//! The recipes of `docs/events.md`, as they are on the page. They send to a server on loopback.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::{Value, json};
use sisyphus_tasks::outcome::Outcome;

use crate::stage::{FAILED, Stage};

/// A description that a shell, `curl`, JSON or a form could take for something else than text.
const HOSTILE: &str = "@/etc/passwd $(touch pwned) \"a\" & <b> 100% + \\ 'c'";

/// The block behind a heading of the page.
fn recipe(heading: &str, language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/events.md");
    let page = fs::read_to_string(path).unwrap();
    let (_, section) = page.split_once(&format!("### {heading}\n")).unwrap();
    let (_, block) = section.split_once(&format!("```{language}\n")).unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

/// A request: its first line and its body.
type Request = (String, String);

/// Starts a server that answers each request with success. Returns its address.
fn server() -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(request) = answer(stream.unwrap()) else { continue };
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    (address, requests)
}

fn answer(stream: TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
    Ok((first.trim().to_owned(), String::from_utf8_lossy(&body).into_owned()))
}

/// The one request that a recipe makes for an end.
fn sent(heading: &str, host: &str, ends: &[(&str, Outcome, u64)]) -> Request {
    let stage = Stage::new();
    let (address, requests) = server();
    let script = recipe(heading, "bash");
    assert_eq!(script.matches(host).count(), 1, "{script}");
    let path = stage.env.path().join("tell");
    sisyphus_testing::write_program(&path, script.replace(host, &address));
    stage.env.set(&json!({ "on_complete": [path] }));
    let names: Vec<&str> = ends.iter().map(|(name, ..)| *name).chain(["other"]).collect();
    stage.run(&names);
    for (name, outcome, ran_ms) in ends {
        stage.end(name, outcome.clone(), *ran_ms);
    }
    assert!(stage.start().wait().unwrap().success());
    let log = fs::read_to_string(stage.env.state().join("hooks.log")).unwrap_or_default();
    assert_eq!(log, "");
    assert!(!stage.env.home().join("pwned").exists());
    let request = requests.try_recv().unwrap();
    assert!(requests.try_recv().is_err());
    request
}

#[test]
fn ntfy_gets_a_line_of_text() {
    let ends = [("short", Outcome::Completed, 59_999), (HOSTILE, FAILED, 2_100)];
    let (first, body) = sent("ntfy", "https://ntfy.sh", &ends);
    assert_eq!(first, "POST /YOUR-TOPIC HTTP/1.1");
    assert_eq!(body, format!("proj: {HOSTILE} failed with exit code 3 after 2.1 s"));
}

#[test]
fn slack_gets_escaped_text() {
    let (first, body) = sent("Slack", "https://hooks.slack.com", &[(HOSTILE, FAILED, 2_100)]);
    assert_eq!(first, "POST /services/YOUR/WEBHOOK/PATH HTTP/1.1");
    let body: Value = serde_json::from_str(&body).unwrap();
    let escaped = HOSTILE.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let expected = format!("proj: {escaped} failed with exit code 3 after 2.1 s");
    assert_eq!(body, json!({ "text": expected }));
}

#[test]
fn telegram_gets_a_form() {
    let ends = [("@build & 100%", Outcome::Completed, 2_000)];
    let (first, body) = sent("Telegram", "https://api.telegram.org", &ends);
    assert_eq!(first, "POST /botYOUR-TOKEN/sendMessage HTTP/1.1");
    let text =
        "proj%3A%20%40build%20%26%20100%25%20completed%20with%20exit%20code%200%20after%202%20s";
    assert_eq!(body.replace('+', "%20"), format!("chat_id=YOUR-CHAT&text={text}"));
}

/// The setting of the last recipe needs no script: its program starts with its argument.
#[test]
fn a_sound_is_a_setting_alone() {
    let stage = Stage::new();
    let settings: Value = serde_json::from_str(&recipe("A sound", "json")).unwrap();
    stage.env.set(&settings["sisyphus"]);
    let player = stage.env.path().join("bin/paplay");
    fs::create_dir(player.parent().unwrap()).unwrap();
    let played = stage.env.path().join("played");
    sisyphus_testing::write_program(
        &player,
        format!("#!/bin/bash\necho \"$*\" >{}\n", played.display()),
    );
    stage.run(&["a", "other"]);
    stage.end("a", FAILED, 1);
    let path = format!("{}:/usr/bin:/bin", player.parent().unwrap().display());
    let mut notifier = stage.env.command("sisyphus-notify");
    assert!(notifier.env("PATH", path).spawn().unwrap().wait().unwrap().success());
    let file = settings["sisyphus"]["on_complete"][1].as_str().unwrap();
    assert_eq!(fs::read_to_string(played).unwrap().trim(), file);
}
