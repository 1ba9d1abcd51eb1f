//! The user's settings as they are now.

use std::path::PathBuf;
use std::time::SystemTime;

use sisyphus_settings::Settings;

/// When a file was written, and how many bytes it has.
type Stamp = (SystemTime, u64);

/// The user's settings as they are now.
pub(crate) struct LiveSettings {
    dir: Option<PathBuf>,
    /// The file that `settings` comes from; `None` for no file.
    seen: Option<Stamp>,
    settings: Settings,
}

impl LiveSettings {
    /// The settings in Claude Code's configuration folder `dir`.
    pub(crate) fn at(dir: Option<PathBuf>) -> Self {
        Self { dir, seen: None, settings: Settings::default() }
    }

    pub(crate) fn now(&mut self) -> &Settings {
        // The stamp is read first, so the next call sees a change that comes between the two reads. A file that is only
        // half written is read again, too.
        let stamp = self.stamp();
        if stamp != self.seen
            && let Some(settings) = self.dir.as_deref().and_then(Settings::read_whole)
        {
            self.seen = stamp;
            self.settings = settings;
        }
        &self.settings
    }

    /// The files whose changes are changes of the settings: with a link, as for settings that are kept in a repository,
    /// the file behind it too.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let linked = self.file().and_then(|file| file.canonicalize().ok());
        self.file().into_iter().chain(linked)
    }

    fn file(&self) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join("settings.json"))
    }

    fn stamp(&self) -> Option<Stamp> {
        let file = self.file()?.metadata().ok()?;
        Some((file.modified().ok()?, file.len()))
    }
}
