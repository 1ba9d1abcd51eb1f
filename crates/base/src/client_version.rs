//! The version of the Claude Code that started this process, as it says in `AI_AGENT`.

/// Its three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientVersion([u32; 3]);

/// The first one that fires UserPromptSubmit for a notice in the middle of a turn (CC-44).
const ANNOUNCES_IN_A_TURN: ClientVersion = ClientVersion([2, 1, 260]);

impl ClientVersion {
    /// Reads `claude-code_MAJOR-MINOR-PATCH_…`.
    pub fn of_agent(text: &str) -> Option<Self> {
        let version = text.strip_prefix("claude-code_")?.split('_').next()?;
        let numbers: Option<Vec<u32>> = version.split('-').map(|it| it.parse().ok()).collect();
        numbers?.try_into().ok().map(Self)
    }

    /// Whether a hook sees each notice that the model reads.
    pub fn announces_in_a_turn(self) -> bool {
        self >= ANNOUNCES_IN_A_TURN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_agents_name() {
        let announces =
            |text| ClientVersion::of_agent(text).map(ClientVersion::announces_in_a_turn);
        for (text, expected) in [
            ("claude-code_2-1-157_harness", Some(false)),
            ("claude-code_2-1-259_agent", Some(false)),
            ("claude-code_2-1-260_harness", Some(true)),
            ("claude-code_2-2-0", Some(true)),
            ("claude-code_2-1_harness", None),
            ("claude-code/2.1.157", None),
            ("other_2-1-157_harness", None),
            ("", None),
        ] {
            assert_eq!(announces(text), expected, "{text}");
        }
    }
}
