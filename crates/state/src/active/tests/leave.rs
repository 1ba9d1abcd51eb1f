//! Which records go to the history, and which sessions are forgotten.

use sisyphus_tasks::task::samples::finished;

use super::*;

const HOUR: u64 = 60 * 60;
const WEEK: i64 = 7 * 24 * 60 * 60;

/// A moment: the tick counts seconds too, so that ages can be exact.
fn moment(second: i64, tick: u64) -> Now {
    Now { at: at(second), tick: Tick(tick) }
}

/// Whether the only task leaves at this moment.
fn leaves(task: &Task, now: Now, prepare: impl FnOnce(&mut Active)) -> bool {
    let mut active = with([task.clone()]);
    prepare(&mut active);
    let retired = active.retire(now);
    assert_eq!(retired.len() + active.tasks.len(), 1);
    !retired.is_empty()
}

/// A terminal that stays open over a weekend has its results on Monday.
#[test]
fn a_result_that_nothing_read_is_at_hand_for_a_week() {
    let task = finished("t1", Outcome::Failed { exit_code: 3 });
    let Status::Finished(ending) = task.status() else { panic!("{task:?}") };
    let ended_at = ending.ended_at;
    let mut active = Active { tasks: vec![task], ..Active::default() };
    let mut retires_after = |days| {
        let at = ended_at + chrono::Duration::days(days);
        active.retire(Now { at, tick: Tick(1) }).len()
    };
    assert_eq!((retires_after(3), retires_after(8)), (0, 1));
}

/// What the model has read leaves once Claude Code has nothing more to say about it, or after an hour.
#[test]
fn a_result_that_was_read_leaves() {
    let start = 5;
    let read = read_at("t1", start);
    let after = |ticks| moment(1, start + ticks);
    assert!(!leaves(&read, after(0), |_| ()));
    assert!(!leaves(&read, after(HOUR * SECOND), |_| ()));
    assert!(leaves(&read, after(HOUR * SECOND + 1), |_| ()));
    assert!(leaves(&read, after(0), |active| active.end_session(&session(), Tick(start))));
    let announced = with_change(read, |task| task.last_word = Some(Tick(start)));
    assert!(leaves(&announced, after(0), |_| ()));
    let by = Canceller::Model;
    let known = owed("t1", Outcome::Cancelled { by }, start);
    assert!(leaves(&known, after(0), |_| ()));
    assert!(!leaves(&running("t1"), after(2 * HOUR * SECOND), |active| {
        active.end_session(&session(), Tick(start));
    }));
}

/// What no reader has read stays ten minutes after the end of its session, and a week without such an end.
#[test]
fn a_result_that_was_not_read_waits() {
    let sent = sent("t1", Channel::Event);
    let states = [owed("t1", Outcome::Completed, 1), leased("t1", 1), sent];
    for task in &states {
        let after_end = |ticks: u64| {
            let end = |active: &mut Active| active.end_session(&session(), Tick(5));
            leaves(task, moment(1, 5 + ticks), end)
        };
        let minutes = |count: u64| count * 60 * SECOND;
        assert_eq!((after_end(0), after_end(minutes(10))), (false, false), "{task:?}");
        assert!(after_end(minutes(10) + 1), "{task:?}");
        let after = |second| leaves(task, moment(second, 5), |_| ());
        assert_eq!((after(1), after(WEEK), after(WEEK + 1)), (false, false, true), "{task:?}");
    }
}

/// What a resumed session takes from the history is old, and stays a week from then.
#[test]
fn a_resumed_session_keeps_old_results() {
    let task = owed("t1", Outcome::Completed, 1);
    let week = WEEK.unsigned_abs() * SECOND;
    let after = |ticks| {
        let resume = |active: &mut Active| active.resume_session(&session(), None, moment(WEEK, 5));
        leaves(&task, moment(2 * WEEK, 5 + ticks), resume)
    };
    assert_eq!((after(0), after(week), after(week + 1)), (false, false, true));
    let ended_before = |active: &mut Active| {
        active.end_session(&session(), Tick(5));
        active.resume_session(&session(), None, moment(WEEK, 6));
    };
    assert!(!leaves(&task, moment(WEEK, 5 + HOUR * SECOND), ended_before));
}

/// A session without a task is forgotten, unless something of it was not reported.
#[test]
fn a_session_without_tasks_is_forgotten() {
    let now = moment(1, 9);
    let remaining = |prepare: fn(&mut Active)| {
        let mut active = Active::default();
        prepare(&mut active);
        active.forget_sessions(now);
        active.sessions.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(remaining(|active| active.end_session(&session(), Tick(5))), []);
    assert_eq!(remaining(|active| active.resume_session(&session(), None, moment(0, 5))), []);
    assert_eq!(
        remaining(|active| active.count_reported(&session(), "failed", Kind::Command)),
        [session()]
    );
    let with_task = |active: &mut Active| {
        active.end_session(&session(), Tick(5));
        active.end_session(&other_session(), Tick(5));
        active.tasks.push(running("t1"));
    };
    assert_eq!(remaining(with_task), [session()]);
}

/// The book of its calls keeps a session ten minutes after its end, and a week without such an end.
#[test]
fn a_book_of_calls_is_kept_for_a_while() {
    let remains_at = |now: Now, ended: Option<Tick>| {
        let mut active = with([running("t1")]);
        active.tasks.clear();
        active.book(&session()).ended = ended;
        active.forget_sessions(now);
        active.may_miss_calls(&session())
    };
    let ten_minutes = 10 * 60 * SECOND;
    assert!(remains_at(moment(1, 5), Some(Tick(5))));
    assert!(remains_at(moment(1, 5 + ten_minutes), Some(Tick(5))));
    assert!(!remains_at(moment(1, 6 + ten_minutes), Some(Tick(5))));
    assert!(remains_at(moment(WEEK, 5), None));
    assert!(!remains_at(moment(WEEK + 1, 5), None));
}
