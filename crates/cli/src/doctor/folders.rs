//! The state folder and its files: whether they belong to the user, and whether other users have access.

use std::path::{Path, PathBuf};

use sisyphus_base::paths::WAY_TO_WRITE;
use sisyphus_base::rights::{Rights, rights};

use super::context::{DoctorContext, entries};
use super::finding::{Finding, for_shell, named};

/// How many findings are printed.
const TOLD: usize = 5;

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let state = context.state();
    let root = state.root();
    let Ok(metadata) = root.symlink_metadata() else {
        return vec![Finding::note(
            format!("the state folder {} does not exist yet", named(root)),
            "the first session of Claude Code creates it",
        )];
    };
    if !metadata.is_dir() && !metadata.is_symlink() {
        return vec![Finding::broken(
            format!("{} is not a folder", named(root)),
            "move it away; the next session creates the folder",
        )];
    }
    let folders = [
        root.to_owned(),
        state.inbox_dir(),
        state.sessions_dir(),
        state.output_dir(),
        state.archive_dir(),
        state.wake_dir(),
        state.claims_dir(),
        state.runner_dir(),
    ];
    // Subfolders have entries of their own in `folders`.
    let is_file = |path: &PathBuf| path.is_symlink() || !path.is_dir();
    let all = folders
        .iter()
        .flat_map(|folder| std::iter::once(folder.clone()).chain(entries(folder).filter(is_file)));
    // The runner is no secret, and grants no rights to other users.
    let is_bad = |(path, rights): &(PathBuf, Rights)| match rights {
        Rights::OursAlone => false,
        Rights::OthersMayRead => !path.starts_with(state.runner_dir()),
        Rights::Link | Rights::SomebodyElses | Rights::OthersMayWrite => true,
    };
    let with_rights = |path: PathBuf| rights(&path).ok().map(|rights| (path, rights));
    let bad: Vec<(PathBuf, Rights)> = all.filter_map(with_rights).filter(is_bad).collect();
    let mut found: Vec<Finding> =
        bad.iter().take(TOLD).map(|(path, rights)| tell(path, *rights)).collect();
    if bad.len() > TOLD {
        found.push(Finding::broken(
            format!("{} more paths have such faults", bad.len() - TOLD),
            format!("chmod -R go= {}", for_shell(root)),
        ));
    }
    if !state.is_writable() {
        found.push(Finding::broken(format!("{} is not writable", named(root)), WAY_TO_WRITE));
    }
    if found.is_empty() {
        found.push(Finding::fine(format!("only you can access {}", named(root))));
    }
    found.extend(within_reach(context));
    found
}

/// Ways in which a sandboxed command may be able to write to the state.
fn within_reach(context: &DoctorContext) -> Option<Finding> {
    let config = &context.config_dir;
    if context.state().config_dir().is_none() {
        return Some(Finding::note(
            format!("SISYPHUS_STATE_DIR is set to {}", named(context.state().root())),
            "make sure that no command in Claude Code's sandbox can write there",
        ));
    }
    config.is_symlink().then(|| {
        Finding::note(
            format!("{} is a link", named(config)),
            "in a session that was started in a parent folder a sandboxed command can replace it",
        )
    })
}

fn tell(path: &Path, rights: Rights) -> Finding {
    let name = named(path);
    match rights {
        Rights::Link => Finding::broken(
            format!("{name} is a link"),
            "put the file itself there; to use another folder set SISYPHUS_STATE_DIR",
        ),
        Rights::SomebodyElses => {
            Finding::broken(format!("{name} belongs to another user"), "move it away, or chown it")
        }
        Rights::OthersMayWrite => Finding::broken(
            format!("{name} can be changed by other users"),
            format!("chmod go= {}", for_shell(path)),
        ),
        Rights::OthersMayRead | Rights::OursAlone => Finding::note(
            format!("{name} can be read by other users"),
            format!("chmod go= {}", for_shell(path)),
        ),
    }
}
