//! The archive of a release: what it is made of, and how it is packed.
//!
//! The same sources and the same compiler give the same bytes: names are sorted, times and owners are fixed.

pub mod archive;
mod parts;
mod target;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::remove;
use parts::Parts;
pub use target::{Format, RELEASED, Target};

/// Packs the plugin with these binaries into `folder`. The archive holds one folder of the same name.
pub fn pack(root: &Path, binaries: &Path, target: &Target, folder: &Path) -> Result<PathBuf> {
    let parts = Parts::read(root)?;
    let name = name(&parts.version, target);
    let staging = folder.join(&name);
    remove(&staging)?;
    parts.copy(root, binaries, target, &staging)?;
    archive::write_sums(&staging, &parts.files(&staging)?)?;
    let archive = archive::write(folder, &name, target.format())?;
    remove(&staging)?;
    Ok(archive)
}

/// Lays out in `folder` what an archive holds, without packing it.
pub fn tree(root: &Path, binaries: &Path, target: &Target, folder: &Path) -> Result<()> {
    Parts::read(root)?.copy(root, binaries, target, folder)
}

/// The name of an archive and of the folder in it.
fn name(version: &str, target: &Target) -> String {
    format!("sisyphus-{version}-{}", target.triple())
}

/// Where [`pack`] leaves the archive for a target.
pub fn place(root: &Path, target: &Target, folder: &Path) -> Result<PathBuf> {
    let name = name(&version(root)?, target);
    Ok(folder.join(format!("{name}.{}", target.format().extension())))
}

/// The version of the plugin.
pub fn version(root: &Path) -> Result<String> {
    Ok(Parts::read(root)?.version)
}

/// The files that an archive takes from the repository, as paths relative to it with `/` between their parts.
pub fn sources(root: &Path) -> Result<Vec<String>> {
    let sources = Parts::read(root)?.sources(root)?;
    Ok(sources.iter().map(|path| path.to_string_lossy().replace('\\', "/")).collect())
}

/// The packages that hold the plugin's programs.
pub fn packages(root: &Path) -> Result<Vec<String>> {
    Ok(Parts::read(root)?.packages)
}

/// The last part of a path.
pub fn name_of(path: &Path) -> Result<String> {
    let name = path.file_name().context("a path without a name")?;
    Ok(name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::repository;

    /// Each archive is a marketplace of its own, and the same files give the same bytes.
    #[test]
    fn each_system_has_its_archive() {
        let root = repository::root().unwrap();
        let scratch = repository::target().unwrap().join(format!("pack-{}", std::process::id()));
        let installers = ["install.sh", "install.ps1"];
        for (triple, suffix, installer) in
            [("x86_64-unknown-linux-musl", "", 0), ("x86_64-pc-windows-gnu", ".exe", 1)]
        {
            let target = Target::named(triple).unwrap();
            let binaries = scratch.join("binaries").join(triple);
            fs::create_dir_all(&binaries).unwrap();
            let programs = Parts::read(&root).unwrap().programs();
            for name in &programs {
                fs::write(binaries.join(format!("{name}{suffix}")), name).unwrap();
            }
            let archives = ["one", "two"].map(|folder| {
                let folder = scratch.join(folder);
                fs::create_dir_all(&folder).unwrap();
                pack(&root, &binaries, &target, &folder).unwrap()
            });
            assert_eq!(archives[0], place(&root, &target, &scratch.join("one")).unwrap());
            assert!(fs::read(&archives[0]).unwrap() == fs::read(&archives[1]).unwrap(), "{triple}");
            let unpacked = scratch.join("unpacked");
            archive::unpack(&archives[0], target.format(), &unpacked).unwrap();
            let folder = unpacked.join(format!("sisyphus-{}-{triple}", version(&root).unwrap()));
            archive::check_sums(&folder).unwrap();
            // No time of this machine, but a day of its zone.
            let time = fs::metadata(folder.join("LICENSE")).unwrap().modified().unwrap();
            let since = time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            assert!(since.abs_diff(946_684_800) < 86_400, "{triple}: {since}");
            let there = installers.map(|name| folder.join(name).exists());
            assert_eq!(there, [installer == 0, installer == 1], "{triple}");
            let hooks = fs::read_to_string(folder.join("hooks/hooks.json")).unwrap();
            let manifest = fs::read_to_string(folder.join(".claude-plugin/plugin.json")).unwrap();
            assert!(hooks.contains(&format!("/hooks/bin/sisyphus-stop{suffix}\"")), "{hooks}");
            assert!(manifest.contains(&format!("/sisyphus-mcp{suffix}\"")), "{manifest}");
            assert!(folder.join(".claude-plugin/marketplace.json").is_file());
            assert!(folder.join("bin").join(format!("sisyphus{suffix}")).is_file());
        }
        remove(&scratch).unwrap();
    }
}
