//! The machine that a task runs on, and whether this process can judge what happens there.

use serde::{Deserialize, Serialize};

use crate::sys;

/// A running machine. Containers of one kernel are one machine: their locks are the same locks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The kernel's id of this start of the machine.
    pub boot: String,
    /// The installation's own id, which survives a restart. Containers may have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// For people only: two machines may have the same name, and a name may change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// What this process can know about a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It is this machine: an open lock means that its holder is gone.
    Here,
    /// It is this machine before a restart: none of its processes run.
    Restarted,
    /// It is another machine: nothing about it can be known.
    Elsewhere,
}

impl Machine {
    /// This machine; `None` if the system has no boot id.
    pub fn here() -> Option<Self> {
        sys::machine()
    }

    /// What a process on the machine `here` can know about this machine.
    pub fn reach(&self, here: Option<&Self>) -> Reach {
        match here {
            Some(here) if here.boot == self.boot => Reach::Here,
            Some(here) if self.id.is_some() && here.id == self.id => Reach::Restarted,
            Some(_) | None => Reach::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S9, S10: neither a container's name nor a new host name says whether a task can be judged.
    #[test]
    fn a_machine_is_its_boot_then_its_id() {
        let machine = |boot: &str, id: Option<&str>, host: &str| Machine {
            boot: boot.to_owned(),
            id: id.map(str::to_owned),
            host: Some(host.to_owned()),
        };
        let here = machine("b1", Some("m1"), "laptop");
        let cases = [
            (machine("b1", None, "container"), Reach::Here),
            (machine("b0", Some("m1"), "renamed"), Reach::Restarted),
            (machine("b0", Some("m2"), "laptop"), Reach::Elsewhere),
            (machine("b0", None, "laptop"), Reach::Elsewhere),
        ];
        for (of_task, expected) in cases {
            assert_eq!(of_task.reach(Some(&here)), expected, "{of_task:?}");
        }
        assert_eq!(here.reach(None), Reach::Elsewhere);
    }
}
