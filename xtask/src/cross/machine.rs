//! A virtual machine of another processor, where a whole installation runs. `machine.sh` makes and starts it.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::pack::Target;

/// Whether there is a machine for this target.
pub(super) fn is_for(target: &Target) -> bool {
    target.triple().starts_with("aarch64-unknown-linux-")
}

/// Installs an unpacked archive there, into an empty home. What the machine needs is kept in `folder`.
pub(super) fn install(root: &Path, folder: &Path, archive: &Path) -> Result<()> {
    let mut machine = Command::new("sh");
    machine.arg(root.join("xtask/src/cross/machine.sh")).arg(folder).arg(archive);
    machine.stderr(Stdio::inherit());
    let output = machine.output().with_context(|| format!("could not start {machine:?}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "could not install the plugin in the machine: {said}");
    Ok(())
}
