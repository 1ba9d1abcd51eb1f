//! Checks an archive: its checksums match, its binaries need no library of the build machine and do not name it, and
//! its installer installs it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::pack::{Target, archive, name_of};
use sisyphus_harness::{plugin, remove};

use super::cargo_home;

/// The loader that a dynamically linked binary names.
const LOADER: &str = "/ld-linux";
/// The folders of the binaries in an archive.
const BINARIES: [&str; 2] = ["hooks/bin", "bin"];

/// Checks the archive in `folder` against its checksums, in a scratch folder.
pub(super) fn check(root: &Path, target: &Target, archive: &Path, folder: &Path) -> Result<()> {
    archive::check_sums(folder)?;
    let scratch = folder.join(".check");
    remove(&scratch)?;
    archive::unpack(archive, target.format(), &scratch)?;
    let end = format!(".{}", target.format().extension());
    let unpacked = scratch.join(name_of(archive)?.trim_end_matches(&end));
    archive::check_sums(&unpacked)?;
    check_binaries(root, &unpacked)?;
    // Another system's programs don't run here, and `install.sh` is not in an archive for Windows.
    if target.runs_here()? && !target.is_windows() {
        // The binaries lie beside the script, so it builds nothing. It runs the demonstration with them.
        plugin::install(&unpacked, &scratch.join("home"))?;
    }
    remove(&scratch)
}

fn check_binaries(root: &Path, unpacked: &Path) -> Result<()> {
    // Whole paths, because a short one such as `/src` is part of others.
    let sources = [root.join("crates/"), cargo_home()?.join("registry/")];
    let [ours, foreign] = sources.map(|path| path.display().to_string());
    for place in BINARIES.map(|place| unpacked.join(place)) {
        for entry in
            fs::read_dir(&place).with_context(|| format!("could not list `{}`", place.display()))?
        {
            let binary = entry?.path();
            let bytes = fs::read(&binary)
                .with_context(|| format!("could not read `{}`", binary.display()))?;
            for text in [LOADER, &ours, &foreign] {
                ensure!(!holds(&bytes, text), "`{}` names `{text}`", binary.display());
            }
        }
    }
    Ok(())
}

fn holds(bytes: &[u8], text: &str) -> bool {
    let Some((first, rest)) = text.as_bytes().split_first() else { return true };
    let mut left = bytes;
    while let Some(at) = left.iter().position(|byte| byte == first) {
        left = &left[at + 1..];
        if left.starts_with(rest) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_wherever_it_is() {
        for bytes in ["/a/b", "x/a/b", "/a/a/b\0", "//a/bc"] {
            assert!(holds(bytes.as_bytes(), "/a/b"), "{bytes}");
        }
        for bytes in ["", "/a", "/a/", "a/b", "/a//b"] {
            assert!(!holds(bytes.as_bytes(), "/a/b"), "{bytes}");
        }
    }
}
