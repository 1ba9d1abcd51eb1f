//! The parts of a command's output that are shown.

use std::fs::File;

use sisyphus_base::text::{clean_line, one_line};
use sisyphus_state::output::{Purpose, excerpt};
use sisyphus_testing::TempDir;

use super::assert_fit_to_read;

pub(super) fn run(bytes: &[u8]) {
    for max in [1, 40, 400] {
        let line = clean_line(bytes, max);
        assert!(
            line.chars().count() <= max.max(40),
            "{} characters of {max}",
            line.chars().count()
        );
        assert!(!line.contains('\n'), "{line:?}");
        assert_fit_to_read(&line);
    }
    let text = String::from_utf8_lossy(bytes);
    let line = one_line(&text, 200);
    assert!(!line.contains('\n') && line.chars().count() <= 200, "{line:?}");
    assert_fit_to_read(&line);

    let dir = TempDir::new();
    let path = dir.path().join("output");
    std::fs::write(&path, bytes).expect("an output");
    for purpose in [Purpose::Success, Purpose::Failure] {
        let mut file = File::open(&path).expect("the output");
        let found = excerpt(&mut file, 20, purpose).expect("an excerpt");
        assert!(found.tail.len() <= 20, "{found:?}");
        for line in found.suspects.iter().chain(&found.tail) {
            assert!(!line.contains('\n'), "{line:?}");
            assert_fit_to_read(line);
        }
    }
}
