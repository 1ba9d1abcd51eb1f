//! Text is data.

use crate::stage::{FAILED, Stage};

const HOSTILE: &str = "<b>bold</b> & <img src=x>\u{1b}]0;title\u{7}\u{202e}\u{0}\nsecond";

#[test]
fn a_desktop_that_reads_markup_gets_none() {
    let stage = Stage::with_desktop(&["body", "body-markup"]);
    stage.run(&[HOSTILE, "a", "other"]);
    stage.end(HOSTILE, FAILED, 1);
    stage.end("a", FAILED, 1);
    let calls = {
        stage.told();
        stage.desktop.calls()
    };
    assert_eq!(calls.len(), 1);
    let first = calls[0].body.lines().next().unwrap();
    assert_eq!(
        first,
        "&lt;b&gt;bold&lt;/b&gt; &amp; &lt;img src=x&gt; second failed with exit code 3 after 0 s"
    );
}

/// The notifier gives a desktop that reads no markup the text as it is, without controls.
#[test]
fn a_desktop_without_markup_gets_the_text() {
    let stage = Stage::with_desktop(&["body"]);
    stage.run(&[HOSTILE, "a", "other"]);
    stage.end(HOSTILE, FAILED, 1);
    stage.end("a", FAILED, 1);
    assert_eq!(
        stage.told(),
        ["✖ 2 of 2 commands failed · proj | \
          <b>bold</b> & <img src=x> second failed with exit code 3 after 0 s / \
          a failed with exit code 3 after 0 s"]
    );
}

#[test]
fn a_title_is_never_markup() {
    let stage = Stage::with_desktop(&["body-markup"]);
    stage.run(&[HOSTILE, "other"]);
    stage.end(HOSTILE, FAILED, 1);
    assert_eq!(
        stage.told(),
        ["✖ <b>bold</b> & <img src=x> second failed with exit code 3 · proj | After 0 s"]
    );
}

#[test]
fn a_text_without_end_is_cut() {
    let stage = Stage::new();
    let long = "x".repeat(100_000);
    stage.run(&["a", "other"]);
    std::fs::create_dir(stage.env.state().join("output")).unwrap();
    let mut output = b"\xff\xfe".to_vec();
    output.extend(long.as_bytes());
    std::fs::write(stage.env.state().join("output/t61.log"), output).unwrap();
    stage.end("a", FAILED, 1);
    stage.told();
    let call = &stage.desktop.calls()[0];
    assert!(call.body.lines().all(|line| line.chars().count() <= 200), "{call:?}");
    assert_eq!(call.body.lines().count(), 2);
}
