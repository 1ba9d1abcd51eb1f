//! Real ends for want of memory. The kernel ends a process only of a control group that is made here and has little of it.
//! That needs root, and a hierarchy that has the controller for memory. So these tests run only if they are asked for:
//! `cargo xtask ci` asks for them wherever such a group can be made, and says so where it can't.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use serde_json::json;
use sisyphus_testing::{Client, Shell, wait_until};

/// Roots of hierarchies, and what a group's limit is called there.
const ROOTS: [(&str, &str); 2] =
    [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
const LIMIT: &str = "100000000";
/// What is ended in such a group.
const GREEDY: &str = "dd if=/dev/zero of=/dev/null bs=400000000 count=1";

/// A control group with little memory.
struct Group {
    folder: PathBuf,
}

impl Group {
    fn new(name: &str) -> Self {
        let made = ROOTS.iter().find_map(|(root, limit)| {
            let folder = Path::new(root).join(format!("sisyphus-test-{}-{name}", process::id()));
            fs::create_dir(&folder).ok()?;
            let group = Self { folder };
            fs::write(group.folder.join(limit), LIMIT).ok()?;
            // Without swap the limit is one. Not every kernel counts swap.
            let _ = fs::write(group.folder.join("memory.swap.max"), "0");
            Some(group)
        });
        made.unwrap_or_else(|| panic!("needs root and a control group for memory"))
    }

    /// Moves the shell that executes it into the group.
    fn join(&self) -> String {
        format!("echo $$ >{}", self.folder.join("cgroup.procs").display())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        wait_until("the group to be empty", || fs::remove_dir(&self.folder).is_ok());
    }
}

#[test]
#[ignore = "needs root and a control group for memory"]
fn the_counter_of_the_group_is_a_witness() {
    for shell in Shell::BOTH {
        let group = Group::new("own");
        let mut client = Client::new(shell);
        client.prelude = format!("{} && ", group.join());
        for (command, code) in [
            (GREEDY.to_owned(), 137),
            // As `make` does.
            (format!("{GREEDY} || exit 2"), 2),
        ] {
            client.background(&command).wait();
            let text = client.types();
            let code = format!("failed with exit code {code} after ");
            let clause = "\nwhile it ran, the kernel ended a process of its control group for want of memory; largest process: ";
            assert!(text.contains(&code) && text.contains(clause), "{command}: {text}");
        }
        // Neither a success nor a later failure has to do with it.
        client.background(&format!("{GREEDY}; true")).wait();
        client.background("exit 3").wait();
        let text = client.types();
        assert!(text.contains("exit code 3") && !text.contains("want of memory"), "{text}");
        let tasks = client.tasks();
        let witnesses = tasks.iter().filter(|task| task["oom_kill"] == "control_group");
        assert_eq!(witnesses.count(), 2, "{tasks:#?}");
    }
}

/// The kernel ends a process of another group: the machine's counter rises, and the report says no more than that.
#[test]
#[ignore = "needs root and a control group for memory"]
fn the_counter_of_the_machine_is_half_a_witness() {
    let group = Group::new("other");
    let client = Client::new(Shell::Bash);
    let elsewhere = format!("bash -c '{} && exec {GREEDY}'", group.join());
    client.background(&format!("{elsewhere}; exit $?")).wait();
    let text = client.types();
    let clause = "\nwhile it ran, the kernel ended a process on this machine for want of memory, perhaps one of this command; largest process: ";
    assert!(text.contains(clause), "{text}");
    assert_eq!(client.task()["oom_kill"], json!("machine"));
    // Its code says nothing of a kill.
    client.background(&format!("{elsewhere}; exit 2")).wait();
    let text = client.types();
    assert!(text.contains("exit code 2") && !text.contains("want of memory"), "{text}");
}
