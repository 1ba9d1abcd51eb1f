//! The arguments of a process that is not this one. Windows keeps a command line as one text.

use std::ffi::OsString;
use std::os::windows::ffi::OsStringExt as _;

const SPACE: u16 = b' ' as u16;
const TAB: u16 = b'\t' as u16;
const QUOTE: u16 = b'"' as u16;
const BACKSLASH: u16 = b'\\' as u16;

/// Splits a command line as programs of Windows do: quotes hold an argument together, and backslashes count only before a
/// quote.
pub(super) fn split(line: &[u16]) -> Vec<OsString> {
    let mut arguments = Vec::new();
    let mut argument: Option<Vec<u16>> = None;
    let (mut is_quoted, mut backslashes) = (false, 0);
    for &unit in line {
        if unit == BACKSLASH {
            backslashes += 1;
            continue;
        }
        if backslashes > 0 {
            let kept = if unit == QUOTE { backslashes / 2 } else { backslashes };
            argument.get_or_insert_default().extend(std::iter::repeat_n(BACKSLASH, kept));
        }
        let is_escaped = unit == QUOTE && backslashes % 2 == 1;
        backslashes = 0;
        match unit {
            QUOTE if !is_escaped => {
                is_quoted = !is_quoted;
                argument.get_or_insert_default();
            }
            SPACE | TAB if !is_quoted => arguments.extend(argument.take()),
            other => argument.get_or_insert_default().push(other),
        }
    }
    if backslashes > 0 {
        argument.get_or_insert_default().extend(std::iter::repeat_n(BACKSLASH, backslashes));
    }
    arguments.extend(argument);
    arguments.iter().map(|units| OsString::from_wide(units)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_those_of_windows() {
        let cases: [(&str, &[&str]); 6] = [
            ("", &[]),
            (r#""C:\a b\run.exe" command C:\x\"#, &[r"C:\a b\run.exe", "command", r"C:\x\"]),
            ("a  b\tc ", &["a", "b", "c"]),
            (r#"a "" b"#, &["a", "", "b"]),
            (r#"a\\b "c\\" d\"e"#, &[r"a\\b", r"c\", "d\"e"]),
            (r#"a"b c"d"#, &["ab cd"]),
        ];
        for (line, expected) in cases {
            let units: Vec<u16> = line.encode_utf16().collect();
            assert_eq!(split(&units), expected, "{line}");
        }
    }
}
