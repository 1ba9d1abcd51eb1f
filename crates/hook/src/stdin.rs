//! Reads one event from standard input, with bounded patience.

use std::io::Read as _;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::complete::Completion;

/// How long a hook waits for more input. The client writes the event right after the start, so silence means that
/// none comes.
const PATIENCE: Duration = Duration::from_secs(1);
/// Largest event, in bytes. A prompt may quote a long log; what is over is not worth a session's memory.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Reads until one JSON object is whole, without waiting for the end of input.
pub(crate) fn read_event() -> Result<Vec<u8>> {
    // A read can't be given up, a thread that reads can.
    let (sender, chunks) = channel();
    thread::Builder::new().name("stdin".to_owned()).spawn(move || read_chunks(&sender))?;
    let mut bytes = Vec::new();
    let mut completion = Completion::default();
    loop {
        match chunks.recv_timeout(PATIENCE) {
            Ok(chunk) if bytes.is_empty() => bytes = chunk,
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(RecvTimeoutError::Timeout) => {
                anyhow::bail!("no whole event came within {PATIENCE:?}")
            }
            Err(RecvTimeoutError::Disconnected) => {
                anyhow::bail!("the input ended after {} bytes", bytes.len())
            }
        }
        if let Some(end) = completion.scan(&bytes) {
            bytes.truncate(end);
            return Ok(bytes);
        }
        anyhow::ensure!(bytes.len() <= MAX_BYTES, "the event is larger than {MAX_BYTES} bytes");
    }
}

fn read_chunks(sender: &Sender<Vec<u8>>) {
    let mut stdin = std::io::stdin().lock();
    loop {
        let mut chunk = vec![0; 64 * 1024];
        match stdin.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(length) => {
                chunk.truncate(length);
                if sender.send(chunk).is_err() {
                    return;
                }
            }
        }
    }
}
