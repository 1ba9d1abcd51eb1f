//! A scripted Messages API on loopback: the model is a closure, so that every conversation is the same.
//!
//! Requests that offer the Bash tool belong to the conversation: the server counts and keeps them, and the script
//! answers. Other requests are Claude Code's side requests (titles and the like) and get a line of text.

mod answer;
mod http;

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::wait;
pub(crate) use answer::{Block, Refusal, Reply, bash, text, tool};

/// One main request: what the model reads, and when it arrived.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) arrived: Instant,
    pub(crate) body: Arc<Value>,
}

type Script = dyn Fn(&Request, usize) -> Reply + Send + Sync;

/// A running server. It stops accepting when dropped.
pub(crate) struct Api {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    requests: Mutex<Vec<Request>>,
    received: AtomicUsize,
    stopped: AtomicBool,
    folder: PathBuf,
}

impl Api {
    /// Serves `script`, which is called with each main request and its number. All requests are written to `folder`.
    pub(crate) fn start<S, R>(folder: &Path, script: S) -> Result<Self>
    where
        S: Fn(&Request, usize) -> R + Send + Sync + 'static,
        R: Into<Reply>,
    {
        fs::create_dir_all(folder)
            .with_context(|| format!("could not create `{}`", folder.display()))?;
        let listener = TcpListener::bind("127.0.0.1:0").context("could not listen on loopback")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script: Box::new(move |request, number| script(request, number).into()),
            requests: Mutex::default(),
            received: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            folder: folder.to_path_buf(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Ok(Self { address, shared })
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All main requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest main request, which holds the whole conversation.
    pub(crate) fn last(&self) -> Result<Request> {
        self.requests().pop().context("Claude Code sent no request")
    }

    /// Waits until `probe` finds something in the requests.
    pub(crate) fn wait_for<T>(
        &self,
        what: &str,
        limit: Duration,
        probe: impl Fn(&[Request]) -> Option<T>,
    ) -> Result<T> {
        wait::until(what, limit, || Ok(probe(&self.requests())))
    }

    /// Waits until no main request has come for `span`; returns all so far.
    pub(crate) fn wait_until_quiet(&self, span: Duration, limit: Duration) -> Result<Vec<Request>> {
        self.wait_for("Claude Code to be quiet", limit, |requests| {
            let newest = requests.last()?.arrived;
            (newest.elapsed() >= span).then(|| requests.to_vec())
        })
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // `accept` has no timeout, so one more connection makes it check the flag.
        drop(TcpStream::connect(self.address));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let shared = Arc::clone(shared);
        // Claude Code retries when a connection breaks, so the error is ignored.
        thread::spawn(move || serve(stream, &shared).ok());
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> Result<()> {
    let mut connection = http::Connection::new(stream)?;
    while let Some(request) = connection.read()? {
        if request.method == "HEAD" {
            connection.write_empty()?;
        } else if request.path.contains("count_tokens") {
            connection.write_json(200, &json!({ "input_tokens": 100 }))?;
        } else if request.method == "POST" && request.path.contains("/v1/messages") {
            if respond(&mut connection, &request, shared)? == After::Close {
                return Ok(());
            }
        } else {
            let error = json!({ "type": "not_found_error", "message": request.path });
            connection.write_json(404, &json!({ "type": "error", "error": error }))?;
        }
    }
    Ok(())
}

#[derive(PartialEq, Eq)]
enum After {
    KeepOpen,
    Close,
}

fn respond(
    connection: &mut http::Connection,
    request: &http::HttpRequest,
    shared: &Shared,
) -> Result<After> {
    let arrived = Instant::now();
    let number = shared.received.fetch_add(1, Ordering::SeqCst);
    let file = shared.folder.join(format!("{number:03}.json"));
    fs::write(&file, &request.body)
        .with_context(|| format!("could not write `{}`", file.display()))?;
    let body: Value = serde_json::from_slice(&request.body)
        .context("Claude Code sent something that is not JSON")?;
    let streams = body["stream"] == true;
    let model = body["model"].as_str().unwrap_or("model").to_owned();
    let reply = if offers_bash(&body) {
        let request = Request { arrived, body: Arc::new(body) };
        let mut requests = shared.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let number = requests.len();
        requests.push(request.clone());
        drop(requests);
        (shared.script)(&request, number)
    } else {
        vec![text(side_answer(&request.body))].into()
    };
    let blocks = match reply {
        Reply::Blocks(blocks) => blocks,
        Reply::Refused(refusal) => {
            connection.write_json(refusal.status(), &refusal.body())?;
            return Ok(After::KeepOpen);
        }
    };
    let answer = answer::Answer { number, model, blocks };
    if streams {
        connection.write_events(&answer.events())?;
        return Ok(After::Close);
    }
    connection.write_json(200, &answer.message())?;
    Ok(After::KeepOpen)
}

fn offers_bash(body: &Value) -> bool {
    body["tools"].as_array().is_some_and(|tools| tools.iter().any(|tool| tool["name"] == "Bash"))
}

fn side_answer(body: &[u8]) -> &'static str {
    let start = &body[..body.len().min(20_000)];
    if String::from_utf8_lossy(start).contains("title") { "{\"title\":\"t\"}" } else { "ok" }
}
