//! Replaces what differs from run to run: ids, the scratch folder, and the time that a command took beyond the sleeps
//! of its script. So the picture changes only when the demonstration does.

/// The commands of the demonstration, with the times that their scripts ask for.
const TIMES: [(&str, &str); 4] = [
    ("build", "1.2 s"),
    ("run the tests", "1.7 s"),
    ("lint", "0.3 s"),
    ("wait for the server", "1.5 s"),
];
/// The width of the column of the times.
const COLUMN: usize = 5;
/// Ids, in the order of the reports.
const IDS: [&str; 4] = ["t4wq8m2xk", "t9ch3v7zr", "t2np6k1sd", "t7yb5j0fe"];

/// Replaces what differs in the lines of a run.
pub(super) fn steady(lines: Vec<String>) -> Vec<String> {
    let mut ids = IDS.iter();
    let steady = |line: String| {
        let line = with_id(&line, &mut ids).unwrap_or(line);
        let line = with_folder(&line).unwrap_or(line);
        with_time(&line).unwrap_or(line)
    };
    lines.into_iter().map(steady).collect()
}

/// The line with another id, if it begins a report.
fn with_id<'a>(line: &str, ids: &mut impl Iterator<Item = &'a &'a str>) -> Option<String> {
    let (head, rest) = line.split_once("[sisyphus] Background task ")?;
    let (_, rest) = rest.split_once(' ')?;
    Some(format!("{head}[sisyphus] Background task {} {rest}", ids.next()?))
}

/// The line with Claude Code's usual folder instead of the scratch folder.
fn with_folder(line: &str) -> Option<String> {
    let (head, path) = line.split_once("whole output: ")?;
    let (_, rest) = path.split_once("/claude-")?;
    let (_, rest) = rest.split_once('/')?;
    Some(format!("{head}whole output: /tmp/claude-1000/{rest}"))
}

/// The line with the time that the script asks for, if it holds a command's time.
fn with_time(line: &str) -> Option<String> {
    let told = |(name, _): &&(&str, &str)| line.contains(&format!("(\"{name}\")"));
    if let Some((_, time)) = TIMES.iter().find(told) {
        let (head, _) = line.rsplit_once(" after ")?;
        return Some(format!("{head} after {time}."));
    }
    let listed = |(name, _): &&(&str, &str)| line.contains(&format!(" s  {name} "));
    let (name, time) = TIMES.iter().find(listed)?;
    let (head, rest) = line.split_once(&format!(" s  {name} "))?;
    let state = head.trim_end_matches(|it: char| it.is_ascii_digit() || it == '.').trim_end();
    Some(format!("{state}  {time:>COLUMN$}  {name} {rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> String {
        steady(vec![line.to_owned()]).remove(0)
    }

    #[test]
    fn two_runs_look_the_same() {
        let pairs = [
            (
                "  [sisyphus] Background task tabc (\"lint\") completed with exit code 0 after 0.4 s.",
                "  [sisyphus] Background task txyz12345 (\"lint\") completed with exit code 0 after 12 s.",
            ),
            (
                "  whole output: /tmp/sisyphus-demo-tx/claude-0/demo/tasks/b.output",
                "  whole output: /var/tmp/sisyphus-demo-ty/claude-501/demo/tasks/b.output",
            ),
            (
                "\u{1b}[32m✔ completed\u{1b}[0m  1.3 s  build                done",
                "\u{1b}[32m✔ completed\u{1b}[0m    2 s  build                done",
            ),
        ];
        for (one_run, another) in pairs {
            assert_eq!(one(one_run), one(another));
            assert_ne!(one(one_run), one_run);
        }
        assert_eq!(one("  | built 4 parts"), "  | built 4 parts");
    }
}
