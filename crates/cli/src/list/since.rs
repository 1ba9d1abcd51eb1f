//! A moment as people name it.

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Utc};

/// Parses `2h`, `9:30`, `2026-11-28`, `2026-11-28 9:30` or RFC 3339. Local time, if the text names no other.
pub(crate) fn since(text: &str) -> Result<DateTime<Utc>, String> {
    let now = Local::now();
    parse(text.trim(), now).ok_or_else(|| {
        "not a time such as `2h`, `9:30`, `2026-11-28` or `2026-11-28 9:30`".to_owned()
    })
}

fn parse(text: &str, now: DateTime<Local>) -> Option<DateTime<Utc>> {
    if let Some(span) = span(text) {
        return now.to_utc().checked_sub_signed(span);
    }
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.to_utc());
    }
    let time = |text: &str| {
        ["%H:%M:%S", "%H:%M"].iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok())
    };
    let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let local = match text.split_once([' ', 'T']) {
        Some((first, second)) => NaiveDateTime::new(day(first)?, time(second)?),
        None => match (time(text), day(text)) {
            (Some(time), _) => NaiveDateTime::new(now.date_naive(), time),
            (None, Some(day)) => NaiveDateTime::new(day, NaiveTime::MIN),
            (None, None) => return None,
        },
    };
    // An hour that comes twice in a year counts from its first time on.
    Local.from_local_datetime(&local).earliest().map(|it| it.to_utc())
}

/// `90s`, `30m`, `2h`, `7d`.
fn span(text: &str) -> Option<TimeDelta> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds: i64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    let number: u32 = number.parse().ok()?;
    TimeDelta::try_seconds(i64::from(number).checked_mul(seconds)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let now = Local.with_ymd_and_hms(2026, 11, 28, 12, 0, 0).unwrap();
        let local = |day, hour, minute| {
            Some(Local.with_ymd_and_hms(2026, 11, day, hour, minute, 0).unwrap().to_utc())
        };
        let cases = [
            ("90s", Some(now.to_utc() - TimeDelta::seconds(90))),
            ("30m", local(28, 11, 30)),
            ("2h", local(28, 10, 0)),
            ("0d", local(28, 12, 0)),
            ("7d", local(21, 12, 0)),
            ("9:30", local(28, 9, 30)),
            ("09:30:00", local(28, 9, 30)),
            ("2026-11-27", local(27, 0, 0)),
            ("2026-11-27 23:05", local(27, 23, 5)),
            ("2026-11-27T23:05", local(27, 23, 5)),
            ("2026-11-27T23:05:00Z", Utc.with_ymd_and_hms(2026, 11, 27, 23, 5, 0).single()),
            ("2026-11-27T23:05:00+02:00", Utc.with_ymd_and_hms(2026, 11, 27, 21, 5, 0).single()),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text, now), expected, "{text}");
        }
        for text in ["", "h", "-2h", "2", "2w", "2.5h", "25:00", "2026-13-01", "now", "9:30 x", "ä"]
        {
            assert_eq!(parse(text, now), None, "{text}");
        }
        assert_eq!(parse("4294967295d", now), None);
    }
}
