//! Claude Code: which program `claude` starts, and whether it is new enough.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sisyphus_base::rights::is_executable;
use sisyphus_process::{CLIENT_NAMES, ask};

use super::context::DoctorContext;
use super::finding::{Finding, named, plain};

/// The first version that loads a plugin from the skills folder (CC-1). The installers hold it too.
const CLIENT_MIN: &str = "2.1.157";
/// How long Claude Code may take to print its version: the program is large, and the disk may be slow.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of its answer is read, in bytes.
const ANSWER_MAX: u64 = 4 * 1024;

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let Some(program) = find(context) else {
        return vec![Finding::note(
            "there is no `claude` on PATH",
            "install Claude Code, unless you start it in another way; `sisyphus delegate` needs it there",
        )];
    };
    let at = named(&program);
    let Some(version) = version(&program) else {
        return vec![Finding::note(
            format!("{at} does not say its version"),
            "run `claude --version`; `claude update` brings the newest",
        )];
    };
    let shown = plain(&version);
    let needed = format!("{CLIENT_MIN} or newer is needed");
    vec![match is_older(&version, CLIENT_MIN) {
        Some(true) => Finding::broken(
            format!("Claude Code {shown} is too old, {needed} ({at})"),
            "run `claude update`",
        ),
        Some(false) => Finding::fine(format!("Claude Code {shown} ({at}; {needed})")),
        None => Finding::note(
            format!("{at} printed \"{shown}\", which is not a version"),
            "run `claude --version`",
        ),
    }]
}

/// The first on PATH. Relative folders are skipped: any user may own the current folder.
fn find(context: &DoctorContext) -> Option<PathBuf> {
    let path = context.environment.path.as_ref()?;
    let absolute = std::env::split_paths(path).filter(|dir| dir.is_absolute());
    absolute
        .flat_map(|dir| CLIENT_NAMES.map(|name| dir.join(name)))
        .find(|program| is_executable(program))
}

/// The first word of what `--version` prints.
fn version(program: &Path) -> Option<String> {
    let (_, text) = ask(Command::new(program).arg("--version"), PATIENCE, ANSWER_MAX)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    text.split_whitespace().next().map(str::to_owned)
}

/// Whether `version` comes before `other`; `None` if `version` is not a version.
fn is_older(version: &str, other: &str) -> Option<bool> {
    let parts = |text: &str| -> Option<Vec<u64>> {
        let numbers = text.split(['-', '+']).next()?;
        numbers.split('.').map(|part| part.parse().ok()).collect()
    };
    Some(parts(version)? < parts(other)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let cases = [
            ("2.1.157", Some(false)),
            ("2.1.156", Some(true)),
            ("2.1.1000", Some(false)),
            ("2.2", Some(false)),
            ("2.1", Some(true)),
            ("10.0.0", Some(false)),
            ("2.1.157-beta.1", Some(false)),
            ("error:", None),
            ("", None),
        ];
        for (version, expected) in cases {
            assert_eq!(is_older(version, CLIENT_MIN), expected, "{version}");
        }
    }

    #[test]
    fn the_installer_asks_for_the_same() {
        let script = include_str!("../../../../install.sh");
        assert!(script.contains(&format!("\nCLIENT_MIN={CLIENT_MIN}\n")));
    }
}
