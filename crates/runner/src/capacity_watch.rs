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
#[derive(Debug, Default)]
pub(crate) struct CapacityWatch {
    /// `None` as long as the kernel watches nothing.
    folders: Option<Folders>,
}

impl CapacityWatch {
    pub(crate) fn folders(&self) -> Option<&Folders> {
        self.folders.as_ref()
    }

    /// Ends the watch beside the caller: the kernel takes milliseconds to forget a watched folder.
    pub(crate) fn end(self) {
        if let Some(folders) = self.folders {
            // Without a thread, the caller has waited.
            let _ = std::thread::Builder::new().spawn(move || folders.end());
        }
    }

    /// What sees the next change. Folders that were made since are watched from now on. If it is the kernel for the first
    /// time since the clock, the caller looks at the queue once more: earlier changes wake no process.
    pub(crate) fn seen_by(&mut self, slots: &Slots) -> SeenBy {
        let Some(wanted) = slots.folders() else { return SeenBy::Clock };
        if self.folders.is_none() {
            self.folders = Folders::new().ok();
        }
        let Some(watched) = &mut self.folders else { return SeenBy::Clock };
        let are_watched =
            wanted.into_iter().all(|(folder, changes)| watched.add(&folder, changes).is_ok());
        if are_watched { SeenBy::Kernel } else { SeenBy::Clock }
    }
}
