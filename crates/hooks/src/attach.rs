//! Puts the snippet in front of every Bash command of the session, and copies the runner to where the snippet expects
//! it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use sisyphus_attach::snippet;
use sisyphus_base::atomic;
use sisyphus_base::id::SessionId;
use sisyphus_base::paths::{StateDir, create_dir};
use sisyphus_base::rights::make_private_program;
use sisyphus_hook::Context;
use sisyphus_process::find_notifier;
use sisyphus_state::announced::Announced;
use sisyphus_state::run_root::RunRoot;

/// Attaches the session. Without an env file (an older Claude Code) its commands are only observed.
pub(crate) fn attach(context: &Context, session: &SessionId) -> Result<()> {
    let Some(env_file) = &context.environment.claude_env_file else { return Ok(()) };
    let state = context.store.dir();
    provide_runner(context, &state.runner())?;
    context.logged("SessionStart", point_to_notifier(state));
    // Sandboxed commands need this folder and can't create it. Others don't need it.
    context.logged("SessionStart", RunRoot::create(&context.environment));
    let announced = Announced::of(state, session);
    let line = snippet::render(&state.runner(), announced.dir())
        .context("could not attach: a path holds a quote")?;
    append_once(env_file, &line)
}

/// Puts the runner back if it is gone, for example because the user removed the state folder. The shells of running
/// sessions still expect it there.
pub(crate) fn put_back_runner(context: &Context) -> Result<()> {
    let target = context.store.dir().runner();
    if target.exists() {
        return Ok(());
    }
    provide_runner(context, &target)
}

/// Copies the runner into the state folder, unless this very file is there. The plugin's own folder changes with every
/// update, but a session keeps the path that it got at its start. The copy is replaced in one rename, so a running one
/// is never written to.
fn provide_runner(context: &Context, target: &Path) -> Result<()> {
    context.store.dir().create()?;
    let source = bundled_runner(context)?;
    let wanted =
        source.metadata().with_context(|| format!("could not find `{}`", source.display()))?;
    let same = target.metadata().is_ok_and(|found| {
        found.len() == wanted.len() && found.modified().ok() >= wanted.modified().ok()
    });
    if same {
        // The copy is as old as the last session that names it. `sisyphus clean` relies on this.
        let _ = fs::File::open(target).and_then(|it| it.set_modified(SystemTime::now()));
        return Ok(());
    }
    create_dir(&context.store.dir().runner_dir())?;
    let temporary = target.with_extension(format!("{}.tmp", std::process::id()));
    // `copy` keeps the mode of an installed program, which lets other users run it, or more.
    let copied = fs::copy(&source, &temporary)
        .and_then(|_| make_private_program(&temporary))
        .and_then(|()| fs::rename(&temporary, target));
    if copied.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    copied.with_context(|| format!("could not copy the runner to `{}`", target.display()))
}

/// Records where the notifier is, for the copy of the runner. After an update of the plugin the path is outdated, and
/// there are no notices until the next session starts.
fn point_to_notifier(state: &StateDir) -> Result<()> {
    let Some(notifier) = find_notifier(state) else { return Ok(()) };
    let Some(path) = notifier.to_str() else { return Ok(()) };
    let note = state.notifier();
    if fs::read_to_string(&note).is_ok_and(|noted| noted == path) {
        return Ok(());
    }
    atomic::write(&note, path.as_bytes())
}

/// The runner beside this hook.
fn bundled_runner(context: &Context) -> Result<PathBuf> {
    let own = std::env::current_exe().context("could not find this hook's own folder")?;
    let beside = own.with_file_name(format!("sisyphus-run{}", std::env::consts::EXE_SUFFIX));
    if beside.exists() {
        return Ok(beside);
    }
    let root =
        context.environment.claude_plugin_root.as_ref().context("could not find `sisyphus-run`")?;
    Ok(root.join("hooks/bin/sisyphus-run"))
}

/// Appends a line unless the file holds it. On `resume` and `compact` the file still has the content from the start.
fn append_once(env_file: &Path, line: &str) -> Result<()> {
    let content = fs::read_to_string(env_file).unwrap_or_default();
    if content.lines().any(|existing| existing == line) {
        return Ok(());
    }
    let failed = || format!("could not append to `{}`", env_file.display());
    let mut file =
        fs::OpenOptions::new().append(true).create(true).open(env_file).with_context(failed)?;
    let break_first = if content.is_empty() || content.ends_with('\n') { "" } else { "\n" };
    file.write_all(format!("{break_first}{line}\n").as_bytes()).with_context(failed)
}

#[cfg(test)]
mod tests {
    use sisyphus_testing::TempDir;

    use super::*;

    #[test]
    fn the_line_is_added_once_and_on_a_line_of_its_own() {
        let dir = TempDir::new();
        let file = dir.path().join("env.sh");
        fs::write(&file, "export A=1").unwrap();
        append_once(&file, "if true; then :; fi").unwrap();
        append_once(&file, "if true; then :; fi").unwrap();
        assert_eq!(fs::read_to_string(file).unwrap(), "export A=1\nif true; then :; fi\n");
    }
}
