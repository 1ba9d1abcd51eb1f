//! Tables of keys and what they do.

use super::*;
use crate::backend::Tone;
use crate::key::Key;

fn row(id: &str, life: Life) -> Row {
    Row {
        id: id.to_owned(),
        life,
        state: "running".to_owned(),
        tone: Tone::Live,
        time: "1 s".to_owned(),
        project: "proj".to_owned(),
        what: format!("what {id} does"),
        last_line: String::new(),
    }
}

fn snapshot(live: &[&str], ended: &[&str]) -> Snapshot {
    let live = live.iter().map(|id| row(id, Life::Live));
    let rows = live.chain(ended.iter().map(|id| row(id, Life::Ended))).collect();
    Snapshot { rows, ..Snapshot::default() }
}

/// Two live tasks and two that have ended; the first is chosen.
fn model() -> Model {
    let mut model = Model::default();
    assert!(model.update(snapshot(&["t1", "t2"], &["t3", "t4"])));
    model
}

/// Types these keys: `^` up, `v` down, `<` Escape, `!` Enter, `~` Backspace, `{` Home, `}` End.
fn press(model: &mut Model, keys: &str) -> Action {
    let mut last = Action::None;
    for key in keys.chars() {
        last = model.press(match key {
            '^' => Key::Up,
            'v' => Key::Down,
            '<' => Key::Escape,
            '!' => Key::Enter,
            '~' => Key::Backspace,
            '{' => Key::Home,
            '}' => Key::End,
            other => Key::Char(other),
        });
    }
    last
}

fn chosen(model: &Model) -> Option<&str> {
    model.chosen().map(|row| row.id.as_str())
}

#[test]
fn keys_choose_a_task() {
    let cases = [
        ("", "t1"),
        ("j", "t2"),
        ("jj", "t3"),
        ("v^", "t1"),
        ("k", "t1"),
        ("vvvvvv", "t4"),
        ("G", "t4"),
        ("Gg", "t1"),
        ("}{", "t1"),
        ("Ga", "t1"),
        ("ja", "t2"),
        ("Gaa", "t1"),
        ("/t3!", "t3"),
        ("/T4!", "t4"),
        ("/t3<", "t3"),
        ("/t3~1!", "t1"),
    ];
    for (keys, expected) in cases {
        let mut model = model();
        assert_eq!(press(&mut model, keys), Action::None, "{keys}");
        assert_eq!(chosen(&model), Some(expected), "{keys}");
    }
}

#[test]
fn what_is_shown_depends_on_filter_and_scope() {
    let cases = [
        ("", 4),
        ("a", 2),
        ("aa", 4),
        ("/t2", 1),
        ("/t2<", 4),
        ("/t2!<", 4),
        ("/DOES", 4),
        ("/proj", 4),
        ("/nothing", 0),
        ("/nothing~~~~~~~~~~~~", 4),
        ("/t3!a", 0),
    ];
    for (keys, count) in cases {
        let mut model = model();
        press(&mut model, keys);
        assert_eq!(model.rows().len(), count, "{keys}");
        assert_eq!(chosen(&model).is_some(), count > 0, "{keys}");
    }
}

#[test]
fn keys_ask_for_actions() {
    let of = |verb, id: &str| Action::Do(verb, id.to_owned());
    let cases = [
        ("q", Action::Quit),
        ("fq", Action::Quit),
        ("r", Action::AskRestart("t1".to_owned())),
        ("jfr", Action::AskRestart("t2".to_owned())),
        ("xy", of(Verb::Cancel, "t1")),
        ("jxY", of(Verb::Cancel, "t2")),
        ("fxy", of(Verb::Cancel, "t1")),
        // Only `y` is a yes.
        ("xn", Action::None),
        ("x!", Action::None),
        ("x<", Action::None),
        ("xx", Action::None),
        ("xq", Action::None),
        // What has ended can't be stopped.
        ("Gxy", Action::None),
        // In a filter every letter is a letter, and help takes any key.
        ("/xyqr", Action::None),
        ("?q", Action::None),
        ("/nothing!x", Action::None),
        ("/nothing!r", Action::None),
        ("/nothing!f", Action::None),
    ];
    for (keys, expected) in cases {
        let mut model = model();
        assert_eq!(press(&mut model, keys), expected, "{keys}");
    }
    assert_eq!(model().press(Key::Interrupt), Action::Quit);
    let mut asked = model();
    press(&mut asked, "x");
    assert_eq!(asked.press(Key::Interrupt), Action::Quit);
    assert_eq!(model().press(Key::Redraw), Action::Redraw);
}

#[test]
fn a_restart_needs_an_answer() {
    for (key, expected) in [("y", Action::Do(Verb::Restart, "t3".to_owned())), ("n", Action::None)]
    {
        let mut model = model();
        model.ask(Question { verb: Verb::Restart, id: "t3".to_owned(), lines: Vec::new() });
        assert_eq!(press(&mut model, key), expected);
        assert_eq!(model.dialog, Dialog::None);
    }
}

#[test]
fn what_is_said_stays_until_the_next_key() {
    let mut model = model();
    press(&mut model, "Gx");
    assert_eq!(model.message.as_deref(), Some("t4 has ended."));
    press(&mut model, "k");
    assert_eq!(model.message, None);
    press(&mut model, "{xy");
    assert_eq!(model.message.as_deref(), Some("Stopping t1 …"));
}

/// A task stays chosen wherever its row moves. If its row goes, the next one takes its place.
#[test]
fn the_choice_follows_the_task() {
    let mut model = model();
    press(&mut model, "j");
    assert!(!model.update(snapshot(&["t1", "t2"], &["t3", "t4"])));
    assert!(model.update(snapshot(&["t1"], &["t2", "t3"])));
    assert_eq!((chosen(&model), model.position()), (Some("t2"), Some(1)));
    model.update(snapshot(&["t1"], &["t3"]));
    assert_eq!(chosen(&model), Some("t3"));
    model.update(Snapshot::default());
    assert_eq!(chosen(&model), None);
    assert_eq!(press(&mut model, "jkfxr"), Action::None);
    model.update(snapshot(&[], &["t5"]));
    assert_eq!(chosen(&model), Some("t5"));
}

/// The output of a task stays on the screen when its row leaves the filter or the scope.
#[test]
fn output_that_is_read_stays() {
    let mut model = model();
    press(&mut model, "af");
    assert_eq!(model.view, View::Output);
    model.update(snapshot(&["t2"], &["t1"]));
    assert_eq!((model.view, chosen(&model)), (View::Output, Some("t1")));
    press(&mut model, "<");
    assert_eq!(model.view, View::List);
    model.update(snapshot(&["t2"], &[]));
    assert_eq!(chosen(&model), Some("t2"));
}

#[test]
fn output_is_scrolled_from_its_end() {
    let lines = |count: usize| (0..count).map(|it| it.to_string()).collect::<Vec<_>>();
    let mut model = model();
    press(&mut model, "f");
    assert!(model.update_tail("t1".to_owned(), lines(50)));
    assert!(!model.update_tail("t1".to_owned(), lines(50)));
    for (keys, back) in [("kk", 2), ("j", 1), ("jj", 0), ("g", 49), ("k", 49), ("G", 0), ("k", 1)] {
        press(&mut model, keys);
        assert_eq!(model.back, back, "{keys}");
    }
    // New lines do not move what is looked at. At the end, they do.
    model.update_tail("t1".to_owned(), lines(53));
    assert_eq!(model.back, 4);
    press(&mut model, "G");
    model.update_tail("t1".to_owned(), lines(60));
    assert_eq!(model.back, 0);
    // The lines of another task are not shown.
    assert_eq!(model.tail().len(), 60);
    press(&mut model, "!j");
    assert!(model.tail().is_empty());
}
