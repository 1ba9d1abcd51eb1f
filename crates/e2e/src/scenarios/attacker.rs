//! A command in Claude Code's sandbox that attacks, one step at a time on request, and prints what it could do.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::program;

use crate::api::{Block, bash};
use crate::home::Home;
use crate::stage::Stage;
use crate::wait;

const LIMIT: Duration = Duration::from_secs(30);
const SCRIPT: &str = "attack.sh";
/// Root keeps its capabilities in Claude Code's sandbox, and no mode keeps root from reading. Without the capabilities
/// it is like any other user.
const BARE: &str = r#"
if [ "$(id -u)" = 0 ] && [ -z "${BARE:-}" ]; then
	BARE=yes exec setpriv --bounding-set=-all --inh-caps=-all bash "$0" "$@"
fi
"#;
/// Runs a step, the function of that name, once a file of that name exists. Nothing runs in a subshell, so that locks
/// stay held.
const STEPS: &str = r#"
attempt() { name=$1; shift; if "$@" >/dev/null 2>&1; then echo "did: $name"; else echo "failed: $name"; fi; }
change() { printf %s "$2" >"$1"; }
create() { : >"$1/.new" && rm "$1/.new"; }
hold() { case $1 in '<') exec {held}<"$2" ;; '>') exec {held}>"$2" ;; *) exec {held}<>"$2" ;; esac && flock -xn "$held"; }
for step in "$@"; do
	until [ -e "$step" ]; do sleep 0.05; done
	"$step" >"$step.said" 2>&1
	cat "$step.said"
	mv "$step.said" "$step.done"
done
until [ -e stop-attack ]; do sleep 0.05; done
"#;

/// The attacker of one home.
pub(super) struct Attacker<'home> {
    home: &'home Home,
}

impl<'home> Attacker<'home> {
    /// Writes the script; `steps` defines a function for each step.
    pub(super) fn prepare(stage: &Stage, home: &'home Home, steps: &str) -> Result<Self> {
        for needed in ["bwrap", "socat", "flock", "setpriv"] {
            program::need(needed, stage.name)?;
        }
        let paths = [("STATE", home.state()), ("RUNTIME", home.runtime())];
        let paths: String =
            paths.map(|(name, path)| format!("{name}='{}'\n", path.display())).concat();
        // In the sandbox the variable names Claude Code's own folder.
        let root = "ROOT=$CLAUDE_CODE_TMPDIR/sisyphus\n";
        fs::write(home.project.join(SCRIPT), [BARE, &paths, root, steps, STEPS].concat())?;
        Ok(Self { home })
    }

    /// The call that starts it, with the steps in order.
    pub(super) fn call(steps: &[&str]) -> Block {
        let steps = steps.join(" ");
        bash(&format!("bash {SCRIPT} {steps}")).description("attack").background()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.project.join(name)
    }

    /// Lets it run a step, in which it must be able to do exactly what `expected` lists, each that many times.
    pub(super) fn play(&self, step: &str, expected: &[(&str, usize)]) -> Result<()> {
        fs::write(self.file(step), "")?;
        let done = self.file(&format!("{step}.done"));
        let said = wait::until(&format!("the attack `{step}`"), LIMIT, || {
            Ok(fs::read_to_string(&done).ok())
        })?;
        let mut found = BTreeMap::new();
        for line in said.lines() {
            *found.entry(line).or_insert(0) += 1;
        }
        let expected: BTreeMap<&str, usize> = expected.iter().copied().collect();
        ensure!(found == expected, "the attack `{step}` said {found:#?}\ninstead of {expected:#?}");
        Ok(())
    }

    /// Ends it, which releases every lock that it holds.
    pub(super) fn stop(&self) -> Result<()> {
        fs::write(self.file("stop-attack"), "").context("could not stop the attack")
    }
}
