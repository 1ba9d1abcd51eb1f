//! What a new session reads of tasks that outlived earlier conversations of its project.

use sisyphus_state::store::Active;
use sisyphus_tasks::task::{Kind, Task};

use crate::live::{Surroundings, below, lines};
use crate::measure::counted;

/// Says to a new session why it reads these results; `None` if there are none.
pub fn adopted_line<'a>(results: impl Iterator<Item = &'a Task>) -> Option<String> {
    let (sessions, commands): (Vec<_>, Vec<_>) =
        results.map(|task| task.kind).partition(|kind| *kind == Kind::Session);
    let below = [
        (sessions.len(), "delegated session", "delegated sessions"),
        (commands.len(), "kept command", "kept commands"),
    ];
    let parts: Vec<String> = below
        .into_iter()
        .filter(|(count, _, _)| *count > 0)
        .map(
            |(count, one, several)| {
                if count == 1 { one.to_owned() } else { counted(count, one, several) }
            },
        )
        .collect();
    match sessions.len() + commands.len() {
        0 => None,
        1 => Some(format!(
            "[sisyphus] An earlier conversation of this project asked for the {} below, and is over.",
            parts.concat()
        )),
        _ => Some(format!(
            "[sisyphus] Earlier conversations of this project asked for the {} below, and are over.",
            parts.join(" and the ")
        )),
    }
}

/// Says to a new session what earlier ones of its project left running; `None` if that is nothing.
pub fn kept_table(
    active: &Active,
    meant: impl Fn(&Task) -> bool,
    around: Surroundings<'_>,
) -> Option<String> {
    let kept = lines(active, meant, around);
    let (count, has) = match kept.len() {
        0 => return None,
        1 => ("1 background command".to_owned(), "has"),
        several => (format!("{several} background commands"), "have"),
    };
    let heading = format!(
        "[sisyphus] The user keeps {count} of an earlier session of this project, which {has} not finished; you'll be notified when each does. `background_output` shows the output, `background_cancel` stops the command:\n"
    );
    Some(below(heading, &kept))
}
