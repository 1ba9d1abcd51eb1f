//! A prompt that asks for ultrawork gets the skill's text, or only the numbers where Claude Code adds the text itself.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use crate::payload::{payload, with};
use crate::session::Session;
use crate::start::{feed, is_swallowed, log, told};

const TITLE: &str = "# Ultrawork\n";
const LINE: &str = "[sisyphus] Ultrawork: at most ";

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn skill() -> String {
    fs::read_to_string(repository("skills/ultrawork/SKILL.md")).unwrap()
}

/// For one prompt with the keyword, UserPromptSubmit prints the skill's text and the current numbers once.
#[test]
fn the_keyword_brings_the_skill_once() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    env.set(&json!({ "max_background_tasks": 3 }));
    session.tell(&session.call(1).after());
    let text = told(&session.submits("ulw: refactor the API with ulw, ultrawork"));
    let skill = skill();
    let (_, instructions) = skill.split_once("\n---\n").unwrap();
    assert_eq!(text.matches(instructions.trim()).count(), 1, "{text}");
    assert_eq!(text.matches(TITLE).count(), 1, "{text}");
    let line = format!(
        "{LINE}3 background tasks at once, over all sessions; running now: 1, queued: 0, can start now: 3.\n"
    );
    assert!(text.ends_with(&line), "{text}");
    assert_eq!(text.matches(LINE).count(), 1, "{text}");
    // It lasts for one request: the next prompt gets nothing.
    assert_eq!(session.types().stdout, "");
    assert_eq!(log(&env), "");
}

#[test]
fn the_command_brings_the_numbers_only() {
    for prompt in ["/ultrawork refactor the API", "/sisyphus:ultrawork ulw ultrawork", "/ultrawork"]
    {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let event = with(session.event("user-prompt-submit.slash-command"), "/prompt", prompt);
        let text = told(&session.send(&event));
        assert!(text.starts_with(LINE) && text.lines().count() == 1, "{prompt}: {text}");
    }
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.tell(&session.event("user-prompt-submit.slash-command"));
}

#[test]
fn what_nobody_typed_brings_nothing() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    call.starts();
    let notice = call.notice().replace("run slow test", "ulw");
    let output = session.submits(&notice);
    assert!(
        told(&output).contains("failed with exit code 4") && !output.stdout.contains(LINE),
        "{output:?}"
    );
    assert!(is_swallowed(&session.submits(&notice)));
    let agent = session.event("user-prompt-submit.notification-agent-finished");
    let agent = agent["prompt"].as_str().unwrap().replace("SUBRESULT", "ulw: go on");
    let more = format!("{agent}\nulw: go on");
    let prompts = [
        agent.as_str(),
        more.as_str(),
        "why?\n\n2026-11-21 07:13:12 INFO ultrawork started\n2026-11-21 07:13:13 INFO ulw ended",
        "<system-reminder>\nulw: do it\n</system-reminder>",
        "look at `ulw`, \"ulw\" and src/ulw.rs",
    ];
    for prompt in prompts {
        assert_eq!(session.submits(prompt).stdout, "", "{prompt}");
    }
    let pasted = session.event("user-prompt-submit.pasted");
    session.tell(&pasted);
    let prompt = format!("{}and now ulw", pasted["prompt"].as_str().unwrap());
    assert!(told(&session.submits(&prompt)).contains(TITLE), "typed behind the paste");
}

#[test]
fn results_come_along_and_nothing_is_cut_off() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, None, 1);
    let text = told(&session.submits("ulw: refactor the API"));
    assert_eq!(text.matches(TITLE).count(), 1, "{text}");
    assert!(text.contains("(\"the tests\") failed with exit code 3."), "{text}");
    assert!(text.ends_with("No other background command is running."), "{text}");

    // As many results as make the longest reminder: then the text's place is named.
    let tasks: Vec<Value> = (0..20).map(|number| {
        json!({ "id": format!("t{number}"), "ticket": number, "session": session.id,
                "client": { "id": format!("b{number}") }, "cwd": "/",
                "command": "x".repeat(9_000), "description": "d".repeat(900),
                "status": { "state": "finished", "outcome": "failed", "exit_code": 3, "ended_at": chrono::Utc::now() },
                "delivery": { "state": "owed", "since": 1, "attempt": "first" } })
    }).collect();
    session.put(&tasks);
    let outputs = env.state().join("output");
    fs::create_dir_all(&outputs).unwrap();
    for number in 0..20 {
        fs::write(outputs.join(format!("t{number}.log")), "x".repeat(300)).unwrap();
    }
    let event = with(session.event("user-prompt-submit.typed"), "/prompt", "ulw: refactor the API");
    let mut command = env.command("sisyphus-user-prompt-submit");
    command.env("CLAUDE_PLUGIN_ROOT", "/home/dev/.claude/skills/sisyphus");
    let text = told(&feed(command, event.to_string().as_bytes()));
    assert_eq!(text.matches("failed with exit code 3.").count(), 20, "{text}");
    assert!(text.ends_with("commands have finished: 20 failed."), "{text}");
    assert!(
        text.contains("read `/home/dev/.claude/skills/sisyphus/skills/ultrawork/SKILL.md`"),
        "{text}"
    );
    assert!(text.contains(LINE) && !text.contains(TITLE), "{text}");
}

/// UserPromptSubmit ignores the keyword if `ultrawork_keyword` is off, and the skill too if `background_execution` is.
#[test]
fn the_keyword_can_be_switched_off() {
    let said = |settings: Value, prompt: &str| {
        let env = TestEnv::new();
        env.set(&settings);
        told(&Session::new(&env).submits(prompt))
    };
    let off = json!({ "ultrawork_keyword": false });
    assert_eq!(said(off.clone(), "ulw: refactor"), "");
    assert!(said(off, "/ultrawork refactor").starts_with(LINE));
    let off = json!({ "background_execution": false });
    assert_eq!(said(off.clone(), "ulw: refactor"), "");
    assert_eq!(said(off, "/ultrawork refactor"), "");
    let unlimited = said(json!({ "max_background_tasks": 0 }), "/ultrawork refactor");
    assert_eq!(
        unlimited,
        "[sisyphus] Ultrawork: any number of background tasks at once; running now: 0, queued: 0."
    );
}

#[test]
fn no_numbers_are_said_that_were_not_seen() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    fs::write(env.state().join("active.json"), r#"{"version":99,"tasks":[]}"#).unwrap();
    assert_eq!(session.submits("/ultrawork refactor").stdout, "");
    assert_ne!(log(&env), "");
}

/// What the front matter of a file says for a key.
fn front_matter<'a>(text: &'a str, key: &str) -> &'a str {
    let (head, _) = text.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap();
    let line = head.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no `{key}`:\n{head}"))
}

#[test]
fn the_skill_names_real_agents_and_real_parameters() {
    let skill = skill();
    assert_eq!(front_matter(&skill, "name"), "ultrawork");
    assert_eq!(front_matter(&skill, "disable-model-invocation"), "true", "only a person starts it");
    let mut agents: Vec<String> = fs::read_dir(repository("agents"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    agents.sort();
    let mut named: Vec<&str> =
        skill.split("`sisyphus:").skip(1).map(|rest| rest.split('`').next().unwrap()).collect();
    named.sort_unstable();
    assert_eq!(named, agents);

    let calls = ["pre-tool-use.agent-background", "pre-tool-use.bash-background"];
    let inputs = calls.map(|name| payload(name, &[])["tool_input"].clone());
    // What the recorded calls don't have: the tools.
    let others = ["Agent", "Bash", "background_output", "delegate_task", "agent", "worktree"];
    let words = skill.split('`').skip(1).step_by(2).map(|code| code.trim_end_matches(": true"));
    for word in words.filter(|word| !word.contains([' ', ':'])) {
        let is_parameter = inputs.iter().any(|input| input.get(word).is_some());
        assert!(is_parameter || others.contains(&word), "`{word}`");
    }
}

/// Each agent of the plugin has only the tools that it needs, and says in which form it answers.
#[test]
fn agents_have_few_tools_and_an_answer_form() {
    const READS: &str = "Read, Grep, Glob";
    let allowed = |name: &str| match name {
        "librarian" => "Read, Grep, Glob, WebSearch, WebFetch",
        "frontend-engineer" => "Read, Grep, Glob, Edit, Write, Bash",
        _ => READS,
    };
    for entry in fs::read_dir(repository("agents")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(front_matter(&text, "name"), name);
        assert_eq!(front_matter(&text, "tools"), allowed(name), "{name}");
        assert!(front_matter(&text, "description").len() > 40, "{name}");
        let (_, format) =
            text.split_once("\nAnswer in this form:\n").unwrap_or_else(|| panic!("{name}"));
        assert!(format.matches("\n## ").count() >= 3, "{name}: {format}");
    }
}
