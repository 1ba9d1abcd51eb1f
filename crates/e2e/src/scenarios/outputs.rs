//! The output files of background tasks, read once Claude Code has written its last line to them.

use std::fs;
use std::time::Duration;

use anyhow::Result;

use crate::wait;

/// Claude Code writes this line when the task's shell ends; processes that the shell left may still write after it.
const ENDS: [&[u8]; 2] = [b"\n[exited with code ", b"\n[killed"];
const LONGEST_AFTERMATH: usize = 4096;

/// Waits until the task has ended; returns the whole file with Claude Code's last line.
pub(super) fn wait_for_end(file: &str, limit: Duration) -> Result<Vec<u8>> {
    wait::until(&format!("the end of `{file}`"), limit, || {
        Ok(fs::read(file).ok().filter(|bytes| has_ended(bytes)))
    })
}

fn has_ended(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(LONGEST_AFTERMATH)..];
    ENDS.iter().any(|end| tail.windows(end.len()).any(|window| window == *end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_line_is_the_end() {
        for over in [
            "\n[exited with code 0]\n",
            "out\n\n[exited with code 3]\n",
            "out\n\n[killed]\n",
            "\n[exited with code 0]\nlate\n",
        ] {
            assert!(has_ended(over.as_bytes()), "{over:?}");
        }
        for running in ["", "out\n", "[exited] with code"] {
            assert!(!has_ended(running.as_bytes()), "{running:?}");
        }
    }
}
