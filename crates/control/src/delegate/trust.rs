//! Whether a person may delegate here: only in a folder that they have trusted in Claude Code.

use std::path::{MAIN_SEPARATOR, Path};

use anyhow::{Result, ensure};
use serde_json::Value;
use sisyphus_base::atomic;
use sisyphus_base::environment::Environment;

/// Largest file of Claude Code that is read, in bytes. It holds the history of all projects.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Refuses a folder that the user has not trusted in Claude Code. `claude -p` asks nothing and runs the folder's own
/// hooks (CC-78).
pub fn ensure_trusted(folder: &Path, environment: &Environment) -> Result<()> {
    let home = environment.claude_config_dir.clone().or_else(|| environment.home.clone());
    let file = home.map(|home| home.join(".claude.json"));
    let read = file.and_then(|file| atomic::read_linked(&file, MAX_BYTES).ok().flatten());
    let known: Value = read.and_then(|it| serde_json::from_slice(&it).ok()).unwrap_or_default();
    ensure!(
        folder.ancestors().any(|dir| is_trusted(&known, dir)),
        "could not delegate in `{}`: it was never trusted; start `claude` there once and answer its question",
        folder.display()
    );
    Ok(())
}

fn is_trusted(known: &Value, folder: &Path) -> bool {
    let folder = folder.to_string_lossy();
    // The file names folders of Windows with slashes.
    let names = [folder.replace(MAIN_SEPARATOR, "/"), folder.into_owned()];
    names.iter().any(|name| known["projects"][name]["hasTrustDialogAccepted"] == true)
}

#[cfg(test)]
mod tests {
    use sisyphus_testing::TempDir;

    use super::*;

    #[test]
    fn only_a_trusted_folder_and_what_is_below_it() {
        let dir = TempDir::new();
        let environment =
            Environment { home: Some(dir.path().to_owned()), ..Environment::default() };
        let trusted = |folder: &str| ensure_trusted(Path::new(folder), &environment).is_ok();
        assert!(!trusted("/a/b"), "without a file");
        let known = r#"{"projects":{"/a/b":{"hasTrustDialogAccepted":true},"/c":{"hasTrustDialogAccepted":false},"/d":7}}"#;
        std::fs::write(dir.path().join(".claude.json"), known).unwrap();
        let cases = ["/a/b", "/a/b/c", "/a", "/c", "/d", "/a/bb"].map(trusted);
        assert_eq!(cases, [true, true, false, false, false, false]);
        std::fs::write(dir.path().join(".claude.json"), "{").unwrap();
        assert!(!trusted("/a/b"), "junk");
    }
}
