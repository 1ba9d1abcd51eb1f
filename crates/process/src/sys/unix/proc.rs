//! The process table: `/proc` on Linux. Other systems tell nothing here, and whoever asks does without.

use super::super::Stat;

/// What the system tells of a process; `None` if it is gone or a zombie.
pub(crate) fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Every process.
pub(crate) fn processes() -> Vec<(i32, Stat)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((pid, stat(pid)?))
        })
        .collect()
}

/// Parses `/proc/PID/stat`, see `proc_pid_stat(5)`. The second field is the name in parentheses and may hold anything.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    // Field 22 of all; two are before the parenthesis, and two are read.
    let start = fields.nth(17)?.parse().ok()?;
    Some(Stat { parent, start: Some(start) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_spaces_and_parentheses() {
        let text = "42 (a) b) (c) S 7 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 123456 1 2 3";
        assert_eq!(parse_stat(text), Some(Stat { parent: 7, start: Some(123_456) }));
        assert_eq!(parse_stat(&text.replace(" S ", " Z ")), None);
        assert_eq!(parse_stat("42 (a"), None);
    }

    #[test]
    fn knows_this_process() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(stat(pid).unwrap().start.is_some());
        assert!(processes().iter().any(|(other, _)| *other == pid));
    }
}
