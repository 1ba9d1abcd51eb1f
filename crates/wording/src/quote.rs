//! Quotes what a command printed. Every line is marked as a quotation.

use sisyphus_state::output::Excerpt;

use super::measure::{bytes, counted, length};

/// Quotes an excerpt in at most `room` characters, below a line that says which part of the output it is. `printed` is
/// how many bytes the command printed, if known.
pub(super) fn quote(mut found: Excerpt, printed: Option<u64>, room: usize) -> String {
    if found.lines == 0 {
        return "output: none\n".to_owned();
    }
    let size = size(&found, printed);
    if found.tail.is_empty() && found.suspects.is_empty() {
        return format!("output ({size}; not shown)\n");
    }
    let lines = quoted(&found);
    let quoted = joined(&lines);
    let whole = head(&size, &found);
    if length(&whole) + length(&quoted) <= room {
        return whole + &quoted;
    }
    found.shortened = true;
    let head = head(&size, &found);
    let quoted = joined(&cut_lines(&lines, &found, room.saturating_sub(length(&head))));
    head + &quoted
}

/// The size of the output.
fn size(found: &Excerpt, printed: Option<u64>) -> String {
    let at_least = if found.began_earlier { "at least " } else { "" };
    let lines = counted(found.lines, "line", "lines");
    let bytes = printed.map(|printed| format!(", {}", bytes(printed))).unwrap_or_default();
    format!("{at_least}{lines}{bytes}")
}

fn head(size: &str, found: &Excerpt) -> String {
    let shown = found.tail.len();
    let last = match shown {
        0 => None,
        1 => Some("its last line".to_owned()),
        _ => Some(format!("its last {shown} lines")),
    };
    let failure = (!found.suspects.is_empty()).then(|| "what looks like a failure".to_owned());
    let end = match (failure, last) {
        _ if shown == found.lines && !found.began_earlier => None,
        (Some(failure), Some(last)) => Some(format!("{failure}, and {last}")),
        (failure, last) => failure.or(last),
    };
    let which = match (end, found.shortened) {
        (None, false) => "all of it".to_owned(),
        (None, true) => "shortened".to_owned(),
        (Some(end), false) => end,
        (Some(end), true) => format!("{end}, shortened"),
    };
    format!("output ({size}; {which}; each line after \"| \" is the command's):\n")
}

/// The lines with their marks. A line between those that look like a failure and the last ones marks the gap.
fn quoted(found: &Excerpt) -> Vec<String> {
    let gap = (!found.suspects.is_empty()).then_some("[…]");
    let lines = found.suspects.iter().map(String::as_str).chain(gap);
    lines.chain(found.tail.iter().map(String::as_str)).map(|line| format!("| {line}")).collect()
}

/// Omits lines from the middle, so that the others have at most `max` characters.
fn cut_lines(lines: &[String], found: &Excerpt, max: usize) -> Vec<String> {
    let budget = max.saturating_sub(40);
    // The end is more informative than the beginning, so it gets two thirds.
    let (mut head, mut tail) = (0, lines.len());
    let (mut head_size, mut tail_size) = (0, 0);
    while tail > 0 && tail_size + length(&lines[tail - 1]) < budget * 2 / 3 {
        tail -= 1;
        tail_size += length(&lines[tail]) + 1;
    }
    while head < tail && head_size + tail_size + length(&lines[head]) < budget {
        head_size += length(&lines[head]) + 1;
        head += 1;
    }
    let gap = !found.suspects.is_empty() && (head..tail).contains(&found.suspects.len());
    let left_out = counted(tail - head - usize::from(gap), "line", "lines");
    let mark = format!("[… {left_out} left out …]");
    [&lines[..head], &[mark], &lines[tail..]].concat()
}

fn joined(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("line {number}")).collect()
    }

    /// The first line of a quotation, less what is the same in all.
    fn head_of(found: &Excerpt, bytes: Option<u64>, room: usize) -> String {
        let text = quote(found.clone(), bytes, room);
        let head = text.lines().next().unwrap();
        head.replace("; each line after \"| \" is the command's", "")
    }

    #[test]
    fn all_of_it_is_said_of_nothing_less() {
        let all = Excerpt { tail: lines(3), lines: 3, ..Excerpt::default() };
        let one = Excerpt { tail: lines(1), lines: 1, ..Excerpt::default() };
        let shortened = Excerpt { shortened: true, ..all.clone() };
        let end = Excerpt { lines: 9, ..all.clone() };
        let last = Excerpt { lines: 9, ..one.clone() };
        let rest = Excerpt { began_earlier: true, ..all.clone() };
        let rest_of_one = Excerpt { began_earlier: true, shortened: true, ..one.clone() };
        let suspects = Excerpt { suspects: lines(2), tail: vec![], lines: 9, ..Excerpt::default() };
        let both = Excerpt { tail: lines(1), ..suspects.clone() };
        let nothing = Excerpt { lines: 9, ..Excerpt::default() };
        let cases = [
            (&all, Some(21), "output (3 lines, 21 bytes; all of it):"),
            (&all, None, "output (3 lines; all of it):"),
            (&one, Some(1), "output (1 line, 1 byte; all of it):"),
            (&shortened, Some(900), "output (3 lines, 900 bytes; shortened):"),
            (&end, Some(63), "output (9 lines, 63 bytes; its last 3 lines):"),
            (&last, Some(63), "output (9 lines, 63 bytes; its last line):"),
            (&rest, Some(2_000_000), "output (at least 3 lines, 2000000 bytes; its last 3 lines):"),
            (
                &rest_of_one,
                Some(2_000_000),
                "output (at least 1 line, 2000000 bytes; its last line, shortened):",
            ),
            (&suspects, Some(63), "output (9 lines, 63 bytes; what looks like a failure):"),
            (
                &both,
                Some(63),
                "output (9 lines, 63 bytes; what looks like a failure, and its last line):",
            ),
            (&nothing, Some(63), "output (9 lines, 63 bytes; not shown)"),
            (&Excerpt::default(), Some(0), "output: none"),
        ];
        for (found, bytes, expected) in cases {
            assert_eq!(head_of(found, bytes, 1_000), expected);
        }
        assert_eq!(head_of(&all, Some(21), 100), "output (3 lines, 21 bytes; shortened):");
    }

    #[test]
    fn what_is_left_out_for_want_of_room_is_counted() {
        let found =
            Excerpt { suspects: lines(4), tail: lines(20), lines: 99, ..Excerpt::default() };
        for room in 150..420 {
            let text = quote(found.clone(), None, room);
            assert!(length(&text) <= room, "{room}: {text}");
            let shown = text.lines().filter(|line| line.starts_with("| line")).count();
            let left_out = text.lines().find(|line| line.ends_with(" left out …]"));
            let left_out = left_out.map_or(0, |line| {
                line.split(' ').nth(1).and_then(|count| count.parse().ok()).unwrap()
            });
            assert_eq!(shown + left_out, 24, "{room}: {text}");
            assert_eq!(text.contains(", shortened;"), left_out > 0, "{room}: {text}");
        }
    }
}
