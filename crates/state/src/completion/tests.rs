//! What a notice of Claude Code becomes in the records, and which output file it may name.

use std::fs;

use chrono::{DateTime, Utc};
use sisyphus_base::clock::Tick;
use sisyphus_base::id::AgentId;
use sisyphus_tasks::delivery::DeliveryEvent;
use sisyphus_tasks::recipient::AgentLife;
use sisyphus_tasks::task::StopRequest;
use sisyphus_tasks::task::samples::{confirmed, pending};
use sisyphus_testing::TempDir;

use super::*;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

/// Second 100 by both clocks.
fn now() -> Now {
    Now { at: at(100), tick: Tick(100) }
}

fn task_id(id: &str) -> TaskId {
    TaskId::new(id).unwrap()
}

/// A notice for the session of all sample tasks.
fn notice(client_id: &str, end: ClientEnd) -> Notice {
    Notice {
        session: SessionId::new("session-1").unwrap(),
        client_id: ClientTaskId::new(client_id).unwrap(),
        tool_use_id: Some(ToolUseId::new("toolu_9").unwrap()),
        description: "tests".to_owned(),
        output_file: None,
        cwd: "/x".into(),
        end,
    }
}

fn kept(bytes: u64) -> KeptOutput {
    KeptOutput { bytes, dropped: 0, client_file: None }
}

/// The only record, once the notice has reached it.
fn after_notice(task: Task, end: ClientEnd) -> Task {
    let mut active = Active::default();
    let notice = notice(&format!("b{}", task.id), end);
    let known = Known::Recorded(task.id.clone());
    active.insert(task);
    Completion { notice, known, output: None }.apply(&mut active, now());
    active.tasks.remove(0)
}

/// One row an end as Claude Code reports it: the outcome and its source, without a stop request and with one.
#[test]
fn every_end_has_its_outcome_and_source() {
    let cancelled = |by| Outcome::Cancelled { by };
    let by_user = || (cancelled(Canceller::User), Source::Client);
    let failed = || (Outcome::Failed { exit_code: 3 }, Source::ClientExitCode);
    let limit = || (Outcome::TimedOut { limit_ms: Some(600_000) }, Source::Client);
    let cases = [
        (ClientEnd::ExitCode(3), failed(), failed()),
        (ClientEnd::Killed, (cancelled(Canceller::Unknown), Source::Client), by_user()),
        (ClientEnd::TimeLimit, limit(), limit()),
        (ClientEnd::Unclear, (Outcome::Unknown, Source::Concluded), by_user()),
    ];
    for (end, expected, expected_if_asked) in cases {
        for (asked, (outcome, reported_by)) in [(None, expected), (Some(99), expected_if_asked)] {
            let mut task = confirmed("t1", 1);
            task.apply(Event::Started { at: at(5) }, Tick(5));
            task.stop_request = asked.map(|second| StopRequest::new(Canceller::User, at(second)));
            let task = after_notice(task, end);
            let unseen = Ending::unseen(outcome, at(100));
            let expected = Ending { reported_by, started_at: Some(at(5)), ..unseen };
            assert_eq!(*task.status(), Status::Finished(expected), "{end:?} {asked:?}");
            assert_eq!(task.last_word, Some(Tick(100)));
        }
    }
}

/// Claude Code notifies the main conversation, so the result of a subagent's command belongs there.
#[test]
fn a_notice_hands_over_a_subagents_result() {
    let mut task = confirmed("t1", 1);
    task.agent = Some(AgentId::new("a1").unwrap());
    assert_eq!(after_notice(task, ClientEnd::Unclear).agent_life, AgentLife::Stopped);
    assert_eq!(after_notice(confirmed("t1", 1), ClientEnd::Unclear).agent_life, AgentLife::Lives);
}

/// A notice is the first report of a task that is older than the plugin.
#[test]
fn a_notice_of_an_unknown_task_makes_its_record() {
    let mut active = Active::default();
    let notice = notice("b9", ClientEnd::ExitCode(0));
    let known = Known::New(task_id("t9"));
    Completion { notice: notice.clone(), known, output: Some(kept(7)) }.apply(&mut active, now());
    let [task] = active.tasks.as_slice() else { panic!("{:?}", active.tasks) };
    let of_task = (&task.id, task.ticket, &task.session, &task.cwd);
    assert_eq!(of_task, (&task_id("t9"), Ticket(100), &notice.session, &notice.cwd));
    let said = (&task.tool_use_id, task.description.as_str(), task.client_id());
    assert_eq!(said, (&notice.tool_use_id, "tests", Some(&notice.client_id)));
    assert_eq!((task.status().word(), &task.output), ("completed", &Some(kept(7))));
}

/// A notice that comes after its record has retired makes no second record, unless it brings the record back.
#[test]
fn a_late_notice_makes_no_second_record() {
    let mut active = Active::default();
    active.insert(confirmed("t1", 1));
    let completed = |known, client_id: &str| {
        let notice = notice(client_id, ClientEnd::ExitCode(3));
        Completion { notice, known, output: None }
    };
    completed(Known::Recorded(task_id("t1")), "bt1").apply(&mut active, now());
    let task = &mut active.tasks[0];
    task.deliver(DeliveryEvent::Read { revision: task.revision() }, Tick(101));
    let retired = active.retire(now()).remove(0);
    completed(Known::New(task_id("t8")), "bt1").apply(&mut active, now());
    assert_eq!(active.tasks.len(), 0);
    completed(Known::New(task_id("t9")), "b9").apply(&mut active, now());
    assert_eq!(active.tasks[0].id, task_id("t9"));
    completed(Known::Retired(Box::new(retired)), "bt1").apply(&mut active, now());
    let mut ids: Vec<&str> = active.tasks.iter().map(|task| task.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["t1", "t9"]);
}

/// The hook kept the output without the lock: it may be another task's, or the task may have one by now.
#[test]
fn an_output_goes_to_the_task_it_was_kept_for() {
    let cases = [("t1", None, Some(7)), ("t1", Some(1), Some(1)), ("t2", None, None)];
    for (kept_for, before, expected) in cases {
        let mut task = pending("t1", 1);
        task.output = before.map(kept);
        task.tool_use_id = Some(ToolUseId::new("toolu_9").unwrap());
        let mut active = Active::default();
        active.insert(task);
        let known = Known::Recorded(task_id(kept_for));
        let notice = notice("b1", ClientEnd::ExitCode(0));
        Completion { notice, known, output: Some(kept(7)) }.apply(&mut active, now());
        assert_eq!(active.tasks[0].output, expected.map(kept), "{kept_for}");
    }
}

/// The hook keeps what Claude Code's own file contains, and nothing of any other file.
#[test]
fn only_the_tasks_own_file_is_kept() {
    let dir = TempDir::new();
    let state = StateDir::at(dir.path().join("state"));
    let tmp = dir.path().join("claude");
    let folder = tmp.join("-home-dev-proj").join("session-1").join("tasks");
    fs::create_dir_all(&folder).unwrap();
    let keep = |name: &str| {
        let file = folder.join(name);
        fs::write(&file, "all is well\n").unwrap();
        let notice = Notice { output_file: Some(file), ..notice("b1", ClientEnd::Killed) };
        observed_output(&notice, &notice.session, &task_id("t1"), &tmp, &state)
    };
    assert_eq!(keep("b2.output"), None);
    assert!(!state.output(&task_id("t1")).exists());
    let client_file = Some(folder.join("b1.output"));
    assert_eq!(keep("b1.output"), Some(KeptOutput { bytes: 12, dropped: 0, client_file }));
    assert_eq!(fs::read_to_string(state.output(&task_id("t1"))).unwrap(), "all is well\n");
}

/// A sandboxed command may have supplied the path, and the model reads it.
#[test]
fn claude_codes_file_is_known_by_its_path() {
    let cases = [
        ("/tmp/claude/-home-dev-proj/s1/tasks/b1.output", true),
        ("/tmp/claude/s1/tasks/b1.output", true),
        ("/tmp/claude/A.b_9-z/s1/tasks/b1.output", true),
        ("/tmp/other/s1/tasks/b1.output", false),
        ("/tmp/claude/s2/tasks/b1.output", false),
        ("/tmp/claude/s1/tasks/b2.output", false),
        ("/tmp/claude/s1/b1.output", false),
        ("/tmp/claude/../claude/s1/tasks/b1.output", false),
        ("/tmp/claude/a b/s1/tasks/b1.output", false),
        ("/tmp/claude/a\u{1b}[0m/s1/tasks/b1.output", false),
        ("/tmp/claude/\u{e4}/s1/tasks/b1.output", false),
    ];
    let session = SessionId::new("s1").unwrap();
    let id = ClientTaskId::new("b1").unwrap();
    for (path, is_it) in cases {
        let found = is_client_file(Path::new(path), &session, &id, Path::new("/tmp/claude"));
        assert_eq!(found, is_it, "{path}");
    }
}

/// Claude Code's temporary folder may be known by a link, and its file by the folder behind that. Wine shows the link itself
/// as the real path.
#[test]
#[cfg_attr(windows, ignore = "never tried on a real Windows")]
fn a_link_leads_to_claude_codes_file() {
    let dir = TempDir::new();
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    fs::create_dir(&real).unwrap();
    sys::link_dir(&real, &link).unwrap();
    let (session, id) = (SessionId::new("s1").unwrap(), ClientTaskId::new("b1").unwrap());
    let is_it =
        |folder: &Path| is_client_file(&folder.join("-p/s1/tasks/b1.output"), &session, &id, &link);
    assert!(is_it(&real) && is_it(&link));
    assert!(!is_it(dir.path()));
}
