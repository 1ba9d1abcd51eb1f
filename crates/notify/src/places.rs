//! The project that a command ran in, and its effective settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sisyphus_settings::Settings;

/// Names that mark the root folder of a project.
const MARKS: [&str; 2] = [".claude", ".git"];

/// The projects that were read already.
pub(crate) struct Places {
    config_dir: PathBuf,
    known: BTreeMap<PathBuf, Place>,
}

/// A project.
pub(crate) struct Place {
    /// The name of its folder: foreign text.
    pub(crate) name: String,
    pub(crate) root: PathBuf,
    pub(crate) settings: Settings,
}

impl Places {
    pub(crate) fn new(config_dir: PathBuf) -> Self {
        Self { config_dir, known: BTreeMap::new() }
    }

    /// The project of a folder.
    pub(crate) fn of(&mut self, cwd: &Path) -> &Place {
        let config_dir = &self.config_dir;
        self.known.entry(cwd.to_owned()).or_insert_with(|| {
            let root = root_of(cwd, config_dir);
            let name = root.file_name().unwrap_or(root.as_os_str()).to_string_lossy().into_owned();
            Place {
                name,
                root: root.to_owned(),
                settings: Settings::read_in(config_dir, Some(root)),
            }
        })
    }
}

/// The nearest folder upwards that looks like a project's, or else the folder itself. The home folder, where Claude
/// Code's own settings are, is no project.
fn root_of<'a>(cwd: &'a Path, config_dir: &Path) -> &'a Path {
    let is_root = |dir: &&Path| {
        MARKS.iter().map(|mark| dir.join(mark)).any(|mark| mark != config_dir && mark.exists())
    };
    cwd.ancestors().find(is_root).unwrap_or(cwd)
}
