//! The list of targets.

mod code_zero;
mod execution_string;
mod hook_input;
mod output;
mod result_files;
mod snippet;
mod state_files;

/// Code that takes bytes from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    /// Panics if a property does not hold for these bytes.
    pub run: fn(&[u8]),
}

pub const TARGETS: [Target; 7] = [
    Target { name: "hook_input", run: hook_input::run },
    Target { name: "state_files", run: state_files::run },
    Target { name: "result_files", run: result_files::run },
    Target { name: "execution_string", run: execution_string::run },
    Target { name: "snippet", run: snippet::run },
    Target { name: "output", run: output::run },
    Target { name: "code_zero", run: code_zero::run },
];

impl Target {
    /// The target of that name.
    pub fn named(name: &str) -> Option<Self> {
        TARGETS.into_iter().find(|target| target.name == name)
    }
}

/// Checks a text that the model reads: nothing in it is invisible or ends a quotation.
fn assert_fit_to_read(text: &str) {
    let unfit = |letter: char| {
        letter.is_control() && letter != '\n' && letter != '\t'
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    assert!(!text.contains(unfit), "{text:?}");
    let lower = text.to_ascii_lowercase();
    for tag in
        ["<system-reminder", "</system-reminder", "<task-notification", "</task-notification"]
    {
        assert!(!lower.contains(tag), "{text:?}");
    }
}
