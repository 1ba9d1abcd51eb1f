//! An installer that is stopped in the middle.

use std::path::Path;

use sisyphus_testing::env;

use crate::site::{BINARIES, Site, program, succeeds};
use crate::tree::{files, tree};

/// Makes `tool` do its work and then stop the installer, the `nth` time that it is started.
fn stop_after(site: &Site, tool: &str, nth: u32) {
    let real = program(tool).unwrap();
    let count = site.path().join("count");
    std::fs::remove_file(site.tools.join(tool)).unwrap();
    let [real, count] = [real, count].map(|path| path.display().to_string());
    site.script_tool(
        tool,
        &format!("{real} \"$@\"; code=$?; echo >>{count}; [ $(grep -c '' {count}) != {nth} ] || kill -TERM $PPID; exit $code"),
    );
}

fn assert_whole(plugin: &Path) {
    for name in BINARIES {
        let folder = if name == "sisyphus" { "bin" } else { "hooks/bin" };
        assert!(plugin.join(folder).join(name).is_file(), "{name} of {}", plugin.display());
    }
}

/// Every moment between two programs that the installer starts where something has changed.
fn moments() -> impl Iterator<Item = (&'static str, u32)> {
    [("mkdir", 10), ("cp", 13), ("mv", 3), ("ln", 3), ("touch", 1)]
        .into_iter()
        .flat_map(|(tool, times)| (1..=times).map(move |nth| (tool, nth)))
}

/// A first `install.sh` that is stopped leaves nothing or a whole plugin.
#[test]
fn a_stopped_first_installation() {
    let mut stopped = 0;
    for (tool, nth) in moments() {
        let site = Site::new();
        site.link_tool("grep", &program("grep").unwrap());
        let installer = site.installer_with(&site.stubs());
        stop_after(&site, tool, nth);
        let output = env::run(installer, b"");
        stopped += u32::from(output.code != Some(0));
        if site.plugin().is_symlink() {
            assert_whole(&site.plugin());
        } else {
            assert_eq!(files(&site.home), Vec::<String>::new(), "after {tool} {nth}: {output:?}");
        }
    }
    assert!(stopped > 20, "only {stopped} were stopped");
}

/// An `install.sh` that is stopped during an update leaves the old plugin or the new one.
#[test]
fn a_stopped_update() {
    let mut stopped = 0;
    for (tool, nth) in moments().filter(|(tool, _)| *tool != "mkdir") {
        let site = Site::new();
        site.link_tool("grep", &program("grep").unwrap());
        let stubs = site.install_stubs();
        let before = tree(&site.home);
        let first = site.current();
        stop_after(&site, tool, nth);
        let output = env::run(site.installer_with(&stubs), b"");
        stopped += u32::from(output.code != Some(0));
        assert_whole(&site.plugin());
        if site.current() == first {
            assert_eq!(tree(&site.home), before, "after {tool} {nth}: {output:?}");
        }
        // The next one is not in its way.
        std::fs::remove_file(site.tools.join(tool)).unwrap();
        site.link_tool(tool, &program(tool).unwrap());
        succeeds(site.installer_with(&stubs));
        assert_whole(&site.plugin());
    }
    assert!(stopped > 12, "only {stopped} were stopped");
}
