//! Finds the control group of version 2 below which a group with a limit of memory can be made. Only Linux has any.
//!
//! Such a group can't be below that of this process: a group that holds processes hands no controller on. So it is made
//! beside that group or one above it, and the command moves there.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use sisyphus_tasks::memory_limit::Lack;

/// Files in which a group has limits for all that is in it. Each begins with `max` if there is none.
const LIMITS: [&str; 4] = ["memory.max", "memory.high", "memory.swap.max", "cpu.max"];

/// The group below which this process may make one.
pub(super) fn parent_of_new() -> Result<PathBuf, Lack> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    parent(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"), may_write)
}

fn parent(groups: &str, mounts: &str, may_write: impl Fn(&Path) -> bool) -> Result<PathBuf, Lack> {
    let (own, root) = own_group(groups, mounts).ok_or(Lack::NoGroups)?;
    let mut lack = Lack::NoController;
    let mut left: Vec<&Path> = Vec::new();
    for group in own.ancestors().take_while(|group| group.starts_with(&root)) {
        if hands_memory_on(group) {
            if may_write(group) && may_write(&group.join("cgroup.procs")) {
                let has_limit = left.iter().any(|group| has_limit(group));
                return if has_limit { Err(Lack::WouldLeaveLimits) } else { Ok(group.to_owned()) };
            }
            lack = Lack::NoRights;
        }
        left.push(group);
    }
    Err(lack)
}

/// The folder of this process's group, and where its hierarchy is mounted.
fn own_group(groups: &str, mounts: &str) -> Option<(PathBuf, PathBuf)> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().filter_map(mount).find_map(|(root, point)| {
        let folder = point.join(Path::new(own).strip_prefix(root).ok()?);
        folder.join("cgroup.procs").exists().then_some((folder, point))
    })
}

/// Which part of the hierarchy a line of `/proc/self/mountinfo` mounts, and where; `None` for another file system.
fn mount(line: &str) -> Option<(PathBuf, PathBuf)> {
    let (mount, system) = line.split_once(" - ")?;
    if system.split(' ').next()? != "cgroup2" {
        return None;
    }
    let mut fields = mount.split(' ').skip(3).map(unescaped);
    Some((fields.next()?, fields.next()?))
}

/// A path in which the kernel has written blanks as `\040`.
fn unescaped(field: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let octal = others.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        let escaped = escaped.filter(|_| *first == b'\\');
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { others.get(3..).unwrap_or_default() } else { others };
    }
    OsString::from_vec(bytes).into()
}

fn hands_memory_on(group: &Path) -> bool {
    let controllers = fs::read_to_string(group.join("cgroup.subtree_control")).unwrap_or_default();
    controllers.split_whitespace().any(|it| it == "memory")
}

fn has_limit(group: &Path) -> bool {
    let is_set = |name: &str| {
        fs::read_to_string(group.join(name)).is_ok_and(|value| !value.starts_with("max"))
    };
    LIMITS.iter().any(|name| is_set(name))
}

fn may_write(path: &Path) -> bool {
    access(path, AccessFlags::W_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use sisyphus_testing::TempDir;

    use super::*;

    const GROUPS: &str = "1:name=systemd:/x\n0::/user.slice/app.slice/x.scope\n";

    /// What systemd's user manager makes for a program that a desktop starts.
    struct Tree(TempDir);

    impl Tree {
        fn new() -> Self {
            let tree = Self(TempDir::new());
            for (group, controllers) in [
                ("", "cpu memory pids"),
                ("user.slice", "memory pids"),
                ("user.slice/app.slice", "cpu memory"),
                ("user.slice/app.slice/x.scope", ""),
            ] {
                fs::create_dir_all(tree.path(group)).unwrap();
                tree.put(group, "cgroup.subtree_control", controllers);
                tree.put(group, "cgroup.procs", "");
                tree.put(group, "memory.max", "max\n");
                tree.put(group, "cpu.max", "max 100000\n");
            }
            tree
        }

        fn path(&self, group: &str) -> PathBuf {
            if group.is_empty() { self.0.path().to_owned() } else { self.0.path().join(group) }
        }

        fn put(&self, group: &str, file: &str, text: &str) {
            fs::write(self.path(group).join(file), text).unwrap();
        }

        fn mounts(&self) -> String {
            let point = self.0.path().display().to_string().replace(' ', "\\040");
            format!(
                "30 1 0:5 / /sys rw - sysfs sysfs rw\n31 30 0:6 / {point} rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
            )
        }

        fn parent(&self, may_write: impl Fn(&Path) -> bool) -> Result<PathBuf, Lack> {
            parent(GROUPS, &self.mounts(), may_write)
        }
    }

    #[test]
    fn a_group_is_made_beside_the_own_one() {
        let tree = Tree::new();
        assert_eq!(tree.parent(|_| true), Ok(tree.path("user.slice/app.slice")));
        // The next one above takes its place if it hands no memory on, or is another user's.
        tree.put("user.slice/app.slice", "cgroup.subtree_control", "cpu pids");
        assert_eq!(tree.parent(|_| true), Ok(tree.path("user.slice")));
        let tree = Tree::new();
        let is_other = |path: &Path| !path.ends_with("app.slice");
        assert_eq!(tree.parent(is_other), Ok(tree.path("user.slice")));
        let only_folders = |path: &Path| !path.ends_with("cgroup.procs");
        assert_eq!(tree.parent(only_folders), Err(Lack::NoRights));
        assert_eq!(tree.parent(|_| false), Err(Lack::NoRights));
    }

    /// Processes of the system's first group are no obstacle.
    #[test]
    fn a_process_in_the_first_group_stays_below_it() {
        let tree = Tree::new();
        assert_eq!(parent("0::/\n", &tree.mounts(), |_| true), Ok(tree.path("")));
    }

    #[test]
    fn without_the_controller_there_is_none() {
        let tree = Tree::new();
        for group in ["", "user.slice", "user.slice/app.slice"] {
            tree.put(group, "cgroup.subtree_control", "cpu memory_of_another_kind");
        }
        assert_eq!(tree.parent(|_| true), Err(Lack::NoController));
    }

    /// A command does not escape from what limits Claude Code itself.
    #[test]
    fn no_group_with_limits_is_left() {
        for (file, limit) in [("memory.max", "1000000\n"), ("cpu.max", "20000 100000\n")] {
            let tree = Tree::new();
            tree.put("user.slice", file, limit);
            assert_eq!(tree.parent(|_| true), Ok(tree.path("user.slice/app.slice")));
            tree.put("user.slice/app.slice/x.scope", file, limit);
            assert_eq!(tree.parent(|_| true), Err(Lack::WouldLeaveLimits), "{file}");
        }
    }

    #[test]
    fn what_is_not_mounted_has_no_group() {
        let tree = Tree::new();
        let none = Err(Lack::NoGroups);
        assert_eq!(parent("4:memory:/x\n", &tree.mounts(), |_| true), none);
        assert_eq!(parent("0::/elsewhere\n", &tree.mounts(), |_| true), none);
        assert_eq!(parent("0::/../x\n", &tree.mounts(), |_| true), none);
        assert_eq!(parent(GROUPS, "", |_| true), none);
        assert_eq!(parent(GROUPS, &tree.mounts().replace("cgroup2", "tmpfs"), |_| true), none);
        assert_eq!(parent("", "", |_| true), none);
    }

    /// A container may see only a part of the hierarchy, at a place with a blank in its name.
    #[test]
    fn a_part_of_the_hierarchy_is_mounted() {
        let line = r"31 30 0:6 /docker/a\040b /mnt/c\040d ro,nosuid master:9 - cgroup2 none rw";
        assert_eq!(mount(line), Some(("/docker/a b".into(), "/mnt/c d".into())));
        assert_eq!(mount("31 30 0:6 / /x rw - tmpfs none rw"), None);
        assert_eq!(mount("nonsense"), None);
        let tree = Tree::new();
        let mounts = tree.mounts().replace(" 0:6 / ", " 0:6 /docker/abc ");
        let groups = "0::/docker/abc/user.slice/app.slice/x.scope\n";
        assert_eq!(parent(groups, &mounts, |_| true), Ok(tree.path("user.slice/app.slice")));
        assert_eq!(parent("0::/docker/other\n", &mounts, |_| true), Err(Lack::NoGroups));
    }
}
