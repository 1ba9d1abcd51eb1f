//! Programs that a test makes, and executes at once. Another process writes them: a shell that another test is starting
//! has every open file of this process until it is one, and no system executes a file that is open for writing.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::env::run;

/// Writes a script, or what else the system executes.
pub fn write_program(path: &Path, text: impl AsRef<[u8]>) {
    make("cat >\"$0\" && chmod 755 \"$0\"", &[path.as_os_str()], text.as_ref());
}

/// Copies a program.
pub fn copy_program(from: impl AsRef<OsStr>, to: &Path) {
    make("cp \"$0\" \"$1\"", &[from.as_ref(), to.as_os_str()], b"");
}

fn make(script: &str, arguments: &[&OsStr], input: &[u8]) {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(script).args(arguments);
    let output = run(shell, input);
    assert_eq!(output.code, Some(0), "{output:?}");
}
