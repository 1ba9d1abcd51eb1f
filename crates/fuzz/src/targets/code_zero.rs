//! A claim about an exit code names one plain program, and holds for whole command lines only.

use sisyphus_attach::execution_string::as_written;
use sisyphus_shell::code_zero;

pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Some(found) = code_zero(&text) else { return };
    assert!(text.len() <= 4096, "{} bytes were judged", text.len());
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"'\"`$\\<>|&;(){}".contains(&byte);
    assert!((1..=30).contains(&found.program.len()), "{found:?}");
    assert!(found.program.bytes().all(is_plain), "{found:?}");
    // Another command at the end, every exit code, or a quotation.
    for other in [
        format!("{text}\nx"),
        format!("{text}\nset -o pipefail"),
        format!("set -o pipefail\n{text}"),
        format!("echo {}", as_written(&text)),
        format!("bash -c {}", as_written(&text)),
    ] {
        assert_eq!(code_zero(&other), None, "{other:?}");
    }
}
