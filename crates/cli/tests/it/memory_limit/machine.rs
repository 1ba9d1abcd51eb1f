//! Boots a virtual machine with a Linux kernel and this executable, and runs the tests of `guest` in it.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use sisyphus_testing::TempDir;

/// How many seconds the machine may take, also on hardware that can't run guests.
const SECONDS: &str = "300";
/// How many tests are in `guest`.
const TESTS: usize = 8;
/// Our programs that they start.
const PROGRAMS: [&str; 6] = [
    "sisyphus",
    "sisyphus-run",
    "sisyphus-session-start",
    "sisyphus-pre-tool-use",
    "sisyphus-post-tool-use",
    "sisyphus-user-prompt-submit",
];

#[test]
#[ignore = "needs qemu, busybox and a kernel: `cargo xtask ci` asks for it"]
fn the_guest_passes() {
    let folder = TempDir::new();
    let archive = folder.path().join("initramfs");
    pack(&folder.path().join("root"), &archive);
    let mut machine = Command::new("timeout");
    machine.args(["--kill-after", "5", SECONDS, "qemu-system-x86_64"]);
    machine.args(["-accel", "tcg", "-m", "1024", "-nic", "none"]);
    machine.args(["-nographic", "-no-reboot", "-append", "console=ttyS0 panic=-1 quiet"]);
    machine.arg("-kernel").arg(target().join("kernel/vmlinuz")).arg("-initrd").arg(archive);
    let said = machine.output().unwrap();
    let console = String::from_utf8_lossy(&said.stdout);
    let passed = format!("test result: ok. {TESTS} passed");
    assert!(
        console.contains(&passed),
        "the guest does not say `{passed}`: {:?}\n{console}\n{}",
        said.status,
        String::from_utf8_lossy(&said.stderr)
    );
}

/// The folder of all builds.
fn target() -> PathBuf {
    let this = env::current_exe().unwrap();
    this.ancestors().nth(3).unwrap().to_owned()
}

/// Makes an archive of all that the guest needs. Each file has the path that it has here.
fn pack(root: &Path, archive: &Path) {
    let this = env::current_exe().unwrap();
    let built = |name| this.ancestors().nth(2).unwrap().join(name);
    let mut files: BTreeSet<PathBuf> = PROGRAMS.map(built).into();
    let ours: BTreeSet<PathBuf> = files.iter().cloned().chain([this.clone()]).collect();
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].map(Path::new);
    let busybox = busybox.into_iter().find(|path| path.exists()).unwrap();
    files.extend([this.clone(), "/bin/bash".into(), busybox.to_owned()]);
    let libraries: Vec<_> = files.iter().flat_map(|file| libraries(file)).collect();
    for file in files.into_iter().chain(libraries) {
        let inside = inside(root, &file);
        fs::copy(&file, &inside).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if ours.contains(&file) {
            strip(&inside);
        }
    }
    for folder in ["bin", "dev", "proc", "sys", "tmp"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::copy(busybox, root.join("bin/busybox")).unwrap();
    symlink("busybox", root.join("bin/sh")).unwrap();
    let init = inside(root, Path::new("/init"));
    fs::copy(busybox, &init).unwrap();
    fs::write(&init, script(&this)).unwrap();
    let pack = "cd \"$0\" && find . | busybox cpio -o -H newc >\"$1\"";
    let packed = Command::new("sh").args(["-c", pack]).arg(root).arg(archive).output().unwrap();
    assert!(packed.status.success(), "{packed:?}");
}

/// Removes what only debuggers need: with it the archive is larger than the guest's memory. `strip` comes with the linker.
fn strip(program: &Path) {
    let stripped = Command::new("strip").arg("--strip-debug").arg(program).output().unwrap();
    assert!(stripped.status.success(), "{stripped:?}");
}

/// Where this file is in the archive.
fn inside(root: &Path, file: &Path) -> PathBuf {
    let inside = root.join(file.strip_prefix("/").unwrap());
    fs::create_dir_all(inside.parent().unwrap()).unwrap();
    inside
}

/// The libraries that a program is linked with.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let listed = Command::new("ldd").arg(program).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed.split_whitespace().filter(|it| it.starts_with('/')).map(PathBuf::from).collect()
}

/// The first process of the guest: mounts what a system has, runs the tests, and ends the machine. Nothing is mounted on
/// `/tmp`, where this executable may be.
fn script(this: &Path) -> String {
    format!(
        "#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp
mount -t proc none /proc && mount -t sysfs none /sys && mount -t devtmpfs none /dev
exec </dev/null >/dev/ttyS0 2>&1
mount -t cgroup2 none /sys/fs/cgroup
{} --ignored memory_limit::guest --test-threads 1
reboot -f
",
        this.display()
    )
}
