//! How old a task is, in one number and one letter: `12s`, `4m`, `2h`, `3d`.

use chrono::{DateTime, TimeDelta, Utc};
use sisyphus_tasks::task::Task;

/// The time since a task ended, or since it was launched if it has not ended.
pub(super) fn age(task: &Task, now: DateTime<Utc>) -> Option<String> {
    let at = match task.status().ending() {
        Some(ending) => ending.ended_at,
        None => launched_at(task)?,
    };
    Some(short(now - at))
}

/// A running task was launched before it waited.
fn launched_at(task: &Task) -> Option<DateTime<Utc>> {
    let since = task.status().since()?;
    let waited = task.waited_ms().and_then(|ms| i64::try_from(ms).ok());
    let waited = waited.and_then(TimeDelta::try_milliseconds).unwrap_or_default();
    Some(since.checked_sub_signed(waited).unwrap_or(since))
}

/// In the largest unit of which it has one. A clock that was set back makes no age negative.
fn short(age: TimeDelta) -> String {
    let seconds = age.num_seconds().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        let cases = [
            (-5, "0s"),
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3_599, "59m"),
            (3_600, "1h"),
            (86_399, "23h"),
            (86_400, "1d"),
            (86_400 * 400, "400d"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(short(TimeDelta::seconds(seconds)), expected, "{seconds}");
        }
    }
}
