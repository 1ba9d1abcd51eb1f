//! What happens to lines on their way to the reader.

use super::*;

fn process(pid: i32) -> ProcessRef {
    ProcessRef { pid, start: Some(1), namespace: None }
}

fn found(lines: &[&str], more: u64) -> Found {
    Found { lines: lines.iter().map(|it| (*it).to_owned()).collect(), more, address: None }
}

fn watched() -> Matches {
    let watch = Watch { pattern: "x".to_owned(), max: 3, offset: 0, by: process(9) };
    Matches { watch: Some(watch), ..Matches::default() }
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

#[test]
fn keeps_the_first_lines_and_counts_the_rest() {
    let mut matches = watched();
    assert!(matches.add(0, 10, found(&["a", "b"], 0), Tick(5)));
    assert!(matches.add(10, 20, found(&["c", "d"], 3), Tick(6)));
    assert!(matches.add(20, 30, found(&["e"], 0), Tick(7)));
    assert_eq!(matches.unread_since(|_| true), Some(Tick(5)));
    let leased = matches.lease(&process(1), |_| true);
    assert_eq!(leased, Some((found(&["a", "b", "c"], 5), Attempt::First)));
    assert_eq!(matches.unread_since(|_| true), None);
}

/// What another server, or the same one before it was killed, has added is not added again.
#[test]
fn a_part_of_the_output_counts_once() {
    let mut matches = watched();
    assert!(matches.add(0, 10, found(&["a"], 0), Tick(1)));
    assert!(!matches.add(0, 10, found(&["a"], 0), Tick(2)));
    assert!(!matches.add(5, 15, found(&["b"], 0), Tick(2)));
    assert_eq!(matches.watch().unwrap().offset, 10);
    assert_eq!(matches.end().unwrap().offset, 10);
    assert!(!matches.add(10, 20, found(&["b"], 0), Tick(3)), "the watch has ended");
    let leased = matches.lease(&process(1), |_| true);
    assert_eq!(leased, Some((found(&["a"], 0), Attempt::First)));
}

#[test]
fn a_service_says_once_where_it_listens() {
    let mut matches = Matches::default();
    matches.listens("on port 1", Tick(1));
    matches.listens("on port 2", Tick(2));
    let (found, _) = matches.lease(&process(1), |_| true).unwrap();
    assert_eq!(found.address.as_deref(), Some("on port 1"));
    matches.printed(&process(1), Channel::Event, at(0), None);
    assert_eq!(matches.sent().collect::<Vec<_>>(), [(at(0), Channel::Event, None)]);
    matches.resolve(at(0), &DeliveryEvent::Passed, Tick(2));
    matches.listens("on port 2", Tick(3));
    assert!(matches.is_read() && matches.address() == Some("on port 1"));
}

/// One row: what happens to lines that a process has leased, and what the next lease gives, with a line that was found
/// since.
#[test]
fn lines_are_delivered_once() {
    type Act = fn(&mut Matches);
    let rows: [(&str, Act, &[&str], Attempt); 7] = [
        ("is printing", |_| (), &["b"], Attempt::First),
        (
            "printed",
            |it| it.printed(&process(1), Channel::Event, at(1), None),
            &["b"],
            Attempt::First,
        ),
        (
            "another printed",
            |it| it.printed(&process(2), Channel::Event, at(1), None),
            &["b"],
            Attempt::First,
        ),
        (
            "sent",
            |it| it.printed(&process(1), Channel::Prompt, at(1), None),
            &["b"],
            Attempt::First,
        ),
        (
            "blocked",
            |it| {
                it.printed(&process(1), Channel::Prompt, at(1), None);
                it.resolve(at(1), &DeliveryEvent::Blocked, Tick(3));
            },
            &["a", "b"],
            Attempt::First,
        ),
        (
            "passed",
            |it| {
                it.printed(&process(1), Channel::Prompt, at(1), None);
                it.resolve(at(1), &DeliveryEvent::Passed, Tick(3));
            },
            &["b"],
            Attempt::First,
        ),
        (
            "nothing is known",
            |it| {
                it.printed(&process(1), Channel::Prompt, at(1), None);
                it.resolve(at(2), &DeliveryEvent::Passed, Tick(3));
                it.resolve(at(1), &DeliveryEvent::Unconfirmed, Tick(3));
            },
            &["a", "b"],
            Attempt::Redelivery,
        ),
    ];
    for (name, act, lines, attempt) in rows {
        let mut matches = watched();
        matches.add(0, 10, found(&["a"], 0), Tick(1));
        matches.lease(&process(1), |_| true).unwrap();
        act(&mut matches);
        matches.add(10, 20, found(&["b"], 0), Tick(4));
        let leased = matches.lease(&process(3), |_| true);
        assert_eq!(leased, Some((found(lines, 0), attempt)), "{name}");
    }
    // The holder died: then they may have been printed.
    let mut matches = watched();
    matches.add(0, 10, found(&["a"], 0), Tick(1));
    matches.lease(&process(1), |_| true).unwrap();
    assert_eq!(matches.unread_since(|_| false), Some(Tick(0)));
    let leased = matches.lease(&process(3), |_| false);
    assert_eq!(leased, Some((found(&["a"], 0), Attempt::Redelivery)));
}

#[test]
fn what_is_forgotten_is_not_leased() {
    let mut matches = watched();
    matches.add(0, 10, found(&["a"], 0), Tick(1));
    matches.forget_unread();
    assert_eq!(matches.lease(&process(1), |_| true), None);
    matches.end();
    assert!(matches.is_read());
}
