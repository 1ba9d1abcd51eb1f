//! The answer to a request for ultrawork. Its instructions are in one place only, the skill's own file.

use std::path::Path;

use sisyphus_base::paths::below;
use sisyphus_base::text::one_line;
use sisyphus_settings::SlotLimit;
use sisyphus_state::agents::{Limits, Pool, agents_in, queued_agents, running_agents};
use sisyphus_state::line::Snapshot;
use sisyphus_state::store::Active;
use sisyphus_tasks::agent_call::AgentCall;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};

use super::agents::named_limits;
use super::measure::length;

/// The file that Claude Code reads for the skill's command.
const SKILL: &str = include_str!("../../../skills/ultrawork/SKILL.md");
/// Its path in an installed plugin.
const SKILL_PATH: &str = "skills/ultrawork/SKILL.md";
/// Longest path that the text names, in characters. No system accepts a longer one.
const PATH_MAX: usize = 4_096;

/// The line that the instructions refer to: how much may run, and how much runs. Without a queue that can be read it names
/// no free slots: no runner waits for one then.
pub fn ultrawork_limit(active: &Active, line: Option<&Snapshot>, limits: &Limits) -> String {
    let commands =
        || active.live().filter(|task| task.kind == Kind::Command && task.is_confirmed());
    let running = commands().filter(|task| matches!(task.status(), Status::Running { .. })).count()
        + running_agents(active).count();
    let is_queued =
        |task: &&Task| matches!(task.status(), Status::Pending { .. } | Status::Queued { .. });
    let commands_queued = commands().filter(is_queued).count();
    let queued = commands_queued + queued_agents(active).count();
    let others = named_limits(active, limits);
    let now = format!("running now: {running}, queued: {queued}");
    match limits.default_limit() {
        SlotLimit::Unlimited => {
            format!("[sisyphus] Ultrawork: any number of background tasks at once; {now}.{others}")
        }
        SlotLimit::AtMost(slots) => {
            let is_shared = |task: &&Task| {
                let model = task.launched.as_ref().and_then(AgentCall::model);
                limits.pool_of(model).0 == Pool::Default
            };
            let free = line.map(|line| {
                // A command that only Claude Code watches has no slot.
                let taken = active.holders().count()
                    + line.elsewhere().values().sum::<usize>()
                    + line.agents_elsewhere
                    + agents_in(active, &Pool::Default, limits)
                    + queued_agents(active).filter(is_shared).count()
                    + commands_queued;
                format!(", can start now: {}", slots.get().saturating_sub(taken))
            });
            format!(
                "[sisyphus] Ultrawork: at most {slots} background tasks at once, over all sessions; {now}{}.{others}",
                free.unwrap_or_default()
            )
        }
    }
}

/// The instructions for a prompt that holds one of the words, with the line about the limit, in at most `room` units of
/// UTF-16. If they don't fit, the text names the file below the plugin's folder instead; `None` if that folder is
/// unknown.
pub fn ultrawork(limit_line: &str, room: usize, plugin_root: Option<&Path>) -> Option<String> {
    let whole = format!(
        "[sisyphus] The prompt holds the word for these instructions. Follow them if it asks for that way of working; if it only speaks of it, go on as usual.\n\n{}\n\n{limit_line}\n",
        instructions()
    );
    if length(&whole) <= room {
        return Some(whole);
    }
    let path = below(plugin_root?, SKILL_PATH);
    Some(format!(
        "[sisyphus] The prompt holds the word for the skill ultrawork. If it asks for that way of working, read `{}` first and follow it; if it only speaks of it, go on as usual.\n{limit_line}\n",
        one_line(&path.to_string_lossy(), PATH_MAX)
    ))
}

/// The skill's text without the front matter for Claude Code.
fn instructions() -> &'static str {
    let (_, text) = SKILL.split_once("\n---").unwrap_or(("", SKILL));
    text.trim()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use chrono::DateTime;
    use sisyphus_base::id::ClientTaskId;
    use sisyphus_settings::Settings;
    use sisyphus_tasks::status::Watch;
    use sisyphus_tasks::task::Client;
    use sisyphus_tasks::task::samples::{in_status, pending};

    use super::*;

    fn slots(number: usize) -> Limits {
        let slots = NonZeroUsize::new(number).map_or(SlotLimit::Unlimited, SlotLimit::AtMost);
        Limits::of(&Settings { max_background_tasks: slots, ..Settings::default() })
    }

    /// One letter a task: `r`unning, `o`bserved, `s`ervice, `q`ueued, about to `w`ait, may `n`ever run.
    fn active(letters: &str) -> Active {
        let at = DateTime::from_timestamp(0, 0).unwrap();
        let mut active = Active::default();
        for (letter, number) in letters.chars().zip(1..) {
            let mut task = pending(&format!("t{number}"), number);
            let client = ClientTaskId::new(format!("b{number}")).unwrap();
            task.client = Some(Client { id: client, process: None });
            let running = |watch| Status::Running { started_at: at, watch };
            match letter {
                'r' => task = in_status(task, running(Watch::Supervised)),
                'o' => task = in_status(task, running(Watch::Observed)),
                's' => {
                    task = in_status(task, running(Watch::Supervised));
                    task.kind = Kind::Service;
                }
                'q' => task = in_status(task, Status::Queued { queued_at: at }),
                'n' => task.client = None,
                _ => {}
            }
            active.insert(task);
        }
        active
    }

    #[test]
    fn the_line_tells_the_limit_and_what_there_is_now() {
        let cases = [
            (
                "",
                5,
                "at most 5 background tasks at once, over all sessions; running now: 0, queued: 0, can start now: 5.",
            ),
            (
                "rr",
                5,
                "at most 5 background tasks at once, over all sessions; running now: 2, queued: 0, can start now: 3.",
            ),
            (
                "rrqw",
                2,
                "at most 2 background tasks at once, over all sessions; running now: 2, queued: 2, can start now: 0.",
            ),
            (
                "rrr",
                2,
                "at most 2 background tasks at once, over all sessions; running now: 3, queued: 0, can start now: 0.",
            ),
            (
                "rsno",
                5,
                "at most 5 background tasks at once, over all sessions; running now: 2, queued: 0, can start now: 4.",
            ),
        ];
        for (tasks, limit, expected) in cases {
            let line = ultrawork_limit(&active(tasks), Some(&Snapshot::default()), &slots(limit));
            assert_eq!(line, format!("[sisyphus] Ultrawork: {expected}"), "{tasks}");
        }
        assert_eq!(
            ultrawork_limit(&active("rq"), Some(&Snapshot::default()), &slots(0)),
            "[sisyphus] Ultrawork: any number of background tasks at once; running now: 1, queued: 1."
        );
    }

    #[test]
    fn the_instructions_are_the_skills_without_its_head() {
        let text = instructions();
        assert!(text.starts_with("# Ultrawork\n"), "{text}");
        assert!(text.ends_with("After the report this request is over."), "{text}");
        assert!(!text.contains("disable-model-invocation"), "{text}");
        // What the line is called must be what the instructions call it.
        let line = ultrawork_limit(&Active::default(), Some(&Snapshot::default()), &slots(5));
        let (name, _) = line.split_once(": ").unwrap();
        assert_eq!(text.matches(&format!("`{name}:`")).count(), 1, "{text}");
    }

    #[test]
    fn they_are_said_once_with_the_line_or_their_place_is() {
        let root = Path::new("/home/dev/.claude/skills/sisyphus");
        let line = ultrawork_limit(&Active::default(), Some(&Snapshot::default()), &slots(5));
        let whole = ultrawork(&line, 9_500, Some(root)).unwrap();
        assert_eq!(whole.matches("# Ultrawork").count(), 1);
        assert!(whole.ends_with(&format!("this request is over.\n\n{line}\n")), "{whole}");
        assert!(length(&whole) < 4_500, "{}", length(&whole));
        assert_eq!(ultrawork(&line, length(&whole), None), Some(whole.clone()));

        let place = ultrawork(&line, length(&whole) - 1, Some(root)).unwrap();
        let file = root.join("skills").join("ultrawork").join("SKILL.md");
        assert!(place.contains(&format!("read `{}`", file.display())), "{place}");
        assert!(place.ends_with(&format!("\n{line}\n")) && length(&place) < 500, "{place}");
        assert_eq!(ultrawork(&line, 10, None), None);
    }
}
