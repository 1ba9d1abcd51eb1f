//! Whole screens, as a terminal would show them.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::*;
use crate::backend::{Row, Snapshot, Tone};
use crate::key::Key;
use crate::model::Question;
use crate::model::Verb;

fn row(id: &str, life: Life, state: &str, tone: Tone, what: &str) -> Row {
    Row {
        id: id.to_owned(),
        life,
        state: state.to_owned(),
        tone,
        time: "12 s".to_owned(),
        project: "shop".to_owned(),
        what: what.to_owned(),
        last_line: "compiling 12 of 20".to_owned(),
    }
}

fn model() -> Model {
    let rows = vec![
        row("t7k2m9qa4", Life::Live, "running", Tone::Live, "run the tests"),
        row("t9ch3v7zr", Life::Live, "queued(1)", Tone::Waiting, "build the image"),
        row("t2np6k1sd", Life::Ended, "failed(3)", Tone::Bad, "lint"),
    ];
    let snapshot = Snapshot {
        slots: "2 of 5 slots busy, 1 queued".to_owned(),
        groups: vec!["build: 1 of 1 busy".to_owned()],
        rows,
        problem: None,
    };
    let mut model = Model::default();
    model.update(snapshot);
    model.update_tail("t7k2m9qa4".to_owned(), vec!["first".to_owned(), "second".to_owned()]);
    model
}

fn drawn(model: &Model, size: (u16, u16), palette: Palette) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal.draw(|frame| draw(frame, model, palette)).unwrap();
    terminal.backend().buffer().clone()
}

/// The screen without blanks at the ends of lines.
fn screen(model: &Model, width: u16, height: u16) -> Vec<String> {
    let buffer = drawn(model, (width, height), Palette::Plain);
    let cell = |x, y| buffer.cell((x, y)).unwrap().symbol();
    let line = |y| (0..width).map(|x| cell(x, y)).collect::<String>().trim_end().to_owned();
    (0..height).map(line).collect()
}

#[test]
fn a_usual_terminal_shows_everything() {
    assert_eq!(
        screen(&model(), 80, 11),
        [
            "2 of 5 slots busy, 1 queued · build: 1 of 1 busy",
            " ID         STATE      TIME  PROJECT  WHAT",
            "▸t7k2m9qa4  running    12 s  shop     run the tests",
            " t9ch3v7zr  queued(1)  12 s  shop     build the image",
            " t2np6k1sd  failed(3)  12 s  shop     lint",
            "─ t7k2m9qa4 running 12 s  run the tests ────────────────────────────────────────",
            "first",
            "second",
            "",
            "",
            "q quit  ? help  ⏎ follow  x cancel  r restart  / filter  a live only  ↑↓ choose",
        ]
    );
}

#[test]
fn a_small_terminal_shows_the_chosen_task() {
    let mut model = model();
    assert_eq!(
        screen(&model, 40, 10),
        [
            "2 of 5 slots busy, 1 queued · build: 1 o",
            " ID         STATE      TIME  WHAT",
            "▸t7k2m9qa4  running    12 s  run the tes",
            " t9ch3v7zr  queued(1)  12 s  build the i",
            " t2np6k1sd  failed(3)  12 s  lint",
            "─ t7k2m9qa4 running 12 s  run the tests",
            "first",
            "second",
            "",
            "q quit  ? help  ⏎ follow  x cancel  r re",
        ]
    );
    for _ in 0..9 {
        model.press(Key::Down);
    }
    for height in 5..10 {
        let screen = screen(&model, 40, height);
        assert!(screen.iter().any(|line| line.starts_with("▸t2np6k1sd")), "{screen:#?}");
    }
}

#[test]
fn before_the_first_look_it_says_nothing_of_tasks() {
    let mut model = Model::default();
    assert_eq!(screen(&model, 40, 5)[1], "Reading the tasks…");
    model.update(Snapshot::default());
    assert_eq!(screen(&model, 40, 5)[1], "No background commands yet.");
}

#[test]
fn a_wide_terminal_shows_the_last_lines() {
    let screen = screen(&model(), 120, 10);
    assert!(screen[1].contains("LAST LINE") && screen[2].contains("compiling 12"), "{screen:#?}");
}

/// No size, however odd, is a reason to fail.
#[test]
fn any_size_can_be_drawn() {
    let mut asked = model();
    asked.ask(Question {
        verb: Verb::Restart,
        id: "t1".to_owned(),
        lines: vec!["x".repeat(500), String::new(), "日本語".repeat(50)],
    });
    let mut helped = model();
    helped.press(Key::Char('?'));
    let mut followed = model();
    followed.press(Key::Enter);
    let mut said = model();
    said.say("a sentence ".repeat(30));
    for model in [Model::default(), model(), asked, helped, followed, said] {
        for width in [0, 1, 2, 3, 10, 40, 80, 300] {
            for height in [0, 1, 2, 3, 4, 5, 6, 10, 24, 100] {
                drawn(&model, (width, height), Palette::Coloured);
            }
        }
    }
}

#[test]
fn output_ends_at_the_bottom() {
    let mut model = model();
    let lines = (1..=50).map(|number| format!("line {number}")).chain(["x".repeat(45)]);
    model.update_tail("t7k2m9qa4".to_owned(), lines.collect());
    model.press(Key::Enter);
    let whole = screen(&model, 40, 10);
    assert_eq!(whole[1], "─ t7k2m9qa4 running 12 s  run the tests");
    assert_eq!(whole[2..4], ["line 46", "line 47"]);
    assert_eq!(whole[6..9], ["line 50".to_owned(), "x".repeat(40), "x".repeat(5)]);
    model.press(Key::Up);
    let above = screen(&model, 40, 10);
    assert_eq!(above[8], "line 50");
    assert!(above[9].starts_with("1 line below"), "{above:#?}");
}

#[test]
fn what_is_said_and_typed_is_shown() {
    let mut said = model();
    said.say("could not restart t7k2m9qa4: it is running; wait for it, or cancel it first");
    let shown = screen(&said, 40, 10);
    assert_eq!(shown[8], "could not restart t7k2m9qa4: it is runni");
    assert_eq!(shown[9], "ng; wait for it, or cancel it first");
    let mut typed = model();
    typed.press(Key::Char('/'));
    typed.press(Key::Char('x'));
    assert_eq!(screen(&typed, 40, 10)[9], "/x");
    assert_eq!(screen(&typed, 40, 10)[1], "No task fits the filter.");
    typed.press(Key::Enter);
    assert!(screen(&typed, 40, 10)[9].starts_with("/x  q quit"));
}

/// A command that has no room is not shown as if it were whole.
#[test]
fn a_question_says_what_it_leaves_out() {
    let mut model = model();
    let lines = (1..=20).map(|number| format!("step {number}")).collect();
    model.ask(Question { verb: Verb::Restart, id: "t1".to_owned(), lines });
    let small = screen(&model, 40, 10);
    assert!(small.iter().any(|line| line.contains("… 14 more lines")), "{small:#?}");
    assert!(small.iter().any(|line| line.contains("y: yes, any other key: no")), "{small:#?}");
    let large = screen(&model, 40, 30);
    assert!(large.iter().any(|line| line.contains("step 20")), "{large:#?}");
}

#[test]
fn colours_can_be_switched_off() {
    let has_colour = |palette| {
        let buffer = drawn(&model(), (80, 11), palette);
        buffer.content().iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!(has_colour(Palette::Coloured));
    assert!(!has_colour(Palette::Plain));
}
