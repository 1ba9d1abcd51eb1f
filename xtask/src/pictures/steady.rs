//! Replaces what differs from run to run: ids, the scratch folder, times. So a picture changes only if the programs do.

use sisyphus_testing::TestEnv;

use super::client::visible;

/// Ids, in the order in which `sisyphus list` shows the tasks.
const IDS: [&str; 6] =
    ["t4wq8m2xk", "t9ch3v7zr", "t2np6k1sd", "t7yb5j0fe", "t5rd1g8hw", "t3mz9c4pu"];
/// The folders that people see.
const HOME: &str = "/home/dev";
const FOLDER: &str = "/home/dev/shop";
const PROJECT: &str = "shop";
/// In a line whose figures are never the same.
const USED: &str = " of processor time, ";
/// The column in which facts begin.
const FACTS: usize = 14;
/// The form of a time of day with its date, and the times that take its place.
const STAMP: &str = "0000-00-00 00:00:00";
const STAMPS: [&str; 3] = ["2026-11-29 10:14:02", "2026-11-29 10:14:16", "2026-11-29 10:14:30"];

/// What takes the place of what differs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steady {
    /// Words of a line, and the time in that line.
    pub(super) times: &'static [(&'static str, &'static str)],
}

impl Steady {
    pub(super) fn applied(&self, env: &TestEnv, screen: &str) -> String {
        let listed = env.run("sisyphus", &["list", "--json"]).json();
        let tasks = listed["tasks"].as_array().cloned().unwrap_or_default();
        let mut screen = screen.to_owned();
        for (task, id) in tasks.iter().zip(IDS) {
            if let Some(real) = task["id"].as_str() {
                screen = screen.replace(real, id);
            }
        }
        let project = env.project();
        let folders = [(env.client_tmp(), "/tmp/claude-1000"), (env.home(), HOME)];
        for (real, shown) in folders.into_iter().chain([(project.clone(), FOLDER)]) {
            screen = screen.replace(&*real.to_string_lossy(), shown);
        }
        for stamp in STAMPS {
            screen = with_stamp(&screen, stamp).unwrap_or(screen);
        }
        let name = project.file_name().unwrap_or_default().to_string_lossy().into_owned();
        screen = screen.replace(&format!("  {name}  "), &format!("  {PROJECT}  "));
        screen.lines().map(|line| self.with_time(line) + "\n").collect()
    }

    fn with_time(&self, line: &str) -> String {
        if let Some((before, _)) = line.split_once(USED) {
            let name =
                before.trim_end_matches(|it: char| it.is_ascii_digit() || " .s".contains(it));
            let gap = " ".repeat(FACTS.saturating_sub(visible(name)));
            return format!("{name}{gap}9.3 s{USED}48 MB in its largest process");
        }
        let time = self.times.iter().find(|(words, _)| line.contains(words)).map(|(_, time)| time);
        match time.and_then(|time| Some((replaced(line, time)?, time))) {
            Some((line, time)) => with_age(&line, time),
            None => line.to_owned(),
        }
    }
}

/// The row of a table with the age that fits to its time: `48s` to `48 s`.
fn with_age(line: &str, time: &str) -> String {
    let age = format!("{}s", time.split(['.', ' ']).next().unwrap_or_default());
    let is_age = |second: &u32| line.contains(&format!("   {second}s  "));
    let shown = (0..60).find(is_age).map(|second| format!("   {second}s  "));
    shown.map_or_else(|| line.to_owned(), |it| line.replacen(&it, &format!("{age:>5}  "), 1))
}

/// The text with this time of day in place of its first one that is not ours.
fn with_stamp(text: &str, stamp: &str) -> Option<String> {
    let is_stamp = |at: &usize| {
        let found = text.as_bytes()[*at..].get(..STAMP.len())?;
        let fits = |(it, form): (&u8, u8)| match form {
            b'0' => it.is_ascii_digit(),
            _ => *it == form,
        };
        let is_ours = STAMPS.iter().any(|ours| ours.as_bytes() == found);
        (found.iter().zip(STAMP.bytes()).all(fits) && !is_ours).then_some(())
    };
    let at = (0..text.len()).find(|at| is_stamp(at).is_some())?;
    Some(format!("{}{stamp}{}", &text[..at], &text[at + STAMP.len()..]))
}

/// The line with another time in place of its first one: seconds, with a point or without. In a table the column keeps
/// its right edge.
fn replaced(line: &str, time: &str) -> Option<String> {
    let is_number = |it: char| it.is_ascii_digit() || it == '.';
    let (end, _) = line.match_indices(" s").find(|(at, _)| {
        let is_end = !line[at + 2..].starts_with(|it: char| it.is_alphanumeric());
        is_end && line[..*at].ends_with(|it: char| it.is_ascii_digit())
    })?;
    let number = line[..end].trim_end_matches(is_number);
    let before = number.trim_end_matches(' ');
    let (room, rest) = (line[before.len()..end + 2].len(), &line[end + 2..]);
    if number.len() - before.len() < 2 {
        return Some(format!("{number}{time}{rest}"));
    }
    Some(format!("{before}{time:>room$}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_replaced_in_order() {
        let text = "started: 2027-01-02 03:04:05\nended: 2027-01-02 03:04:06, 2027-01";
        let once = with_stamp(text, STAMPS[0]).unwrap();
        let twice = with_stamp(&once, STAMPS[1]).unwrap();
        assert_eq!(twice, format!("started: {}\nended: {}, 2027-01", STAMPS[0], STAMPS[1]));
        assert_eq!(with_stamp(&twice, STAMPS[2]), None);
    }

    #[test]
    fn a_time_is_replaced_in_its_place() {
        let cases = [
            ("t1  running   0.4 s  shop", "2 s", "t1  running     2 s  shop"),
            ("t1  running     4 s  shop", "1.2 s", "t1  running   1.2 s  shop"),
            (
                "failed with exit code 1 after 0.45 s.",
                "12 s",
                "failed with exit code 1 after 12 s.",
            ),
        ];
        for (line, time, expected) in cases {
            assert_eq!(replaced(line, time).as_deref(), Some(expected));
        }
        assert_eq!(replaced("2 slots busy", "1 s"), None);
        assert_eq!(
            with_age("t1  running     2 s   0s  shop", "48 s"),
            "t1  running     2 s  48s  shop"
        );
    }

    #[test]
    fn figures_are_replaced() {
        let line =
            "  \u{1b}[2mused\u{1b}[0m        0.2 s of processor time, 3 MB in its largest process";
        let expected =
            "  \u{1b}[2mused\u{1b}[0m        9.3 s of processor time, 48 MB in its largest process";
        assert_eq!(Steady { times: &[] }.with_time(line), expected);
    }
}
