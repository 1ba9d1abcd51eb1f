//! A network namespace with loopback only, so that no scenario can reach the network even by mistake.

use std::env;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};
use sisyphus_harness::sys;

/// The argument for the process inside.
pub(crate) const INSIDE: &str = "--in-namespace";

const LOOPBACK_UP: &str = "ip link set lo up";

/// Runs this program again inside, with the same arguments; `None`, after a note, if that is not possible.
pub(crate) fn run_inside(arguments: &[String]) -> Result<Option<ExitCode>> {
    if !sys::is_root() {
        println!("note: not root, so the network is not shut off");
        return Ok(None);
    }
    if !is_possible() {
        println!(
            "note: no network namespaces here (`unshare --net`, `ip`), so the network is not shut off"
        );
        return Ok(None);
    }
    let itself = env::current_exe().context("could not find this executable")?;
    let script = format!("{LOOPBACK_UP} && exec \"$@\"");
    let status = Command::new("unshare")
        .args(["--net", "sh", "-c", &script, "sh"])
        .arg(itself)
        .arg(INSIDE)
        .args(arguments)
        .status()
        .context("could not start `unshare`")?;
    Ok(Some(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }))
}

fn is_possible() -> bool {
    let mut attempt = Command::new("unshare");
    attempt
        .args(["--net", "sh", "-c", LOOPBACK_UP])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    attempt.status().is_ok_and(|status| status.success())
}
