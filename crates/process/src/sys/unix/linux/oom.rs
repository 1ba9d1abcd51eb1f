//! How often the kernel has ended a process for want of memory. Only Linux counts that.

use std::path::{Path, PathBuf};

use sisyphus_tasks::oom_kill::OomKill;

use super::memory_group::MemoryGroup;
use super::proc::text_of;

/// Where systems mount the hierarchies of control groups.
const UNIFIED: &str = "/sys/fs/cgroup";
const MEMORY_V1: &str = "/sys/fs/cgroup/memory";
/// The counter of the whole machine.
const MACHINE: &str = "/proc/vmstat";

/// What the counters said at one moment. A counter that can't be read says nothing.
#[derive(Debug)]
pub struct OomCounters {
    /// The file of the control group that the command began in, and its counter.
    group: Option<(PathBuf, u64)>,
    /// `None` if the group holds the command alone, whose counter says enough then.
    machine: Option<u64>,
    /// The file of what the limit of that group did.
    at_limit: Option<PathBuf>,
}

impl OomCounters {
    pub fn now() -> Self {
        let groups = text_of(Path::new("/proc/self/cgroup")).unwrap_or_default();
        let group = counter_file(&groups);
        let group = group.and_then(|file| count(&file).map(|count| (file, count)));
        Self { group, machine: count(Path::new(MACHINE)), at_limit: None }
    }

    /// The counters of a new group that holds one command.
    pub fn of(group: &MemoryGroup) -> Self {
        let [file, at_limit] =
            ["memory.events", "memory.events.local"].map(|name| group.folder().join(name));
        Self { group: Some((file, 0)), machine: None, at_limit: Some(at_limit) }
    }

    /// The counter of the control group, if it has risen since.
    pub fn group_has_risen(&self) -> Option<OomKill> {
        let (file, before) = self.group.as_ref()?;
        if count(file)? <= *before {
            return None;
        }
        let at_limit = self.at_limit.as_deref().and_then(text_of);
        let at_limit = at_limit.and_then(|text| number_in(&text, "oom "));
        Some(if at_limit > Some(0) { OomKill::MemoryLimit } else { OomKill::ControlGroup })
    }

    /// The counter of the whole machine, if it has risen since.
    pub fn machine_has_risen(&self) -> Option<OomKill> {
        (count(Path::new(MACHINE))? > self.machine?).then_some(OomKill::Machine)
    }
}

/// The file with the counter of the group that `/proc/self/cgroup` names. In the second version it counts for the groups
/// below too, in the first one for the group alone.
fn counter_file(groups: &str) -> Option<PathBuf> {
    let mut unified = None;
    for line in groups.lines() {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let path = path.trim_start_matches('/');
        if controllers.split(',').any(|it| it == "memory") {
            return Some(Path::new(MEMORY_V1).join(path).join("memory.oom_control"));
        }
        if controllers.is_empty() {
            unified = Some(Path::new(UNIFIED).join(path).join("memory.events"));
        }
    }
    unified
}

fn count(file: &Path) -> Option<u64> {
    counter_in(&text_of(file)?)
}

/// All three files have a line `oom_kill NUMBER`.
fn counter_in(text: &str) -> Option<u64> {
    number_in(text, "oom_kill ")
}

fn number_in(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_version_has_its_file() {
        let second = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope\n";
        let both = "9:name=systemd:/\n5:cpu,memory:/a:b\n0::/c\n";
        let cases = [
            (
                second,
                Some(
                    "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope/memory.events",
                ),
            ),
            ("0::/\n", Some("/sys/fs/cgroup/memory.events")),
            (both, Some("/sys/fs/cgroup/memory/a:b/memory.oom_control")),
            ("3:cpu:/x\n", None),
            ("", None),
            ("memory\n", None),
        ];
        for (groups, expected) in cases {
            assert_eq!(counter_file(groups), expected.map(PathBuf::from), "{groups:?}");
        }
    }

    #[test]
    fn each_file_has_the_same_line() {
        let cases = [
            ("low 0\nhigh 0\nmax 91\noom 2\noom_kill 3\noom_group_kill 1\n", Some(3)),
            ("oom_kill_disable 0\nunder_oom 0\noom_kill 4\n", Some(4)),
            ("nr_free_pages 5\noom_kill 6\nballoon_inflate 0\n", Some(6)),
            // Kernels before 4.13 count nothing.
            ("oom_kill_disable 0\nunder_oom 0\n", None),
            ("oom_kill -1\n", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(counter_in(text), expected, "{text:?}");
        }
    }

    /// A group of its own may have lost a process to the want of memory of all others.
    #[test]
    fn only_its_own_limit_counts_as_the_limit() {
        let folder = sisyphus_testing::TempDir::new();
        let [file, local] =
            ["memory.events", "memory.events.local"].map(|it| folder.path().join(it));
        fs::write(&file, "oom 1\noom_kill 1\n").unwrap();
        let risen = |at_limit: &str| {
            fs::write(&local, at_limit).unwrap();
            let at_limit = Some(local.clone());
            OomCounters { group: Some((file.clone(), 0)), machine: None, at_limit }
                .group_has_risen()
        };
        assert_eq!(risen("max 4\noom 1\noom_kill 1\n"), Some(OomKill::MemoryLimit));
        assert_eq!(risen("max 4\noom 0\noom_kill 1\n"), Some(OomKill::ControlGroup));
        assert_eq!(risen(""), Some(OomKill::ControlGroup));
    }

    #[test]
    fn a_counter_that_stands_still_says_nothing() {
        let counters = OomCounters::now();
        assert_eq!(counters.group_has_risen(), None);
        let gone =
            OomCounters { group: Some(("/nowhere".into(), 0)), machine: None, at_limit: None };
        assert_eq!((gone.group_has_risen(), gone.machine_has_risen()), (None, None));
    }
}
