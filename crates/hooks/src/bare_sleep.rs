//! Recognizes a command that only sleeps. In doubt a command is not one: what else it does is not our concern.

/// Longest command that is examined, in bytes.
const COMMAND_MAX: usize = 1_000;

const NAMES: [&str; 3] = ["sleep", "/bin/sleep", "/usr/bin/sleep"];

/// How many seconds a command sleeps that does nothing else: one `sleep` with plain durations, or several in sequence.
/// `None` for every other command.
pub fn sleeps_for(command: &str) -> Option<f64> {
    if command.len() > COMMAND_MAX {
        return None;
    }
    let lines = command.split('\n').map(without_comment).map(trim_blanks);
    let mut seconds = None;
    for line in lines.filter(|line| !line.is_empty()) {
        for part in line.strip_suffix(';').unwrap_or(line).replace("&&", ";").split(';') {
            seconds = Some(seconds.unwrap_or(0.0) + one_sleep(part)?);
        }
    }
    seconds
}

/// Removes a comment. A `#` starts one only at the beginning of a word.
fn without_comment(line: &str) -> &str {
    let begins = |(at, _): &(usize, &str)| *at == 0 || line[..*at].ends_with([' ', '\t']);
    line.match_indices('#').find(begins).map_or(line, |(at, _)| &line[..at])
}

/// Trims the characters that separate words in a shell, and no others that look blank.
fn trim_blanks(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn one_sleep(part: &str) -> Option<f64> {
    let mut words = part.split([' ', '\t']).filter(|word| !word.is_empty());
    words.next().filter(|name| NAMES.contains(name))?;
    // Several durations add up.
    let durations = words.map(duration).collect::<Option<Vec<f64>>>()?;
    (!durations.is_empty()).then(|| durations.iter().sum())
}

/// The seconds of `90`, `1.5m`, `infinity`. `None` for a word that a shell would expand, because its value is unknown.
fn duration(word: &str) -> Option<f64> {
    if matches!(word, "inf" | "infinity") {
        return Some(f64::INFINITY);
    }
    let unit = match word.as_bytes().last()? {
        b's' => 1.0,
        b'm' => 60.0,
        b'h' => 3_600.0,
        b'd' => 86_400.0,
        _ => return number(word),
    };
    number(&word[..word.len() - 1]).map(|number| number * unit)
}

fn number(digits: &str) -> Option<f64> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    digits.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_sleeps_is_recognized() {
        let cases = [
            ("sleep 60", 60.0),
            ("sleep 0.5", 0.5),
            ("sleep .5", 0.5),
            ("sleep 2", 2.0),
            ("  sleep\t5m \n", 300.0),
            ("/bin/sleep 10", 10.0),
            ("/usr/bin/sleep 1h", 3_600.0),
            ("sleep 1d", 86_400.0),
            ("sleep 1m 30s", 90.0),
            ("sleep infinity", f64::INFINITY),
            ("sleep inf", f64::INFINITY),
            ("sleep 30;", 30.0),
            ("sleep 1 && sleep 2", 3.0),
            ("sleep 1; sleep 2;sleep 3", 6.0),
            ("# wait for the tests\n\nsleep 30\nsleep 30 # once more\n", 60.0),
        ];
        for (command, seconds) in cases {
            assert_eq!(sleeps_for(command), Some(seconds), "{command}");
        }
    }

    #[test]
    fn what_does_or_may_do_anything_else_is_not() {
        let cases = [
            "",
            "\n# nothing\n",
            "npm test",
            "sleep",
            "sleep 60 && curl localhost",
            "sleep 60; echo done",
            "echo a; sleep 60",
            "true && sleep 60",
            "sleep 60 || true",
            "sleep 60 | cat",
            "sleep 60 &",
            "sleep 60 & sleep 1",
            "sleep 60 > log",
            "sleep $DELAY",
            "sleep $(cat delay)",
            "sleep `cat delay`",
            "sleep \"60\"",
            "sleep {1..9}",
            "sleep 6?",
            "sleep -5",
            "sleep +5",
            "sleep 1e3",
            "sleep 0x10",
            "sleep nan",
            "sleep 5x",
            "sleep s",
            "sleep .",
            "sleep 1.2.3",
            "sleep --help",
            "sleep 60#1",
            "sleep 5\\\n0",
            "sleep 60\r\n",
            "sleep\u{a0}60",
            "sleep 5 &&\nsleep 5",
            "; sleep 5",
            "sleep 5;;",
            "(sleep 60)",
            "command sleep 60",
            "timeout 5 sleep 60",
            "X=1 sleep 60",
            "./sleep 60",
            "bin/sleep 60",
            "Sleep 60",
            "while true; do sleep 60; done",
            "until [ -e go ]; do sleep 1; done",
        ];
        for command in cases {
            assert_eq!(sleeps_for(command), None, "{command}");
        }
        let long = format!("sleep 60{}", " ".repeat(COMMAND_MAX));
        assert_eq!(sleeps_for(&long), None);
    }
}
