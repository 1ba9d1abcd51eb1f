//! A notification of macOS. A program of the system shows it: the library would compile Objective-C.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// The texts are arguments of the script and never part of it, so nothing in them is read as a script.
const SCRIPT: &str = "on run texts
display notification (item 2 of texts) with title (item 1 of texts)
end run
";

/// Shows a notification.
pub(crate) fn show(program: &Path, title: &str, body: &str) -> Result<()> {
    let mut osascript = Command::new(program);
    // What follows the name of the script is no option, even with a hyphen. `-` is standard input.
    osascript.arg("-").args([title, body]);
    osascript.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let context = || format!("could not start `{}`", program.display());
    let mut child = osascript.spawn().with_context(context)?;
    let mut stdin = child.stdin.take().context("the script has a pipe")?;
    // If it has ended, it says why.
    let _ = stdin.write_all(SCRIPT.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().with_context(context)?;
    let reason = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "could not show a notification: {}", reason.trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sisyphus_testing::{TempDir, write_program};

    use super::*;

    /// What `osascript` gets when a notification is shown.
    fn got(title: &str, body: &str, code: u8) -> (Result<()>, String) {
        let dir = TempDir::new();
        let (program, got) = (dir.path().join("osascript"), dir.path().join("got"));
        let file = got.display();
        let script = format!(
            "#!/bin/sh\nprintf '[%s]' \"$@\" >{file}\ncat >>{file}\necho no >&2\nexit {code}\n"
        );
        write_program(&program, script);
        let shown = show(&program, title, body);
        (shown, fs::read_to_string(got).unwrap())
    }

    /// A command's name may hold anything. The script is the same for every text.
    #[test]
    #[cfg_attr(windows, ignore = "the program is a script of a shell")]
    fn the_texts_are_data() {
        let (title, body) = ("-e beep", "\" & (do shell script \"id\") & \"\n$(id) [x]");
        let (shown, got) = got(title, body, 0);
        shown.unwrap();
        assert_eq!(got, format!("[-][{title}][{body}]{SCRIPT}"));
    }

    #[test]
    #[cfg_attr(windows, ignore = "the program is a script of a shell")]
    fn a_failure_says_why() {
        let error = got("a", "b", 1).0.unwrap_err().to_string();
        assert_eq!(error, "could not show a notification: no");
    }
}
