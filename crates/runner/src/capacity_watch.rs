//! Lets the kernel wake a runner near the head of the queue when the number of its slots changes.

use std::time::Duration;

use sisyphus_process::Folders;

use crate::slots::Slots;

/// What tells a runner that the number of slots has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeenBy {
    /// The kernel wakes it at every change. A look now and then is for file systems that report none, such as one that
    /// another machine writes to.
    Kernel,
    /// It has to look often.
    Clock,
}

impl SeenBy {
    /// How often the head of the queue looks. Without the kernel's help that is shorter than the patience of the second
    /// in the queue. A look costs some tenths of a millisecond.
    pub(crate) fn head_check(self) -> Duration {
        match self {
            Self::Kernel => Duration::from_secs(30),
            Self::Clock => Duration::from_millis(500),
        }
    }
}

/// The folders that decide how many slots there are.
#[derive(Debug)]
pub(crate) struct CapacityWatch {
    /// `None` where the kernel watches nothing.
    folders: Option<Folders>,
}

impl CapacityWatch {
    /// Begins to watch. The caller looks at the queue after that, because earlier changes wake no process.
    pub(crate) fn start(slots: &Slots) -> Self {
        let watch = Self { folders: Folders::new().ok() };
        watch.seen_by(slots);
        watch
    }

    pub(crate) fn folders(&self) -> Option<&Folders> {
        self.folders.as_ref()
    }

    /// What sees the next change. Folders that were made since are watched from now on.
    pub(crate) fn seen_by(&self, slots: &Slots) -> SeenBy {
        let (Some(watched), Some(wanted)) = (&self.folders, slots.folders()) else {
            return SeenBy::Clock;
        };
        let are_watched =
            wanted.iter().all(|(folder, changes)| watched.add(folder, *changes).is_ok());
        if are_watched { SeenBy::Kernel } else { SeenBy::Clock }
    }
}
