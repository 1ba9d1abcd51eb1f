//! Which arguments of the calling Claude Code narrow what it may do. A session gets those too. Pure.

/// How many values an argument takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    None,
    One,
    /// One, or none if another argument follows.
    AtMostOne,
    /// All until another argument follows.
    Several,
}

/// What an argument means for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// It takes something away, or says what the rules are.
    Narrows,
    /// It adds rights, or has nothing to do with them. A session does without.
    Neutral,
    /// It makes the conversation an agent, which may have fewer tools.
    Agent,
}

/// The result of reading a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Narrowing {
    /// The arguments to repeat.
    Repeated(Vec<String>),
    /// The same, and the agent that the conversation is.
    AsAgent(Vec<String>, String),
    /// An argument that we don't know.
    Unknown(String),
}

/// Reads the arguments behind the program.
pub(super) fn narrowing(args: &[String]) -> Narrowing {
    let (mut repeated, mut agent) = (Vec::new(), None);
    let mut rest = args.iter().peekable();
    while let Some(arg) = rest.next() {
        if arg == "--" {
            break;
        }
        // The prompt.
        if !arg.starts_with('-') || arg == "-" {
            continue;
        }
        let (flag, inline) = match arg.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (arg.as_str(), None),
        };
        let Some((meaning, values)) = known(flag) else {
            return Narrowing::Unknown(flag.to_owned());
        };
        let most = match (values, &inline) {
            (Values::None, _) | (_, Some(_)) => 0,
            (Values::One | Values::AtMostOne, None) => 1,
            (Values::Several, None) => usize::MAX,
        };
        let mut given: Vec<String> = inline.into_iter().collect();
        while given.len() < most {
            let is_value = |next: &&String| values == Values::One || !next.starts_with('-');
            let Some(value) = rest.next_if(is_value) else { break };
            given.push(value.clone());
        }
        match meaning {
            Meaning::Neutral => {}
            Meaning::Agent => agent = given.pop(),
            Meaning::Narrows => {
                repeated.push(flag.to_owned());
                repeated.extend(given);
            }
        }
    }
    match agent {
        Some(agent) => Narrowing::AsAgent(repeated, agent),
        None => Narrowing::Repeated(repeated),
    }
}

/// The arguments of Claude Code, after its `--help` (CC-77).
fn known(flag: &str) -> Option<(Meaning, Values)> {
    use Meaning::{Agent, Narrows, Neutral};
    use Values::{AtMostOne, None as Nothing, One, Several};
    Some(match flag {
        "--disallowedTools" | "--disallowed-tools" | "--tools" | "--mcp-config" => {
            (Narrows, Several)
        }
        "--settings" | "--setting-sources" | "--plugin-dir" | "--agents" => (Narrows, One),
        "--bare"
        | "--safe-mode"
        | "--restricted"
        | "--strict-mcp-config"
        | "--disable-slash-commands" => (Narrows, Nothing),
        "--agent" => (Agent, One),
        "--add-dir" | "--allowedTools" | "--allowed-tools" | "--betas" | "--file" => {
            (Neutral, Several)
        }
        "--append-system-prompt"
        | "--append-system-prompt-file"
        | "--autocompact"
        | "--debug-file"
        | "--effort"
        | "--environment"
        | "--fallback-model"
        | "--input-format"
        | "--json-schema"
        | "--max-budget-usd"
        | "--max-turns"
        | "--model"
        | "-n"
        | "--name"
        | "--output-format"
        | "--permission-mode"
        | "--permission-prompt-tool"
        | "--permission-prompts"
        | "--plugin-url"
        | "--remote-control-session-name-prefix"
        | "--session-id"
        | "--system-prompt"
        | "--system-prompt-file"
        | "--system-prompt-snapshot" => (Neutral, One),
        "--cloud"
        | "-d"
        | "--debug"
        | "--from-pr"
        | "--prompt-suggestions"
        | "--remote-control"
        | "-r"
        | "--resume"
        | "--teleport"
        | "--tmux"
        | "-w"
        | "--worktree" => (Neutral, AtMostOne),
        "--allow-dangerously-skip-permissions"
        | "--ax-screen-reader"
        | "--bg"
        | "--background"
        | "--brief"
        | "--chrome"
        | "-c"
        | "--continue"
        | "--dangerously-skip-permissions"
        | "--desktop"
        | "--exclude-dynamic-system-prompt-sections"
        | "--fork-session"
        | "--forward-subagent-text"
        | "--ide"
        | "--include-hook-events"
        | "--include-partial-messages"
        | "--mcp-debug"
        | "--no-chrome"
        | "--no-session-persistence"
        | "-p"
        | "--print"
        | "--replay-user-messages"
        | "--verbose" => (Neutral, Nothing),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_narrows_is_repeated() {
        let repeated =
            |args: &[&str]| Narrowing::Repeated(args.iter().map(|it| (*it).to_owned()).collect());
        let cases: [(&[&str], Narrowing); 12] = [
            (&[], repeated(&[])),
            (&["fix the tests"], repeated(&[])),
            (&["-p", "--model", "opus", "--resume", "--verbose", "x"], repeated(&[])),
            (&["--dangerously-skip-permissions", "--allowedTools", "Bash", "Edit"], repeated(&[])),
            (
                &["--disallowedTools", "Bash", "Edit", "--model", "opus", "go"],
                repeated(&["--disallowedTools", "Bash", "Edit"]),
            ),
            (&["--disallowed-tools=Bash(rm:*)"], repeated(&["--disallowed-tools", "Bash(rm:*)"])),
            (&["--tools", "", "--bare"], repeated(&["--tools", "", "--bare"])),
            (
                &["--settings", "{\"a\":1}", "--strict-mcp-config", "--mcp-config", "a", "b"],
                repeated(&[
                    "--settings",
                    "{\"a\":1}",
                    "--strict-mcp-config",
                    "--mcp-config",
                    "a",
                    "b",
                ]),
            ),
            // A value may look like an argument.
            (&["--settings", "-x"], repeated(&["--settings", "-x"])),
            (&["--bare", "--", "--no-such-flag"], repeated(&["--bare"])),
            (
                &["--agent", "explore", "--bare"],
                Narrowing::AsAgent(vec!["--bare".to_owned()], "explore".to_owned()),
            ),
            (&["--brand-new=1"], Narrowing::Unknown("--brand-new".to_owned())),
        ];
        for (args, expected) in cases {
            let args: Vec<String> = args.iter().map(|it| (*it).to_owned()).collect();
            assert_eq!(narrowing(&args), expected, "{args:?}");
        }
    }
}
