//! `docs/settings.md`, from the table in `crates/settings`.

use sisyphus_settings::keys::{KEYS, Key, Project};

const HEAD: &str = "\
<!-- Made by `cargo xtask docs` from crates/settings/src/keys.rs; `cargo xtask tidy` holds the two equal. -->
# Settings

All optional, in `~/.claude/settings.json` (`CLAUDE_CONFIG_DIR` moves it), in either form:

```json
{\"sisyphus\": {\"output_lines\": 5}}
```

```json
{\"sisyphus.output_lines\": 5}
```

Five of them are in Claude Code's own list too, as options of the plugin (`/plugin configure`). What is in
`settings.json` under our names goes before that.

A file may hold more than `sisyphus config set` takes: a value of the wrong type is ignored, a number that is too large counts
as the largest, and one above 0 that is too small as the smallest. This prints the effective values with their sources, and
what a project may not set; `sisyphus doctor` says what is wrong in your own file:

```sh
sisyphus config
sisyphus config get max_background_tasks
sisyphus config --json
```

Settings are read each time they are needed: a change applies to the next call, without a restart.

| key | default | may be | a project may | meaning |
|---|---|---|---|---|
";

const FOOT: &str = "
## In detail

- **Switched off** (`background_execution`), there is neither sleep guard nor ultrawork keyword.
- **The sleep guard** denies a foreground call that does nothing but `sleep` for over 10 seconds. The model reads what runs and that
  a notice follows. Claude Code itself refuses a plain `sleep 25` and longer. Servers don't count: a call may wait for their
  start.
- **The same command again** (`deny_duplicates`): text and folder are the same, in whatever session. Foreground commands,
  texts of more than 2,000 bytes and commands of PowerShell are never denied.
- **Commands and agents at once**: agents that the conversation waits for, and those that an agent starts, are not held back.
  Raising the number starts queued tasks immediately. An agent counts for one limit only: that of its model, else of its provider, else
  `max_background_tasks`. A model's name is a family (`opus`) or a whole name with or without its date, each with or without its
  provider (`anthropic/…`). `defaultConcurrency`, `modelConcurrency` and `providerConcurrency` in a section `background_task` are
  read too, if our key is not set; if both are, `sisyphus doctor` says so.
- **A group** is a set of background commands with a limit of its own, over all sessions, worktrees and configuration folders:

  ```json
  {\"sisyphus\": {\"groups\": {\"build\": {\"patterns\": [\"cargo *\", \"*gradlew *\", \"xcodebuild *\"], \"limit\": 1}}}}
  ```

  In a pattern `*` is any characters, and `cargo *` fits `cargo` too. A pattern is compared with the whole command line and with
  each command in it, so `cd app && cargo test | tail` belongs to the group. A command of a group waits for its group first and
  then for one of the slots of all commands; a command of no group is not held up by it. The first group that fits counts.
  Services are in no group. Foreground commands run as without it, unless the group has `\"foreground\": \"ask\"`: then such a call
  is denied while the group is full, once an hour for each command. The model reads what holds the group, and that the same
  command waits for its turn in the background. Repeated, the call runs. A raised limit, or a removed group, applies to what waits within a second.
- **The time limit** counts from the real start. In a terminal Claude Code itself has none for background commands, and the
  `timeout` of a call means foreground ones: only a longer one counts, and the model reads the limit at launch. Headless
  (`-p`, the SDK, CI) the call's `timeout` takes its place, and Claude Code's own limit of 10 minutes comes first unless it
  could be raised: no other hook may rewrite the call, and the SDK does not drive the session.
- **The memory limit** (`memory_limit_mb`) holds for all processes of a command together, without swap; 1 MB is 1,000,000 bytes.
  It holds for background commands and `sisyphus run`, not for foreground commands, agents and delegated sessions. If they need
  more, the kernel ends one of them, and the report says so. The runner makes a control group for each command, beside the
  one that Claude Code runs in. That needs Linux with control groups of version 2, and the right to make one there. Programs
  that a desktop starts have it. In a login over ssh, start Claude Code with `systemd-run --user --scope claude`. Where the
  limit is not in force, as in Claude Code's sandbox, the command runs without it: `sisyphus show` says so with the reason, and
  `sisyphus doctor` says whether it can be in force. Claude Code names a background command a moment after its start; from then on
  the limit holds.
- **Your program** (`on_complete`) starts at most once for a task, without a shell, and is killed after 30 seconds:
  [Events](events.md#a-program-of-yours) says what it gets, and has recipes.
- **A kept command** (`keep_patterns`) goes on when its session ends: `sisyphus config set keep_patterns '[\"npm run dev\"]'`. Its
  time limit still holds, unless it is a service. A command in Claude Code's sandbox is never kept. `sisyphus cancel TASK` stops it.
- **A service** has no slot and no time limit. Known without a setting are dev servers, watchers, `tail -f` and the like; a
  pattern `!npm start` takes one out.

## Projects

`.claude/settings.json` and `.claude/settings.local.json` of the project that Claude Code was started in are read too, but
come with a repository, so others write them. They may only make Sisyphus more careful than you want it, as the column
above says for each key; what they ask for beyond that is passed over, and `sisyphus config` names the file.
";

/// The whole page.
pub(super) fn page() -> String {
    let rows: String = KEYS.iter().map(row).collect();
    format!("{HEAD}{rows}{FOOT}")
}

fn row(key: &Key) -> String {
    let project = match key.project {
        Project::MayNothing => "do nothing: it holds for all projects together",
        Project::MayTurnOff => "turn it off",
        Project::MayTurnOn => "turn it on",
        Project::MayLower => "lower it",
        Project::MayTakeAway => "add entries that begin with `!`",
    };
    let cells =
        [format!("`{}`", key.dotted()), format!("`{}`", key.default()), key.type_in_words()];
    let cells = cells.iter().map(String::as_str).chain([project, key.meaning]);
    // A bar would end its cell.
    let cells: Vec<String> = cells.map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}
