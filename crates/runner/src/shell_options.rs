//! Whether options that were set before the command change what its exit code says.
//!
//! Claude Code's snapshot of the user's shell repeats the options that the user's profile sets. Other hooks' env files
//! may set some too.

use std::ffi::OsStr;
use std::path::Path;

use sisyphus_attach::execution_string::as_written;
use sisyphus_base::atomic;
use sisyphus_tasks::code_zero::Options;

/// Largest snapshot that is read, in bytes.
const SNAPSHOT_MAX: u64 = 4 * 1024 * 1024;
/// The options that matter, as both shells write them apart from `_` and capitals.
const MATTER: [&str; 3] = ["pipefail", "errexit", "errreturn"];

/// Looks at what the execution string does before it evaluates `command`, and at the options that bash starts with.
pub(crate) fn shell_options(string: &OsStr, command: &str, inherited: Option<&OsStr>) -> Options {
    let text = string.to_str();
    let before = text.and_then(|text| text.rsplit_once(&format!("eval {}", as_written(command))));
    let Some((before, _)) = before else { return Options::Unknown };
    let inherited = inherited.map(OsStr::to_string_lossy).unwrap_or_default();
    if matters(&inherited) || matters(before) || sets_options(before) {
        return Options::Other;
    }
    let Some(snapshot) = snapshot(before) else { return Options::Usual };
    match atomic::read_linked(Path::new(snapshot), SNAPSHOT_MAX) {
        Ok(Some(bytes)) => of_snapshot(&String::from_utf8_lossy(&bytes)),
        Ok(None) => Options::Usual,
        Err(_) => Options::Unknown,
    }
}

/// The file that the string sources first.
fn snapshot(before: &str) -> Option<&str> {
    let rest = before.strip_prefix("source ")?;
    let (quote, rest) = match rest.strip_prefix('\'') {
        Some(rest) => ('\'', rest),
        None => (' ', rest),
    };
    rest.split(quote).next()
}

/// Functions that are defined there may name these options too, but not at the beginning of a line.
fn of_snapshot(snapshot: &str) -> Options {
    let sets = |line: &str| line.starts_with("set -") || line.starts_with("setopt ");
    let is_set = snapshot.lines().any(|line| sets(line) && matters(line));
    if is_set { Options::Other } else { Options::Usual }
}

/// Whether the shell's `set` is called with options. Claude Code itself calls `unset -f` before each command (CC-28).
fn sets_options(text: &str) -> bool {
    let mut calls = text.match_indices("set -");
    calls.any(|(at, _)| !text[..at].ends_with(|before: char| before.is_ascii_alphanumeric()))
}

fn matters(text: &str) -> bool {
    let lower = text.replace('_', "").to_ascii_lowercase();
    MATTER.iter().any(|option| lower.contains(option))
}

#[cfg(test)]
mod tests {
    use sisyphus_testing::TempDir;

    use super::*;

    fn judged(before: &str, inherited: Option<&str>) -> Options {
        let string = format!("{before}eval 'npm test | tail' < /dev/null && pwd -P >| /tmp/x");
        shell_options(string.as_ref(), "npm test | tail", inherited.map(OsStr::new))
    }

    #[test]
    fn what_precedes_the_command_counts() {
        let cases = [
            ("true && ", None, Options::Usual),
            ("source /nowhere/snapshot.sh 2>/dev/null || true && ", None, Options::Usual),
            ("source '/nowhere/a b.sh' 2>/dev/null || true && ", None, Options::Usual),
            ("true && set -o pipefail && ", None, Options::Other),
            ("true && setopt PIPE_FAIL && ", None, Options::Other),
            ("true && set -eu && ", None, Options::Other),
            (
                "{ \\builtin unset -f -- 'which'; } >/dev/null 2>&1 || true && ",
                None,
                Options::Usual,
            ),
            ("\\builtin unset -f -- 'x' || true && \\builtin set -e && ", None, Options::Other),
            ("true && ", Some("braceexpand:hashall"), Options::Usual),
            ("true && ", Some("braceexpand:pipefail"), Options::Other),
        ];
        for (before, inherited, expected) in cases {
            assert_eq!(judged(before, inherited), expected, "{before} {inherited:?}");
        }
        let other = shell_options("eval 'another'".as_ref(), "npm test | tail", None);
        assert_eq!(other, Options::Unknown);
    }

    #[test]
    fn what_the_snapshot_sets_counts() {
        let cases = [
            ("shopt -s expand_aliases\nset -o braceexpand\n", Options::Usual),
            ("set -o braceexpand\nset -o pipefail\n", Options::Other),
            ("setopt nohashdirs\nsetopt pipefail\n", Options::Other),
            ("setopt errexit\n", Options::Other),
            ("build () {\n    set -o pipefail\n    make | tail\n}\n", Options::Usual),
        ];
        for (snapshot, expected) in cases {
            let dir = TempDir::new();
            for name in ["snapshot.sh", "snap shot.sh"] {
                let path = dir.path().join(name);
                atomic::write(&path, snapshot.as_bytes()).unwrap();
                let path = as_written(path.to_str().unwrap());
                let before = format!("source {path} 2>/dev/null || true && ");
                assert_eq!(judged(&before, None), expected, "{snapshot}");
            }
        }
    }
}
