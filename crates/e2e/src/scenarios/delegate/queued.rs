//! A limit of two and five calls in one message: two sessions run, three wait with their places. Each starts by itself in
//! its turn, without a turn of the model, and every result is delivered once.

use anyhow::{Result, ensure};

use super::{delegate, go, own, play, search, session_of, settled, setup, turn, wait_for_ends};
use super::{started, wait_for_own, wait_for_start};
use crate::api::{Api, text};
use crate::session::Session;
use crate::stage::Stage;

const NAMES: [&str; 5] = ["one", "two", "three", "four", "five"];

pub(in crate::scenarios) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(2))?;
    let api = Api::start(&home.folder.join("api"), |request, _| match session_of(request) {
        Some(name) => play(request, &name),
        None => match turn(request) {
            0 => vec![search()],
            1 => NAMES.map(delegate).to_vec(),
            _ => vec![text("Noted.")],
        },
    })?;
    let mut session = Session::idle(&home, &api, &[])?;
    session.send("go")?;
    let answered = wait_for_own(&api, 2)?;
    let answers = super::delegated(&answered);
    ensure!(answers.len() == 5, "{} of 5 calls were answered: {answers:?}", answers.len());
    let places: Vec<_> = answers.iter().map(|it| it["place_in_line"].as_u64()).collect();
    ensure!(places == [None, None, Some(1), Some(2), Some(3)], "the places: {places:?}");

    wait_for_start(&home, 2)?;
    let turns = own(&api.requests()).len();
    for (number, name) in NAMES.iter().enumerate() {
        let running = started(&home);
        ensure!(running.len() == (number + 2).min(5), "with a limit of 2 these ran: {running:?}");
        go(&home, name)?;
        wait_for_ends(&home, number + 1)?;
        wait_for_start(&home, (number + 3).min(5))?;
    }
    let mut first = started(&home)[..2].to_vec();
    first.sort();
    ensure!(first == ["one", "two"] && started(&home)[2..] == NAMES[2..], "{:?}", started(&home));
    ensure!(own(&api.requests()).len() == turns, "the model took part in the starts");

    session.send("what came of them?")?;
    let last = settled(&api)?;
    let said = last.reminders().join("\n");
    for name in NAMES {
        let answer = format!("| Answer of {name}.");
        ensure!(said.matches(&answer).count() == 1, "not once: {answer} in {said}");
    }
    session.finish()
}
