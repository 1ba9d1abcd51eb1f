//! The command line of a process, as the kernel of macOS tells it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

/// Where the first argument may begin: an executed program's strings are aligned like its pointers.
const ALIGNMENT: usize = 8;

/// Reads what `sysctl` answers to `KERN_PROCARGS2`: the number of arguments, the path of the program, and the arguments,
/// each with a NUL behind it. More NULs align the first argument (xnu, `exec_extract_strings`). What follows is no
/// argument. `None` if an argument is missing.
pub(super) fn parse(answer: &[u8]) -> Option<Vec<OsString>> {
    let (count, strings) = answer.split_first_chunk()?;
    let count = usize::try_from(i32::from_ne_bytes(*count)).ok()?;
    let path = strings.iter().position(|byte| *byte == 0)?;
    let first = (path + 1).next_multiple_of(ALIGNMENT);
    let is_padding = strings.get(path..first)?.iter().all(|byte| *byte == 0);
    let mut rest = is_padding.then(|| &strings[first..])?;
    // Each takes a byte at least.
    let mut arguments = Vec::with_capacity(count.min(rest.len()));
    for _ in 0..count {
        let end = rest.iter().position(|byte| *byte == 0)?;
        arguments.push(OsString::from_vec(rest[..end].to_vec()));
        rest = &rest[end + 1..];
    }
    Some(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(count: i32, strings: &[u8]) -> Vec<u8> {
        [count.to_ne_bytes().as_slice(), strings].concat()
    }

    #[test]
    fn arguments_begin_behind_the_padding() {
        let cases: [(i32, &[u8], &[&str]); 6] = [
            (3, b"/bin/zsh\0\0\0\0\0\0\0\0zsh\0-c\0a b\0HOME=/\0", &["zsh", "-c", "a b"]),
            // A path that needs no padding.
            (2, b"/bin/sh\0sh\0-c\0", &["sh", "-c"]),
            // Empty arguments, the first one too.
            (3, b"/bin/sh\0\0\0x\0HOME=/\0", &["", "", "x"]),
            (1, b"/bin/sh\0a\nb\0\0\0", &["a\nb"]),
            (0, b"/bin/sh\0", &[]),
            (0, b"\0\0\0\0\0\0\0\0", &[]),
        ];
        for (count, strings, expected) in cases {
            assert_eq!(parse(&answer(count, strings)).unwrap(), expected, "{strings:?}");
        }
    }

    #[test]
    fn half_an_answer_is_none() {
        let whole = answer(3, b"/bin/zsh\0\0\0\0\0\0\0\0zsh\0-c\0true\0");
        assert!(parse(&whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]), None, "{end}");
        }
        for (count, strings) in [
            (i32::MAX, b"/bin/sh\0sh\0".as_slice()),
            (-1, b"/bin/sh\0sh\0"),
            (1, b"/bin/zsh\0no pad\0zsh\0"),
        ] {
            assert_eq!(parse(&answer(count, strings)), None, "{count} {strings:?}");
        }
    }
}
