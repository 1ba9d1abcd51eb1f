//! Finds the Claude Code to start: the one that asked for the session, or the first of `PATH`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use sisyphus_base::environment::Environment;

use crate::sys::CLIENT_NAMES;

/// Returns the program, and its script if it is an interpreter. The caller's own may be gone after an update.
pub fn find_client(caller: &[PathBuf], environment: &Environment) -> Result<Vec<PathBuf>> {
    let is_there = |path: &PathBuf| path.is_file();
    if !caller.is_empty() && caller.iter().all(is_there) && caller.iter().any(|it| is_claude(it)) {
        return Ok(caller.to_vec());
    }
    let path = environment.path.clone().unwrap_or_default();
    let mut places =
        std::env::split_paths(&path).flat_map(|dir| CLIENT_NAMES.map(|name| dir.join(name)));
    let found = places.find(is_there);
    found.map(|found| vec![found]).ok_or_else(|| {
        anyhow::anyhow!("could not find Claude Code: put `claude` on PATH and delegate again")
    })
}

/// Whether this path looks like Claude Code's program or script. A process that uses our server without being Claude Code
/// must not be started as if it were.
fn is_claude(path: &Path) -> bool {
    path.iter().map(OsStr::to_string_lossy).any(|part| part.contains("claude"))
}

#[cfg(test)]
mod tests {
    use sisyphus_testing::TempDir;

    use super::*;

    #[test]
    fn the_callers_own_comes_first_while_it_is_there() {
        let dir = TempDir::new();
        let at = |name: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            path
        };
        let (own, node, script) = (at("v/claude"), at("node"), at("claude-code/cli.js"));
        let on_path = at(&format!("bin/{}", CLIENT_NAMES[0]));
        let environment =
            Environment { path: Some(dir.path().join("bin").into()), ..Environment::default() };
        let gone = dir.path().join("old/claude");
        let other = at("inspector");
        let cases = [
            (vec![own.clone()], vec![own]),
            (vec![node.clone(), script.clone()], vec![node, script]),
            (vec![gone], vec![on_path.clone()]),
            (vec![other], vec![on_path.clone()]),
            (vec![], vec![on_path]),
        ];
        for (caller, expected) in cases {
            assert_eq!(find_client(&caller, &environment).unwrap(), expected);
        }
        let error = find_client(&[], &Environment::default()).unwrap_err().to_string();
        assert!(error.contains("put `claude` on PATH"), "{error}");
    }
}
