//! Identifiers, checked once at the edge. All of them may become part of a file name, so their alphabet is closed.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};

use serde::{Deserialize, Serialize};

use crate::clock::Tick;

/// Longest identifier that is accepted, in bytes. Claude Code's are at most 36 (a UUID) today.
const MAX_LEN: usize = 128;

/// The text is not an identifier: empty, longer than 128 bytes, or with bytes outside `[A-Za-z0-9_-]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidId {
    kind: &'static str,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "not a valid {}: expected 1 to {MAX_LEN} of `A-Z a-z 0-9 _ -`", self.kind)
    }
}

impl std::error::Error for InvalidId {}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Accepts `text` if it is within the identifier alphabet.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let valid = (1..=MAX_LEN).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
                if valid { Ok(Self(text)) } else { Err(InvalidId { kind: $kind }) }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

identifier!(
    /// Ours: `t` and eight characters, for example `t7k2m9qa4`. Easy to type and to abbreviate to a prefix.
    TaskId,
    "task id"
);
identifier!(
    /// Claude Code's conversation, a UUID. A resumed conversation keeps it, a forked one gets a new one.
    SessionId,
    "session id"
);
identifier!(
    /// The tool call that started the task, for example `toolu_01AbC`.
    ToolUseId,
    "tool use id"
);
identifier!(
    /// Claude Code's own name of the task, for example `bldbdcet7`. Its output file has the same name.
    ClientTaskId,
    "client task id"
);
identifier!(
    /// The subagent that made a call.
    AgentId,
    "agent id"
);

/// Crockford's base 32 in lower case: no `i`, `l`, `o`, `u`, so an id can be read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl TaskId {
    /// Draws a new id: 40 random bits. The process that creates the task's run folder detects a collision there.
    pub fn random() -> Self {
        // The standard library seeds every `RandomState` from the system's random source. A crate for eight characters
        // would slow down every hook.
        let bits = RandomState::new().build_hasher().finish().to_ne_bytes();
        let characters = bits.map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        Self(std::iter::once('t').chain(characters).collect())
    }
}

impl SessionId {
    /// Draws a new id: a random UUID (version 4), which is what Claude Code takes for a new conversation.
    pub fn random() -> Self {
        // As for tasks: the standard library has random bits, and no crate is needed on the hook path.
        let draw = || u128::from(RandomState::new().build_hasher().finish());
        let bits = (draw() << 64 | draw()) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let hex = format!("{bits:032x}");
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        Self(parts.join("-"))
    }
}

/// A task's place in the queue: lower is earlier. It is the moment of the task's announcement, in nanoseconds since the
/// machine started. So no process keeps a counter, and two configuration folders have one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ticket(pub u64);

impl Ticket {
    /// The ticket of a call that Claude Code makes now.
    pub fn now() -> Self {
        Self(Tick::now().0)
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_client_uses_and_refuses_paths() {
        let cases = [
            ("bldbdcet7", true),
            ("toolu_0000_0", true),
            ("0f0e0d0c-0000-4000-8000-000000000001", true),
            ("", false),
            ("..", false),
            ("a/b", false),
            ("a\\b", false),
            ("a b", false),
            ("a\0b", false),
            ("é", false),
        ];
        for (text, valid) in cases {
            assert_eq!(SessionId::new(text).is_ok(), valid, "{text:?}");
        }
        assert!(TaskId::new("a".repeat(128)).is_ok());
        assert!(TaskId::new("a".repeat(129)).is_err());
    }

    #[test]
    fn a_hostile_id_does_not_deserialize() {
        assert!(serde_json::from_str::<TaskId>("\"../../etc\"").is_err());
        assert!(serde_json::from_str::<TaskId>("\"t7k2m9qa4\"").is_ok());
    }

    #[test]
    fn random_conversations_are_uuids_of_version_4() {
        let ids: std::collections::BTreeSet<String> =
            (0..100).map(|_| SessionId::random().to_string()).collect();
        assert_eq!(ids.len(), 100);
        for id in ids {
            let lengths: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
            assert!(id.as_bytes()[14] == b'4' && b"89ab".contains(&id.as_bytes()[19]), "{id}");
        }
    }

    #[test]
    fn random_ids_differ_and_are_valid() {
        let ids: std::collections::BTreeSet<String> =
            (0..100).map(|_| TaskId::random().to_string()).collect();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| id.len() == 9 && TaskId::new(id.clone()).is_ok()));
    }
}
