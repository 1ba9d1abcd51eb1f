//! The program of `sisyphus.on_complete`: whether it can be started, and how it ended the last time.

use std::path::{Path, PathBuf};

use sisyphus_base::sys::is_executable;
use sisyphus_settings::Settings;
use sisyphus_state::notify::ProgramReport;
use sisyphus_tasks::outcome::duration;

use super::context::DoctorContext;
use super::finding::{Finding, plain};

const KEY: &str = "`sisyphus.on_complete`";

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let Settings { on_complete, .. } = context.layers.settings();
    let Some(program) = on_complete.first() else { return Vec::new() };
    let named = format!("`{}`", plain(program));
    if find(context, program).is_none() {
        return vec![Finding::broken(
            format!("{KEY} names {named}, which is not there or can't be executed"),
            "name a program by its whole path, and `chmod +x` it; no shell reads the setting, so `~` and `$HOME` mean nothing",
        )];
    }
    let Some(report) = ProgramReport::read(context.state()) else {
        return vec![Finding::fine(format!("{KEY} starts {named}; it has not run yet"))];
    };
    let passed = u64::try_from((context.now - report.at).num_milliseconds()).unwrap_or_default();
    let ago = format!("{} ago for {}", duration(passed), report.task);
    let finding = match report.problem {
        None => Finding::fine(format!("{KEY} starts {named}; it ran {ago}")),
        Some(problem) => Finding::note(
            format!("{KEY} failed {ago}: {}", plain(&problem)),
            "run the program by hand; `hooks.log` has every failure",
        ),
    };
    vec![finding.at(report.at)]
}

/// The program that the setting means: a whole path, or the first on PATH.
fn find(context: &DoctorContext, program: &str) -> Option<PathBuf> {
    let path = Path::new(program);
    if path.is_absolute() {
        return is_executable(path).then(|| path.to_owned());
    }
    let folders = std::env::split_paths(context.environment.path.as_ref()?);
    folders.map(|folder| folder.join(program)).find(|path| is_executable(path))
}
