//! Reads one event from standard input, within a time limit.

use std::io::Read as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::complete::Completion;

/// How long a hook waits. Claude Code writes the event right after it starts the hook, so after a silence none comes.
const PATIENCE: Patience =
    Patience { with_silence: Duration::from_secs(1), in_all: Duration::from_secs(5) };
/// Largest event, in bytes. A prompt may quote a long log. A larger one is not worth the memory.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// How many chunks may be queued. A writer that is faster than this has to wait.
const CHUNKS_MAX: usize = 16;

#[derive(Debug, Clone, Copy)]
struct Patience {
    with_silence: Duration,
    /// A writer that sends a byte now and then must not block the session forever.
    in_all: Duration,
}

/// Reads until one JSON object is complete, without waiting for the end of input.
pub(crate) fn read_event() -> Result<Vec<u8>> {
    // A read can't be abandoned, but a thread that reads can.
    let (sender, chunks) = sync_channel(CHUNKS_MAX);
    thread::Builder::new().name("stdin".to_owned()).spawn(move || read_chunks(&sender))?;
    collect(&chunks, PATIENCE)
}

fn collect(chunks: &Receiver<Vec<u8>>, patience: Patience) -> Result<Vec<u8>> {
    let deadline = Instant::now() + patience.in_all;
    let mut bytes = Vec::new();
    let mut completion = Completion::default();
    loop {
        // What has arrived is read even after the deadline: a slow machine is not a slow writer.
        let left = deadline.saturating_duration_since(Instant::now());
        match chunks.recv_timeout(patience.with_silence.min(left)) {
            Ok(chunk) if bytes.is_empty() => bytes = chunk,
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(RecvTimeoutError::Timeout) if left < patience.with_silence => {
                anyhow::bail!("no whole event came within {:?}", patience.in_all)
            }
            Err(RecvTimeoutError::Timeout) => {
                anyhow::bail!("no whole event came within {:?}", patience.with_silence)
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

fn read_chunks(sender: &SyncSender<Vec<u8>>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_come_is_taken_even_without_patience() {
        let (sender, chunks) = sync_channel(CHUNKS_MAX);
        for chunk in ["{\"a\":", "1", "} and more"] {
            sender.send(chunk.as_bytes().to_vec()).unwrap();
        }
        let none = Patience { with_silence: Duration::ZERO, in_all: Duration::ZERO };
        assert_eq!(collect(&chunks, none).unwrap(), b"{\"a\":1}");
        sender.send(b"{".to_vec()).unwrap();
        assert!(collect(&chunks, none).is_err());
    }
}
