//! The commands of the demonstration, and their expected outcomes.

use sisyphus_tasks::outcome::Outcome;

/// How many of them may run at once.
pub(super) const SLOTS: usize = 2;

/// The state of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// It was called a moment ago.
    Comes,
    /// It has this number in the queue.
    Waits {
        number: usize,
    },
    Runs,
    Over,
}

/// One command.
#[derive(Debug)]
pub(super) struct Role {
    /// Claude Code's id of its task.
    pub(super) id: &'static str,
    pub(super) description: &'static str,
    /// The script that it runs, in the project folder.
    pub(super) script: &'static str,
    pub(super) text: &'static str,
    /// The `timeout` of its call, in milliseconds.
    pub(super) timeout_ms: Option<u64>,
    /// The state in which it begins.
    pub(super) entrance: Stand,
    pub(super) end: Outcome,
    /// The line of its output that the reminder must show.
    pub(super) shown: &'static str,
}

impl Role {
    /// The command as the model wrote it.
    pub(super) fn command(&self) -> String {
        format!("sh {}", self.script)
    }

    /// The words of Claude Code's notice when it ends. If our runner stops it, its shell ends by TERM.
    pub(super) fn noticed(&self) -> (&'static str, String) {
        if self.end == Outcome::Completed {
            return ("completed", "completed (exit code 0)".to_owned());
        }
        let exit_code = if let Outcome::Failed { exit_code } = self.end { exit_code } else { 143 };
        ("failed", format!("failed with exit code {exit_code}"))
    }
}

/// The file that lets the first commands end, so that even on a slow machine no slot is free before the others are
/// queued.
pub(super) const GO: &str = "go";

/// In the order of the calls. Each script ends within about ten seconds even if the demonstration dies.
pub(super) const CAST: [Role; 4] = [
    Role {
        id: "bdemo0001",
        description: "build",
        script: "build.sh",
        text: "for part in core server client docs; do echo \"compiling $part\"; sleep 0.3; done\n\
               tick=0; until [ -e go ] || [ $tick -ge 200 ]; do tick=$((tick + 1)); sleep 0.05; done\n\
               echo 'built 4 parts'\n",
        timeout_ms: None,
        entrance: Stand::Runs,
        end: Outcome::Completed,
        shown: "| built 4 parts",
    },
    Role {
        id: "bdemo0002",
        description: "run the tests",
        script: "test.sh",
        text: "echo 'auth: 14 tests'; sleep 0.4\n\
               echo 'error: auth/login.test: expected 200, got 401'; sleep 0.4\n\
               for part in cart search orders; do echo \"$part: 12 tests\"; sleep 0.3; done\n\
               tick=0; until [ -e go ] || [ $tick -ge 200 ]; do tick=$((tick + 1)); sleep 0.05; done\n\
               echo '47 passed, 3 failed'; exit 3\n",
        timeout_ms: None,
        entrance: Stand::Runs,
        end: Outcome::Failed { exit_code: 3 },
        shown: "| error: auth/login.test: expected 200, got 401",
    },
    Role {
        id: "bdemo0003",
        description: "lint",
        script: "lint.sh",
        text: "echo 'checking 120 files'; sleep 0.3; echo 'no problems found'\n",
        timeout_ms: None,
        entrance: Stand::Waits { number: 1 },
        end: Outcome::Completed,
        shown: "| no problems found",
    },
    Role {
        id: "bdemo0004",
        description: "wait for the server",
        script: "wait.sh",
        text: "try=0; until [ $try -ge 15 ]; do try=$((try + 1))\n\
               echo \"try $try: no answer on port 8080\"; sleep 0.6; done\n",
        timeout_ms: Some(1_500),
        entrance: Stand::Waits { number: 2 },
        end: Outcome::TimedOut { limit_ms: Some(1_500) },
        shown: "| try 1: no answer on port 8080",
    },
];
