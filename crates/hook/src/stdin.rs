//! Reads one event from standard input, within a time limit.

use std::io;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sisyphus_base::sys::{Input, read_stdin};

use crate::complete::Completion;

/// How long a hook waits. Claude Code writes the event right after it starts the hook, so after a silence none comes.
const PATIENCE: Patience =
    Patience { with_silence: Duration::from_secs(1), in_all: Duration::from_secs(5) };
/// Largest event, in bytes. A prompt may quote a long log. A larger one is not worth the memory.
const MAX_BYTES: usize = 64 * 1024 * 1024;
#[derive(Debug, Clone, Copy)]
struct Patience {
    with_silence: Duration,
    /// A writer that sends a byte now and then must not block the session forever.
    in_all: Duration,
}

/// Reads until one JSON object is complete, without waiting for the end of input.
pub(crate) fn read_event() -> Result<Vec<u8>> {
    collect(read_stdin, PATIENCE)
}

/// `read` appends what has come, and waits for it no longer than its argument says.
fn collect(
    mut read: impl FnMut(&mut Vec<u8>, Duration) -> io::Result<Input>,
    patience: Patience,
) -> Result<Vec<u8>> {
    let deadline = Instant::now() + patience.in_all;
    let mut bytes = Vec::new();
    let mut completion = Completion::default();
    loop {
        // What has arrived is read even after the deadline: a slow machine is not a slow writer.
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = patience.with_silence.min(left);
        match read(&mut bytes, wait).context("could not read the event")? {
            Input::Came => {}
            Input::Silent if left < patience.with_silence => {
                anyhow::bail!("no whole event came within {:?}", patience.in_all)
            }
            Input::Silent => {
                anyhow::bail!("no whole event came within {:?}", patience.with_silence)
            }
            Input::Ended => anyhow::bail!("the input ended after {} bytes", bytes.len()),
        }
        if let Some(end) = completion.scan(&bytes) {
            bytes.truncate(end);
            return Ok(bytes);
        }
        anyhow::ensure!(bytes.len() <= MAX_BYTES, "the event is larger than {MAX_BYTES} bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_come_is_taken_even_without_patience() {
        let none = Patience { with_silence: Duration::ZERO, in_all: Duration::ZERO };
        let read = |chunks: &'static [&'static str]| {
            let mut chunks = chunks.iter();
            let next = move |bytes: &mut Vec<u8>, wait| {
                assert_eq!(wait, Duration::ZERO);
                let Some(chunk) = chunks.next() else { return Ok(Input::Silent) };
                bytes.extend_from_slice(chunk.as_bytes());
                Ok(Input::Came)
            };
            collect(next, none)
        };
        assert_eq!(read(&["{\"a\":", "1", "} and more"]).unwrap(), b"{\"a\":1}");
        assert!(read(&["{"]).is_err());
    }
}
