//! A small disk with the state, to be filled.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::TestEnv;

/// Mounts a small disk at `$1` in a mount namespace of its own, and holds it until its input ends.
const HOLD: &str = r#"mount -t tmpfs -o size=64m,mode=700 none "$1" && echo ready && read -r _"#;

/// A small disk with the state of a test.
#[derive(Debug)]
pub struct SmallDisk {
    holder: Child,
    root: PathBuf,
}

impl SmallDisk {
    /// Moves the state there, and leaves what it was before in `state-before`. Where this user may not mount, as in many
    /// containers, it prints that the test tests nothing, and returns `None`.
    pub fn with_state_of(env: &TestEnv) -> Option<Self> {
        let Some(disk) = Self::mount(&env.path().join("disk")) else {
            not_tested();
            return None;
        };
        let old = env.path().join("state-before");
        fs::create_dir_all(env.state()).expect("a state folder");
        // Only root could copy a lock file, because no user may read it.
        let _ = fs::remove_file(env.state().join("state.lock"));
        fs::rename(env.state(), &old).expect("the state moves");
        let copied = Command::new("cp").arg("-a").arg(old.join(".")).arg(&disk.root).status();
        assert!(copied.expect("cp").success(), "could not copy the state");
        symlink(&disk.root, env.state()).expect("a link to the disk");
        Some(disk)
    }

    fn mount(place: &Path) -> Option<Self> {
        fs::create_dir(place).expect("a folder to mount at");
        let mut command = Command::new("unshare");
        if !nix::unistd::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        command.args(["--mount", "sh", "-c", HOLD, "sh"]).arg(place);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let holder = command.spawn().ok()?;
        // The way into the namespace of another process.
        let below = place.strip_prefix("/").expect("an absolute path");
        let root = Path::new("/proc").join(holder.id().to_string()).join("root").join(below);
        let mut disk = Self { holder, root };
        let mut line = String::new();
        let stdout = disk.holder.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        (line == "ready\n").then_some(disk)
    }

    fn filler(&self) -> PathBuf {
        self.root.join("filler")
    }

    /// Leaves no byte free.
    pub fn fill(&self) {
        let mut zeros = fs::File::open("/dev/zero").expect("zeros");
        let mut filler = fs::File::create(self.filler()).expect("a filler");
        let error = std::io::copy(&mut zeros, &mut filler).expect_err("a small disk");
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    pub fn make_room(&self) {
        fs::remove_file(self.filler()).expect("the filler goes");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[expect(clippy::print_stdout, reason = "the output of a test says what it does not test")]
fn not_tested() {
    println!("not tested: mounting is not permitted here");
}
