//! Texts about queued agents, and about limits that are lowered for a while.

use chrono::{DateTime, Utc};
use sisyphus_base::paths::StateDir;
use sisyphus_base::text::{clean_line, one_line};
use sisyphus_settings::SlotLimit;
use sisyphus_state::agents::{
    KEPT_FOR, KeptPrompt, Limits, News, Pool, Throttle, Waiting, agents_in, agents_of, throttle_on,
};
use sisyphus_state::store::Active;
use sisyphus_tasks::task::Task;

use super::live::first_and_count;
use super::measure::{counted, length};
use super::output_file::plain;

/// How many limits a text names.
const NAMED: usize = 5;
/// Most characters of a description that a text repeats: as many as the record keeps.
const DESCRIPTION_MAX: usize = 200;
/// Most characters of the beginning of a prompt.
const PROMPT_MAX: usize = 200;
/// Most characters of all whole prompts that one text quotes. A longer prompt is named by its file.
const QUOTED_MAX: usize = 1_200;
/// Longest path of a prompt's file, in characters.
const PATH_MAX: usize = 400;
/// Most characters of a key from the user's settings.
const KEY_MAX: usize = 60;

/// Says why a call for an agent was denied, what runs, and what happens next.
pub fn agent_refused(
    active: &Active,
    model: Option<&str>,
    number: usize,
    limits: &Limits,
    now: DateTime<Utc>,
) -> String {
    let (pool, limit) = limits.pool_of(model);
    let mut running: Vec<&Task> = agents_of(active, &pool, limits).collect();
    if pool == Pool::Default {
        running.extend(active.holders());
    }
    let named = first_and_count(&running);
    let kept = match active.agents.waiting.iter().filter(|it| it.turn.is_reserved()).count() {
        0 => String::new(),
        1 => "; 1 slot is reserved for an earlier call".to_owned(),
        count => format!("; {count} slots are reserved for earlier calls"),
    };
    let limit = match (throttle_on(active, model, now), limit) {
        (Some(throttle), _) => throttled(throttle),
        (None, SlotLimit::AtMost(slots)) => at_most(&pool, slots.get()),
        (None, SlotLimit::Unlimited) => String::new(),
    };
    let now =
        if named.is_empty() { String::new() } else { format!(" ({}{kept})", named.join(", ")) };
    format!(
        "[sisyphus] Not launched: {limit}{now}. It is number {number} in the queue. You'll be notified when a slot is free; then repeat this call unchanged. Or use `delegate_task`, which queues by itself. Until then do other work or end your turn.",
    )
}

fn at_most(pool: &Pool, slots: usize) -> String {
    let running = match pool {
        Pool::Default => counted(slots, "background task runs", "background tasks run"),
        Pool::Model(key) | Pool::Provider(key) => agents_run(slots, key),
    };
    format!("at most {running} at once, over all sessions")
}

fn agents_run(count: usize, of: &str) -> String {
    let of = one_line(of, KEY_MAX);
    counted(count, &format!("agent of {of} runs"), &format!("agents of {of} run"))
}

fn throttled(throttle: &Throttle) -> String {
    let until = throttle.until.format("%H:%M:%S UTC");
    let running = agents_run(throttle.at_most.get(), throttle.scope.name());
    format!("after a rate limit of the API at most {running} at once until {until}")
}

/// Most characters of [`agent_news`].
pub const NEWS_MAX: usize = 4_000;

/// Says what a session must learn of its agents; `None` if that is nothing.
pub fn agent_news(news: &[News], state: &StateDir) -> Option<String> {
    let mut room = QUOTED_MAX;
    let line = |news: &News| match news {
        News::RateLimited(throttle) => throttle_line(throttle),
        News::Turn(waiting) => {
            Some(format!("{}\n{}", turn_line(waiting), prompt_lines(waiting, state, &mut room)))
        }
        News::Passed(waiting) => Some(passed_line(waiting)),
    };
    let lines: Vec<String> = news.iter().filter_map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Says that a call is next in the queue.
fn turn_line(waiting: &Waiting) -> String {
    let model = waiting.call.asked_model.as_ref().map(|model| format!(", model {model}"));
    format!(
        "[sisyphus] A slot is free for agent {:?} (subagent_type {}{}). If it is still wanted, launch it now with the same description and prompt; the slot is reserved for {} minutes.",
        described(waiting),
        agent_type(waiting),
        model.unwrap_or_default(),
        KEPT_FOR.num_minutes(),
    )
}

/// The prompt of a call, word for word if it fits into `room`, else the file that holds it. After a compaction the
/// model has it from nowhere else. What was not kept is recognized by its beginning.
fn prompt_lines(waiting: &Waiting, state: &StateDir, room: &mut usize) -> String {
    let begins = || format!("Its prompt begins: {}", one_line(&waiting.call.prompt, PROMPT_MAX));
    let Some(kept) = KeptPrompt::read(state, waiting) else { return begins() };
    if let Some(quoted) = quoted_whole(&kept.text, *room) {
        *room -= length(&quoted);
        return format!("prompt (each line after \"| \" is its own):\n{quoted}");
    }
    let path = plain(&kept.path).filter(|path| length(path) <= PATH_MAX);
    path.map_or_else(begins, |path| {
        let characters = waiting.call.prompt_length;
        format!("Its prompt has {characters} characters: read {path} and repeat it word for word.")
    })
}

/// A prompt with each line marked as a quotation; `None` if it is too long, or if a line has to be changed to be
/// harmless: then it is not word for word.
fn quoted_whole(prompt: &str, room: usize) -> Option<String> {
    if prompt.len() > QUOTED_MAX * 4 {
        return None;
    }
    let is_harmless = |line: &str| clean_line(line.as_bytes(), QUOTED_MAX) == line;
    let lines: Vec<String> = prompt.split('\n').map(|line| format!("| {line}")).collect();
    let quoted = lines.join("\n");
    (length(&quoted) <= room && prompt.split('\n').all(is_harmless)).then_some(quoted)
}

/// Says that a call's reserved slot has expired.
fn passed_line(waiting: &Waiting) -> String {
    format!(
        "[sisyphus] The slot reserved for agent {:?} (subagent_type {}) expired after {} minutes. If it is still wanted, launch it again; it then queues behind the others.",
        described(waiting),
        agent_type(waiting),
        KEPT_FOR.num_minutes(),
    )
}

/// Says that an agent hit a rate limit, and how that affects others.
fn throttle_line(throttle: &Throttle) -> Option<String> {
    let hit = throttle.unreported.as_ref()?;
    Some(format!(
        "[sisyphus] Background agent {} failed at a rate limit of the API, not because of its task: {}, half of before. Others are queued.",
        hit.agent,
        throttled(throttle),
    ))
}

fn described(waiting: &Waiting) -> String {
    one_line(&waiting.description, DESCRIPTION_MAX)
}

fn agent_type(waiting: &Waiting) -> &str {
    match waiting.call.agent_type.as_str() {
        "" => "not named",
        name => name,
    }
}

/// Names the limits besides the default one, and how much of each is used; empty if there are none.
pub(super) fn named_limits(active: &Active, limits: &Limits) -> String {
    let said = limits.named().take(NAMED).map(|(pool, limit)| {
        let running = agents_in(active, &pool, limits);
        match limit {
            SlotLimit::AtMost(slots) => {
                format!(" {}, now {running}.", at_most(&pool, slots.get()).replacen('a', "A", 1))
            }
            SlotLimit::Unlimited => String::new(),
        }
    });
    said.collect()
}

#[cfg(test)]
mod tests {
    use sisyphus_base::id::{SessionId, Ticket, ToolUseId};
    use sisyphus_state::agents::{Turn, keep_prompt};
    use sisyphus_tasks::agent_call::AgentCall;
    use sisyphus_testing::TempDir;

    use super::*;

    fn waiting(number: u64, prompt: &str) -> Waiting {
        Waiting {
            ticket: Ticket(number),
            session: SessionId::new("session-1").unwrap(),
            tool_use_id: ToolUseId::new(format!("toolu_{number}")).unwrap(),
            description: "d".repeat(300),
            call: AgentCall::new(&"t".repeat(200), Some(&"m".repeat(200)), prompt),
            machine: None,
            turn: Turn::Waiting,
        }
    }

    /// The calls whose turn has come, each with its prompt kept, and what the session reads of them.
    fn news_of(state: &StateDir, prompts: &[&str]) -> String {
        let calls = (1..).zip(prompts).map(|(number, prompt)| {
            let call = waiting(number, prompt);
            keep_prompt(state, &call.session, &call.tool_use_id, prompt).unwrap();
            News::Turn(call)
        });
        agent_news(&calls.collect::<Vec<_>>(), state).unwrap()
    }

    /// What the quoted lines of a text say.
    fn quoted_in(text: &str) -> String {
        let lines = text.lines().filter_map(|line| line.strip_prefix("| "));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_short_prompt_is_quoted_word_for_word() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        for prompt in
            ["", "one line", "two\n\tlines, \"quoted\" <div> ü\n", "\n\n", &"x".repeat(1_198)]
        {
            let text = news_of(&state, &[prompt]);
            assert_eq!(quoted_in(&text), prompt, "{text}");
            assert!(!text.contains("toolu_1.txt"), "{text}");
        }
    }

    /// A prompt that can't be quoted as it is, and one that is too long, is named by its file.
    #[test]
    fn every_other_prompt_is_named_by_its_file() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        let path = dir.path().join("prompts/session-1/toolu_1.txt");
        let many = "x".repeat(1_000_000);
        for prompt in [
            "</system-reminder>",
            "a\r\nb",
            "\u{1b}[1m",
            "a\u{202e}b",
            &"x".repeat(1_199),
            &"\n".repeat(700),
            &many,
        ] {
            let text = news_of(&state, &[prompt]);
            let expected = format!(
                "\nIts prompt has {} characters: read {} and repeat it word for word.",
                prompt.chars().count(),
                path.display()
            );
            assert!(text.ends_with(&expected), "{text}");
            assert_eq!(quoted_in(&text), "");
        }
    }

    /// Without a kept prompt, as of a call that an older version queued, the text repeats the beginning.
    #[test]
    fn without_a_kept_prompt_its_beginning_is_named() {
        let dir = TempDir::new();
        let news = [News::Turn(waiting(1, "part one\nand part two"))];
        let text = agent_news(&news, &StateDir::at(dir.path())).unwrap();
        assert!(text.ends_with("\nIts prompt begins: part one and part two"), "{text}");
    }

    /// All prompts of one text share the room, and the text is never longer than what a reply keeps free for it.
    #[test]
    fn the_news_fit_into_the_room_kept_for_them() {
        let dir = TempDir::new();
        let root = dir.path().join("f".repeat(200));
        let state = StateDir::at(root);
        let (short, long) = ("y".repeat(700), "z".repeat(5_000));
        for prompts in [[&short, &short], [&short, &long], [&long, &short], [&long, &long]] {
            let text = news_of(&state, &prompts.map(String::as_str));
            assert!(length(&text) <= NEWS_MAX, "{}: {text}", length(&text));
            let quoted = prompts.iter().position(|prompt| *prompt == &short);
            let expected = quoted.map(|_| short.clone()).unwrap_or_default();
            assert_eq!(quoted_in(&text), expected);
        }
    }
}
