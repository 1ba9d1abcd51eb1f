//! The user's settings as they are now.

use std::path::{Path, PathBuf};
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

    /// The folders in which a change of the settings shows: also that of a file behind a link, as people keep it who have
    /// their settings in a repository.
    pub(crate) fn folders(&self) -> impl Iterator<Item = PathBuf> {
        let own = self.dir.clone();
        let file = own.as_ref().and_then(|dir| dir.join("settings.json").canonicalize().ok());
        let linked = file.as_deref().and_then(Path::parent).map(Path::to_owned);
        own.into_iter().chain(linked)
    }

    fn stamp(&self) -> Option<Stamp> {
        let file = self.dir.as_ref()?.join("settings.json").metadata().ok()?;
        Some((file.modified().ok()?, file.len()))
    }
}
