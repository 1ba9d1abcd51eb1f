//! The Claude Code that calls our server: its program, and what narrows its rights.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use sisyphus_process::{Ancestor, caller, hides_arguments};

use super::narrowing::{Given, narrowing};
use crate::person::{is_claude_code, is_interpreted};

/// What a session takes over from its caller.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Caller {
    /// Its program, and the script if that is an interpreter.
    pub(super) program: Vec<PathBuf>,
    /// Arguments that narrow what it may do.
    pub(super) narrowing: Vec<String>,
    /// What it may cost.
    pub(super) max_budget_usd: Option<f64>,
}

impl Caller {
    /// The process that started this server, in the folder `project`. `agent` is what the session is asked to be.
    pub(super) fn of_server(agent: Option<&str>, project: &Path) -> Result<Self> {
        let parent = caller().context(
            "could not delegate: the calling Claude Code can't be inspected; use `Agent` instead",
        )?;
        Self::of(Ancestor { program: parent.program, args: parent.args }, agent, project)
    }

    fn of(process: Ancestor, agent: Option<&str>, project: &Path) -> Result<Self> {
        const HIDDEN: &str = "could not delegate: the arguments of the calling Claude Code can't be read; use `Agent` instead";
        // Whatever started this server instead may have dropped what narrows the rights of Claude Code.
        ensure!(
            is_claude_code(&process),
            "could not delegate: this server was not started by Claude Code itself; use `Agent` instead"
        );
        let mut args = process.args.iter().skip(1);
        let mut program = vec![process.program.clone()];
        ensure!(!hides_arguments(&process.args), HIDDEN);
        if is_interpreted(&process) {
            let script = args.next().map(PathBuf::from).filter(|script| script.is_file());
            program.push(script.context(HIDDEN)?);
        }
        let args: Vec<String> = args.map(|it| it.to_string_lossy().into_owned()).collect();
        let find = |value: &str| {
            let path = project.join(value);
            path.exists().then(|| path.to_string_lossy().into_owned())
        };
        let Given { mut repeated, agent: own, max_budget_usd } = match narrowing(&args, find) {
            Ok(given) => given,
            Err(flag) => bail!(
                "could not delegate: Claude Code was started with `{flag}`, and whether that narrows its rights is not known; use `Agent` instead"
            ),
        };
        if let Some(own) = own {
            if agent.is_some_and(|agent| agent != own) {
                bail!(
                    "could not delegate: this conversation is the agent `{own}`, and another agent may have more tools; leave out `agent`"
                );
            }
            if agent.is_none() {
                repeated.extend(["--agent".to_owned(), own]);
            }
        }
        Ok(Self { program, narrowing: repeated, max_budget_usd })
    }
}

/// Whether the process runs a script. Claude Code names its process `claude`, and Node writes that over the whole command
#[cfg(test)]
mod tests {
    use sisyphus_testing::TempDir;

    use super::*;

    fn process(program: &str, args: &[&str]) -> Ancestor {
        Ancestor { program: program.into(), args: args.iter().map(Into::into).collect() }
    }

    #[test]
    fn what_a_session_takes_over() {
        let dir = TempDir::new();
        let script = dir.path().join("claude.js");
        std::fs::write(&script, "").unwrap();
        let file = script.to_str().unwrap();
        let taken = |program: &[&str], narrowing: &[&str], max_budget_usd| {
            Some(Caller {
                program: program.iter().map(PathBuf::from).collect(),
                narrowing: narrowing.iter().map(|it| (*it).to_owned()).collect(),
                max_budget_usd,
            })
        };
        let cases: [(&str, &[&str], Option<Caller>); 16] = [
            ("/opt/claude", &["claude"], taken(&["/opt/claude"], &[], None)),
            (
                "/opt/claude",
                &["claude", "-p", "--bare", "--max-budget-usd", "2"],
                taken(&["/opt/claude"], &["--bare"], Some(2.0)),
            ),
            ("/usr/bin/node", &["node", file], taken(&["/usr/bin/node", file], &[], None)),
            (
                "/usr/bin/node",
                &["node", file, "--tools", "Read"],
                taken(&["/usr/bin/node", file], &["--tools", "Read"], None),
            ),
            (
                "/opt/claude",
                &["claude", "--plugin-dir", "claude.js"],
                taken(&["/opt/claude"], &["--plugin-dir", file], None),
            ),
            ("/opt/claude", &["claude", "--plugin-dir", "gone"], None),
            // Overwritten.
            ("/usr/bin/node", &["claude"], None),
            ("/usr/bin/node", &["claude", "", ""], None),
            ("/opt/claude", &["claude", "", ""], None),
            ("/opt/claude", &[], None),
            ("/usr/bin/node", &["node", "--no-warnings", file], None),
            ("/opt/claude", &["claude", "--brand-new"], None),
            // A wrapper, and a script of something else.
            ("/bin/bash", &["bash", "-c", "claude"], None),
            ("/state/bin/sisyphus-run-0.2.0", &["sisyphus-run", "run"], None),
            ("/usr/bin/node", &["node", "/srv/other.js"], None),
            // A budget that is no number may be any.
            ("/opt/claude", &["claude", "--max-budget-usd", "x"], None),
        ];
        for (program, args, expected) in cases {
            let caller = Caller::of(process(program, args), None, dir.path());
            assert_eq!(caller.ok(), expected, "{program} {args:?}");
        }
    }

    /// A conversation that is an agent delegates to the same agent only.
    #[test]
    fn an_agent_stays_one() {
        let narrow = || process("/opt/claude", &["claude", "--agent", "explore"]);
        let caller = Caller::of(narrow(), None, Path::new("/")).unwrap();
        assert_eq!(caller.narrowing, ["--agent", "explore"]);
        let error = Caller::of(narrow(), Some("oracle"), Path::new("/")).unwrap_err().to_string();
        assert!(error.contains("leave out `agent`"), "{error}");
    }
}
