//! The string that runs again is the original less our line, with nothing else missing.

use std::path::Path;

use sisyphus_attach::snippet::{read, render};

/// The bytes are a path, the text before our line and the text after it, with zeros between them.
pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, '\0');
    let [path, before, after] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let Some(snippet) = render(Path::new(path), Path::new(path)) else {
        let is_refused = |letter: char| letter == '\'' || letter.is_control();
        assert!(path.contains(is_refused), "{path:?} was refused");
        return;
    };
    assert!(!snippet.contains(['\n', '\r', '\0']), "{snippet:?}");
    // All our quotes are closed.
    assert_eq!(snippet.matches('\'').count(), 4, "{snippet:?}");
    if read(before, Path::new(path)).is_some() {
        return;
    }
    let whole = format!("{before}{snippet}\n{after}");
    let found = read(&whole, Path::new(path)).expect("the snippet");
    assert_eq!(found.string, format!("{before}{after}"));
    assert_eq!(found.announced_dir, Path::new(path));
}
