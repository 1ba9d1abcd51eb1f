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
    /// The same, and its values are files, folders or JSON.
    NarrowsByFile,
    /// It adds rights, or has nothing to do with them. A session does without.
    Neutral,
    /// It makes the conversation an agent, which may have fewer tools.
    Agent,
    /// It limits what the conversation may cost. A session may cost less.
    Budget,
}

/// What a command line says about the rights of its Claude Code.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Given {
    /// The arguments to repeat.
    pub(super) repeated: Vec<String>,
    /// The agent that the conversation is.
    pub(super) agent: Option<String>,
    /// What the conversation may cost.
    pub(super) max_budget_usd: Option<f64>,
}

/// Reads the arguments behind the program. `find` finds a file from everywhere: the session may work in another folder, and
/// Claude Code leaves out a plugin that it does not find (CC-77).
///
/// # Errors
/// The argument that we don't understand, or whose file is gone.
pub(super) fn narrowing(
    args: &[String],
    find: impl Fn(&str) -> Option<String>,
) -> Result<Given, String> {
    let mut found = Given::default();
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
        let (meaning, values) = known(flag).ok_or(flag)?;
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
            Meaning::Agent => found.agent = given.pop(),
            Meaning::Budget => {
                let dollars = given.pop().and_then(|value| value.parse::<f64>().ok());
                let dollars = dollars.filter(|it| it.is_finite() && *it > 0.0);
                found.max_budget_usd = Some(dollars.ok_or(flag)?);
            }
            Meaning::Narrows => {
                found.repeated.push(flag.to_owned());
                found.repeated.extend(given);
            }
            Meaning::NarrowsByFile => {
                found.repeated.push(flag.to_owned());
                for value in given {
                    let is_json = value.trim_start().starts_with(['{', '[']);
                    let found_value = if is_json { Some(value) } else { find(&value) };
                    found.repeated.push(found_value.ok_or(flag)?);
                }
            }
        }
    }
    Ok(found)
}

/// The arguments of Claude Code, after its `--help` (CC-77).
fn known(flag: &str) -> Option<(Meaning, Values)> {
    use Meaning::{Agent, Budget, Narrows, NarrowsByFile, Neutral};
    use Values::{AtMostOne, None as Nothing, One, Several};
    Some(match flag {
        "--disallowedTools" | "--disallowed-tools" | "--tools" => (Narrows, Several),
        "--mcp-config" => (NarrowsByFile, Several),
        "--setting-sources" | "--plugin-url" => (Narrows, One),
        // It is no right, but it bounds what a call costs.
        "--max-turns" => (Narrows, One),
        // The hooks of a plugin may deny calls.
        "--settings" | "--plugin-dir" | "--agents" => (NarrowsByFile, One),
        "--bare"
        | "--safe-mode"
        | "--restricted"
        | "--strict-mcp-config"
        // The user's own settings may switch the tools of the browser on.
        | "--no-chrome"
        | "--disable-slash-commands" => (Narrows, Nothing),
        "--agent" => (Agent, One),
        "--max-budget-usd" => (Budget, One),
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
        | "--model"
        | "-n"
        | "--name"
        | "--output-format"
        | "--permission-mode"
        | "--permission-prompt-tool"
        | "--permission-prompts"
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
        let given = |args: &[&str]| Given {
            repeated: args.iter().map(|it| (*it).to_owned()).collect(),
            ..Given::default()
        };
        let repeated = |args: &[&str]| Ok(given(args));
        let cases: [(&[&str], Result<Given, String>); 21] = [
            (&[], repeated(&[])),
            (&["fix the tests"], repeated(&[])),
            (&["-p", "--model", "opus", "--resume", "--verbose", "x"], repeated(&[])),
            (&["--dangerously-skip-permissions", "--allowedTools", "Bash", "Edit"], repeated(&[])),
            (
                &["--disallowedTools", "Bash", "Edit", "--model", "opus", "go"],
                repeated(&["--disallowedTools", "Bash", "Edit"]),
            ),
            (&["--disallowed-tools=Bash(rm:*)"], repeated(&["--disallowed-tools", "Bash(rm:*)"])),
            (
                &["-p", "--max-turns", "9", "--no-chrome", "--chrome", "x"],
                repeated(&["--max-turns", "9", "--no-chrome"]),
            ),
            (&["--tools", "", "--bare"], repeated(&["--tools", "", "--bare"])),
            (
                &["--settings", "{\"a\":1}", "--strict-mcp-config", "--mcp-config", "a", "b"],
                repeated(&[
                    "--settings",
                    "{\"a\":1}",
                    "--strict-mcp-config",
                    "--mcp-config",
                    "/a/a",
                    "/a/b",
                ]),
            ),
            // A value may look like an argument.
            (&["--settings", "-x"], repeated(&["--settings", "/a/-x"])),
            (&["--bare", "--", "--no-such-flag"], repeated(&["--bare"])),
            (
                &["--agent", "explore", "--bare"],
                Ok(Given { agent: Some("explore".to_owned()), ..given(&["--bare"]) }),
            ),
            (
                &["--plugin-url", "http://a/b.zip", "--add-dir", "/a", "/b"],
                repeated(&["--plugin-url", "http://a/b.zip"]),
            ),
            (
                &["--max-budget-usd=2.5", "--bare"],
                Ok(Given { max_budget_usd: Some(2.5), ..given(&["--bare"]) }),
            ),
            (&["--max-budget-usd", "much"], Err("--max-budget-usd".to_owned())),
            (&["--max-budget-usd"], Err("--max-budget-usd".to_owned())),
            (&["--brand-new=1"], Err("--brand-new".to_owned())),
            (&["--plugin-dir", "p"], repeated(&["--plugin-dir", "/a/p"])),
            (&["--agents", " {}"], repeated(&["--agents", " {}"])),
            (&["--plugin-dir=gone"], Err("--plugin-dir".to_owned())),
            // Claude Code takes this for `-p -d`.
            (&["-pd", "api"], Err("-pd".to_owned())),
        ];
        for (args, expected) in cases {
            let args: Vec<String> = args.iter().map(|it| (*it).to_owned()).collect();
            let find = |value: &str| (value != "gone").then(|| format!("/a/{value}"));
            assert_eq!(narrowing(&args, find), expected, "{args:?}");
        }
    }
}
