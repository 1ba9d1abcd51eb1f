//! `sisyphus show`.

use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell, TestEnv, wait_until};

use crate::planted::{
    assert_could_be, assert_fails, ended, failed, listed, plant, plant_text, prints, running,
};
use crate::pty::Terminal;

/// Two that ended and one that runs.
fn planted() -> TestEnv {
    let env = TestEnv::new();
    let mut one = failed("t1abc", "run the tests", 1);
    one["client"] = json!({ "id": "bclient01" });
    plant(&env, "failed.json", &[one]);
    plant(&env, "completed.json", &[ended("t1abd", "build", 2)]);
    plant(&env, "active.json", &[running("t2xyz", "serve")]);
    env
}

/// `sisyphus show` finds a task by its ids, by the beginning of an id and by its description.
#[test]
fn names_of_a_task() {
    let env = planted();
    let names = ["t1abc", "bclient01", "run the tests"];
    for name in names {
        let text = prints(&env, &["show", name]);
        assert!(
            text.contains("t1abc (\"run the tests\") failed with exit code 3."),
            "{name}: {text}"
        );
        assert!(text.contains("command: npm test"), "{name}: {text}");
        let json: Value = serde_json::from_str(&prints(&env, &["show", "--json", name])).unwrap();
        assert_eq!((&json["version"], &json["task"]["id"]), (&json!(1), &json!("t1abc")));
    }
    for name in ["t1abd", "build"] {
        assert!(
            prints(&env, &["show", name]).contains("t1abd (\"build\") completed with exit code 0")
        );
    }
    for name in ["t2xyz", "t2", "serve"] {
        let text = prints(&env, &["show", name]);
        assert!(text.starts_with("t2xyz (\"serve\") is running, for "), "{name}: {text}");
        assert!(text.contains("\ncommand: npm test\nfolder: /home/dev/proj\n"), "{name}: {text}");
    }
}

/// If several ids have one beginning, `sisyphus show` answers with these ids.
#[test]
fn a_shared_beginning_is_ambiguous() {
    let env = planted();
    for (name, count) in [("t1", "2 tasks"), ("t1ab", "2 tasks"), ("t", "3 tasks")] {
        let output = env.run("sisyphus", &["show", name]);
        let said = format!("`{name}` could be {count}; to name one, give its id");
        let candidates =
            ["t2xyz (running: serve)", "t1abd (completed: build)", "t1abc (failed: run the tests)"];
        assert_could_be(&output, &said, &candidates[usize::from(name != "t")..]);
    }
    // A whole id is no beginning.
    plant(&env, "completed.json", &[ended("t1ab", "short", 2)]);
    assert!(prints(&env, &["show", "t1ab"]).contains("(\"short\")"));
}

#[test]
fn an_unknown_task_is_answered_with_exit_code_2() {
    for env in [TestEnv::new(), planted()] {
        for args in [&["show", "t9"][..], &["show", "--json", "run them"]] {
            let expected =
                format!("no task `{}`; `sisyphus list` shows them", args.last().unwrap());
            assert_fails(&env.run("sisyphus", args), 2, &expected);
        }
    }
}

/// Of several tasks with one description, `sisyphus show` takes the only one that runs. Otherwise it lists them, each with
/// its command.
#[test]
fn a_shared_description_means_the_running_task() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("told", "build", 1), ended("tnew", "build", 2)]);
    let lists = |said: &str, ids: &[&str]| {
        let output = env.run("sisyphus", &["show", "build"]);
        let said = format!("`build` could be {said}; to name one, give its id");
        assert_could_be(&output, &said, ids);
    };
    let ended_ones = ["tnew (completed: npm test)", "told (completed: npm test)"];
    lists("2 tasks", &ended_ones);
    plant(&env, "active.json", &[running("tnow", "build")]);
    assert!(prints(&env, &["show", "build"]).starts_with("tnow (\"build\") is running"));
    plant(&env, "active.json", &[running("tnow", "build"), running("ttoo", "build")]);
    let live = ["ttoo (running: npm test)", "tnow (running: npm test)"];
    lists("4 tasks", &[live, ended_ones].concat());
    let many: Vec<Value> =
        (0..9).map(|second| ended(&format!("t{second}"), "build", second)).collect();
    plant(&env, "completed.json", &many);
    let ended_ones = ["t8", "t7", "t6"].map(|id| format!("{id} (completed: npm test)"));
    let named: Vec<&str> = ended_ones.iter().map(String::as_str).chain(["6 more"]).collect();
    lists("11 tasks", &[live.as_slice(), &named].concat());
}

/// The model may begin a description with an id of its own.
#[test]
fn a_label_of_a_description_names_its_task() {
    let env = TestEnv::new();
    plant(
        &env,
        "completed.json",
        &[ended("t1", "search-1: find it", 1), ended("t2", "search-2: find it", 2)],
    );
    assert!(prints(&env, &["show", "search-1"]).contains("t1 (\"search-1: find it\")"));
    // For what can't be undone a part is not enough.
    for name in ["search", "search-1:", "find it"] {
        assert_fails(&env.run("sisyphus", &["cancel", name]), 2, "no task");
    }
    plant(&env, "failed.json", &[ended("t3", "search-1: again", 3)]);
    assert_could_be(
        &env.run("sisyphus", &["show", "search-1"]),
        "`search-1` could be 2 tasks; to name one, give its id",
        &["t3 (completed: search-1: again)", "t1 (completed: search-1: find it)"],
    );
    plant(&env, "active.json", &[running("t4", "search-1: once more")]);
    assert!(
        prints(&env, &["show", "search-1"]).starts_with("t4 (\"search-1: once more\") is running")
    );
    // A description that is the name itself comes first.
    plant(&env, "completed.json", &[ended("t5", "search-1", 5)]);
    assert!(prints(&env, &["show", "search-1"]).contains("t5 (\"search-1\")"));
}

/// A part of a description or of a command is enough to look at a task, in either case.
#[test]
fn a_part_names_a_task() {
    let env = planted();
    for (part, id) in [("TESTS", "t1abc"), ("uil", "t1abd"), ("Serv", "t2xyz"), ("NPM", "t2xyz")] {
        let text = prints(&env, &["show", part]);
        assert!(text.contains(&format!("{id} (\"")), "{part}: {text}");
    }
    plant(&env, "active.json", &[]);
    assert_could_be(
        &env.run("sisyphus", &["show", "npm"]),
        "`npm` could be 2 tasks; to name one, give its id",
        &["t1abd (completed: build)", "t1abc (failed: run the tests)"],
    );
}

/// `sisyphus list` shows no control characters, so a name needs none.
#[test]
fn a_description_is_found_as_it_is_shown() {
    let env = planted();
    plant(&env, "active.json", &[running("t3", "lint\tthe\n\u{1b}[1mworld")]);
    assert!(prints(&env, &["list"]).contains("lint the world"));
    for name in ["lint the world", "THE WORLD", "lint\tthe\n\u{1b}[1mworld", "t\nthe"] {
        assert!(prints(&env, &["show", name]).starts_with("t3 (\"lint"), "{name:?}");
    }
    // Every name has the part of which nothing is shown.
    assert_fails(&env.run("sisyphus", &["show", "\u{1}"]), 2, "no task has an empty name");
}

/// Of several tasks with one client id, `sisyphus show` takes the only one that runs.
#[test]
fn a_shared_client_id_means_the_running_task() {
    let env = TestEnv::new();
    let with_client = |mut task: Value| {
        task["client"] = json!({ "id": "b1" });
        task
    };
    // Claude Code counts its ids from the start in each session.
    plant(
        &env,
        "completed.json",
        &[with_client(ended("t1", "", 1)), with_client(ended("t2", "", 2))],
    );
    assert_could_be(
        &env.run("sisyphus", &["show", "b1"]),
        "`b1` could be 2 tasks; to name one, give its id",
        &["t2 (completed: npm test)", "t1 (completed: npm test)"],
    );
    plant(&env, "active.json", &[with_client(running("t3", ""))]);
    assert!(prints(&env, &["show", "b1"]).starts_with("t3 is running"));
}

#[test]
fn an_archived_task_is_found_too() {
    let env = TestEnv::new();
    plant_text(&env, "archive/2026-10.jsonl", &format!("{}\n", ended("tlongago", "release", 1)));
    for name in ["tlong", "release"] {
        assert!(prints(&env, &["show", name]).contains("tlongago (\"release\") completed"));
    }
}

/// `sisyphus show` takes a task that a crash left in the archive and in the history for one task.
#[test]
fn a_task_in_archive_and_history_is_one_task() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("t1abc", "once", 1)]);
    plant_text(&env, "archive/2026-11.jsonl", &format!("{}\n", ended("t1abc", "once", 1)));
    assert!(prints(&env, &["show", "t1"]).contains("t1abc"));
}

#[test]
fn the_end_of_a_real_commands_output_is_shown() {
    let client = Client::new(Shell::Bash);
    client.background("seq 100; echo last words; exit 4").wait();
    let task = client.task();
    let text = prints(&client.env, &["show", task["id"].as_str().unwrap()]);
    assert!(text.contains("failed with exit code 4 after"), "{text}");
    assert!(text.contains("output (101 lines, 303 bytes; its last 20 lines;"), "{text}");
    assert!(text.contains("\n| 100\n| last words\n"), "{text}");
    assert!(!text.contains("\n| 81\n"), "{text}");
    assert!(text.contains("whole output: "), "{text}");
}

/// `sisyphus show` prints whose exit code 0 a command ended with.
#[test]
fn whose_code_a_success_has_is_shown() {
    let env = TestEnv::new();
    let mut task = ended("t1", "test", 1);
    task["code_zero"] = json!({ "program": "tail", "place": "pipeline_end" });
    let line = "\nexit code 0 is that of `tail`, the last of a pipeline\n";
    plant(&env, "completed.json", &[task.clone()]);
    assert!(!prints(&env, &["show", "t1"]).contains("that of"), "no runner has looked");
    task["status"]["options"] = "usual".into();
    plant(&env, "completed.json", &[task]);
    let text = prints(&env, &["show", "t1"]);
    assert!(text.contains(line), "{text}");
}

/// `sisyphus show` prints the id of an unfinished task without a description once.
#[test]
fn an_unfinished_task_is_named_once() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[running("t2xyz", "")]);
    let text = prints(&env, &["show", "t2xyz"]);
    assert_eq!(text.matches("t2xyz").count(), 1, "{text}");
}

/// TZ is not set, so the clock is UTC.
#[test]
fn where_and_when_a_task_ran_is_shown() {
    let env = TestEnv::new();
    let mut one = failed("t1", "", 9);
    one["limit_ms"] = 90_000.into();
    one["status"]["started_at"] = "2026-11-21T02:30:05Z".into();
    one["status"]["waited_ms"] = 4_000.into();
    one["status"]["usage"] = json!({ "cpu_ms": 192_000, "largest_process_bytes": 1_200_000_000 });
    one["cwd"] = "/tmp/a\u{1b}[31mb".into();
    plant(&env, "failed.json", &[one]);
    let text = prints(&env, &["show", "t1"]);
    for line in [
        "folder: /tmp/ab",
        "session: session-1",
        "started: 2026-11-21 02:30:05, after 4 s in the queue",
        "ended: 2026-11-21 02:30:09",
        "used: 3 min 12 s of processor time, 1.2 GB in its largest process",
        "time limit: 90 s from its start",
    ] {
        assert!(text.lines().any(|it| it == line), "`{line}` is not in {text}");
    }
    assert!(!text.contains("watched:"), "{text}");
    plant(&env, "active.json", &[running("t2", "")]);
    assert!(prints(&env, &["show", "t2"]).contains("\nwatched: by Claude Code alone"));
}

#[test]
fn what_a_running_command_has_printed_so_far_is_shown() {
    let client = Client::new(Shell::Bash);
    let running = client.background(
        "seq 40; printf '\\033[31mred\\n<half'; until [ -e stop ]; do sleep 0.02; done",
    );
    running.wait_for_line("<half");
    let task = client.task()["id"].as_str().unwrap().to_owned();
    let text = prints(&client.env, &["show", &task]);
    std::fs::write(client.env.project().join("stop"), "").unwrap();
    running.wait();
    assert!(text.contains("(125 bytes so far; its last 20 whole lines;"), "{text}");
    assert!(text.ends_with("\n| 39\n| 40\n| red\n"), "{text}");
    assert!(text.contains("\n| 22\n") && !text.contains("\n| 21\n"), "{text}");
}

#[test]
fn a_command_in_line_is_shown_with_its_place() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "max_background_tasks": 1 }));
    let mut started = Vec::new();
    for count in 1..=3 {
        started.push(client.background("until [ -e stop ]; do sleep 0.02; done"));
        wait_until("it to stand where it should", || {
            let all = listed(&client.env, &[]);
            let stand = |state: &str| all.iter().filter(|it| it["status"] == state).count();
            (stand("running"), stand("queued")) == (1, count - 1)
        });
    }
    let all = listed(&client.env, &[]);
    let shown = |at: usize| prints(&client.env, &["show", all[at]["id"].as_str().unwrap()]);
    let texts = [0, 1, 2].map(shown);
    std::fs::write(client.env.project().join("stop"), "").unwrap();
    for one in started {
        one.wait();
    }
    assert!(!texts[0].contains("place in queue"), "{}", texts[0]);
    assert!(texts[1].contains("\nplace in queue: 1\n"), "{}", texts[1]);
    assert!(texts[2].contains("\nplace in queue: 2\n"), "{}", texts[2]);
}

/// On a terminal, `sisyphus show` has a layout for people: a heading, columns, the lines that look like the cause, the
/// end of the output.
#[test]
fn a_person_reads_a_page() {
    let client = Client::new(Shell::Bash);
    client.background("echo 'error: no such file'; seq 60; echo last words; exit 4").wait();
    let id = client.task()["id"].as_str().unwrap().to_owned();
    let page = Terminal::new(&client.env).with("NO_COLOR", "1").run(&format!("show {id}")).stdout;
    let lines: Vec<&str> = page.lines().collect();
    assert_eq!(lines[0], "✖ a test", "{page}");
    assert!(lines[1].starts_with(&format!("  {id} failed with exit code 4 after ")), "{page}");
    assert_eq!(lines[2], "", "{page}");
    assert!(lines[3].starts_with("  command  ") && lines[3].contains("seq 60"), "{page}");
    assert!(page.contains("\n  folder   "), "{page}");
    assert!(page.contains("\n  error: no such file\n  […]\n  42\n"), "{page}");
    assert!(page.ends_with("\n  60\n  last words\n"), "{page}");
    assert!(!page.contains("[sisyphus]") && !page.contains("| "), "{page}");
    let coloured = Terminal::new(&client.env).run(&format!("show {id}")).stdout;
    assert!(
        coloured.starts_with("\u{1b}[31m✖\u{1b}[0m \u{1b}[1ma test\u{1b}[0m\n"),
        "{coloured:?}"
    );
}

/// The model's text stays where a model reads: in a session's own shell, in a pipe, and where it is asked for.
#[test]
fn a_model_reads_its_own_text() {
    let env = planted();
    let text = prints(&env, &["show", "t1abc"]);
    assert!(text.starts_with("[sisyphus] Background task t1abc"), "{text}");
    assert_eq!(prints(&env, &["show", "--as-claude-reads-it", "t1abc"]), text);
    let asked = Terminal::new(&env).run("show --as-claude-reads-it t1abc").stdout;
    assert_eq!(asked, text);
    let inside = Terminal::new(&env).with("CLAUDE_CODE_SESSION_ID", "session-1");
    assert_eq!(inside.run("show t1abc").stdout, text);
}

/// A page about a running task has its time; hostile texts stay texts.
#[test]
fn a_page_of_a_running_task_is_plain_text() {
    let env = TestEnv::new();
    let mut task = running("t1", "serve\u{1b}[2J\u{1b}]0;pwned\u{7}");
    task["command"] = "one \u{202e}\u{1b}[31m\ntwo".into();
    plant(&env, "active.json", &[task]);
    let page = Terminal::new(&env).with("NO_COLOR", "1").run("show t1").stdout;
    assert!(page.contains("▶ serve") && page.contains("\n  t1 is running, for "), "{page}");
    assert!(page.contains("\n  command  one ") && page.contains("\n           two\n"), "{page}");
    assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'), "{page:?}");
}

/// While a command runs, `output_file` names the file that it writes to.
#[test]
fn a_running_commands_output_file_is_named() {
    let client = Client::new(Shell::Bash);
    let running = client.background("echo up; until [ -e stop ]; do sleep 0.02; done");
    running.wait_for_line("up");
    wait_until("it to run", || client.task()["status"] == "running");
    let task = client.task();
    let text = task["output_file"].as_str().map(|path| std::fs::read_to_string(path).unwrap());
    std::fs::write(client.env.project().join("stop"), "").unwrap();
    running.wait();
    assert_eq!(text.as_deref(), Some("up\n"));
}
