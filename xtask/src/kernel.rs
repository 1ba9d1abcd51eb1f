//! A Linux kernel for tests that need a machine of their own. It is kept in `target/kernel/vmlinuz`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::repository;

/// Debian's smallest kernel. Nothing is installed.
const FETCH: &str = "cd \"$0\" && rm -rf unpacked ./*.deb &&
image=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \\(linux-image-[0-9].*\\)/\\1/p' | head -n 1) &&
apt-get download -qq \"$image\" && dpkg-deb -x ./*.deb unpacked &&
mv unpacked/boot/vmlinuz-* vmlinuz && rm -rf unpacked ./*.deb";

/// Fetches it unless it is there.
pub(crate) fn fetch() -> Result<()> {
    let folder = repository::target()?.join("kernel");
    let kernel = folder.join("vmlinuz");
    if !kernel.exists() {
        fetch_to(&folder).with_context(|| {
            format!(
                "`{}` is missing: put a Linux kernel there; on Debian `apt-get update` lets this step fetch linux-image-cloud-amd64",
                kernel.display()
            )
        })?;
    }
    Ok(())
}

fn fetch_to(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let fetched = Command::new("sh").args(["-c", FETCH]).arg(folder).output()?;
    let said = String::from_utf8_lossy(&fetched.stderr).replace('\n', " ");
    ensure!(fetched.status.success(), "{}", said.trim());
    Ok(())
}
