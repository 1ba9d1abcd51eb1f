//! The list of scenarios. Each checks a promise to the user with the real Claude Code.

mod agent_rests;
mod agent_unread;
pub(super) mod agents_in_line;
mod agents_unmarked;
mod already_runs;
mod archive;
mod attacker;
mod band;
mod bare_client;
mod bare_tui;
mod binaries_deleted;
mod blocked_prompt;
mod code_zero;
mod compare;
mod crash;
mod crash_unwatched;
pub(super) mod delegate;
mod events;
mod exit_in_tui;
mod group;
mod headless_end;
mod hook_records;
mod interrupted_notice;
mod kept;
mod killed_hooks;
mod many_at_once;
mod mcp_inspector;
mod mcp_tools;
mod monitor;
mod notify_in_tui;
mod outputs;
mod permissions;
mod queue;
mod random_ends;
mod reminder_from_idle;
mod reminder_in_tui;
mod reminder_mid_turn;
pub(super) mod rewriting_plugin;
mod sandbox;
mod sandbox_forges;
mod sandbox_in_home;
mod sandbox_locks;
mod service;
mod service_listens;
mod sleep_guard;
mod statusline_in_tui;
mod tables;
pub(super) mod task_stop;
mod torture;
mod twins;
mod ultrawork;
mod ultrawork_slots;
mod uninstalled;
mod upgrade;
mod validate;
mod wake_in_tui;
mod watch;
pub(super) mod witness;

use anyhow::Result;

use super::stage::Stage;

/// When a scenario runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Runs {
    Always,
    /// It takes long to prepare, or needs what not every checkout has.
    ByName,
}

/// What may run at the same time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    Others,
    /// It compares times, or many of its processes work at once.
    Nothing,
}

/// One scenario.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) needs_plugin: bool,
    pub(super) runs: Runs,
    /// It is one of the few that show the promise, for a look at another version of Claude Code.
    pub(super) is_short: bool,
    pub(super) runs_beside: Beside,
    pub(super) run: fn(&Stage) -> Result<()>,
}

pub(super) const SCENARIOS: &[Scenario] = &[
    // Without the plugin: these two check the harness itself.
    without_plugin("bare_client", bare_client::run),
    without_plugin("bare_tui", bare_tui::run),
    with_plugin("validate", validate::run),
    with_plugin("archive", archive::run),
    short(with_plugin("reminder_mid_turn", reminder_mid_turn::run)),
    with_plugin("reminder_from_idle", reminder_from_idle::run),
    with_plugin("reminder_in_tui", reminder_in_tui::run),
    with_plugin("sandbox", sandbox::run),
    with_plugin("sandbox_in_home", sandbox_in_home::run),
    with_plugin("sandbox_forges", sandbox_forges::run),
    with_plugin("sandbox_locks", sandbox_locks::run),
    short(with_plugin("permissions", permissions::run)),
    with_plugin("twins", twins::run),
    short(with_plugin("task_stop", task_stop::run)),
    with_plugin("mcp_tools", mcp_tools::run),
    with_plugin("mcp_tools_after_clear", mcp_tools::run_after_clear),
    with_plugin("mcp_inspector", mcp_inspector::run),
    with_plugin("delegate_queued", delegate::run_queued),
    with_plugin("delegate_delivered", delegate::run_delivered),
    with_plugin("delegate_mid_turn", delegate::run_mid_turn),
    with_plugin("delegate_after_clear", delegate::run_after_clear),
    with_plugin("delegate_after_kill", delegate::run_after_kill),
    with_plugin("delegate_elsewhere", delegate::run_elsewhere),
    with_plugin("delegate_unread_at_start", delegate::run_unread_at_start),
    with_plugin("delegate_unread_adopted", delegate::run_unread_adopted),
    with_plugin("delegate_unread_after_call", delegate::run_unread_after_call),
    with_plugin("delegate_unread_at_stop", delegate::run_unread_at_stop),
    with_plugin("delegate_unread_interrupted", delegate::run_unread_interrupted),
    with_plugin("delegate_waited", delegate::run_waited),
    with_plugin("delegate_cancelled", delegate::run_cancelled),
    with_plugin("delegate_continued", delegate::run_continued),
    with_plugin("delegate_failed", delegate::run_failed),
    with_plugin("delegate_limited", delegate::run_limited),
    with_plugin("delegate_rights", delegate::run_rights),
    with_plugin("delegate_worktrees", delegate::run_worktrees),
    alone(with_plugin("delegate_killed", delegate::run_killed)),
    with_plugin("delegate_person", delegate::run_person),
    alone(short(with_plugin("queue", queue::run))),
    alone(with_plugin("group", group::run)),
    with_plugin("events", events::run),
    with_plugin("kept", kept::run),
    with_plugin("kept_stopped", kept::run_stopped),
    with_plugin("code_zero", code_zero::run),
    with_plugin("already_runs", already_runs::run),
    alone(short(with_plugin("crash", crash::run))),
    alone(with_plugin("crash_unwatched", crash_unwatched::run)),
    alone(with_plugin("exit_in_tui", exit_in_tui::run)),
    with_plugin("binaries_deleted", binaries_deleted::run),
    with_plugin("uninstalled", uninstalled::run),
    alone(with_plugin("killed_hooks", killed_hooks::run)),
    alone(with_plugin("rewriting_plugin", rewriting_plugin::run)),
    with_plugin("service", service::run),
    with_plugin("service_listens", service_listens::run),
    with_plugin("watch", watch::run),
    with_plugin("monitor", monitor::run),
    with_plugin("sleep_guard", sleep_guard::run),
    with_plugin("ultrawork", ultrawork::run),
    with_plugin("ultrawork_in_tui", ultrawork::run_in_tui),
    alone(with_plugin("ultrawork_slots", ultrawork_slots::run)),
    with_plugin("agent_rests", agent_rests::run),
    with_plugin("agent_unread_stopped", agent_unread::run_stopped),
    with_plugin("agent_unread_cancelled", agent_unread::run_cancelled),
    with_plugin("agent_unread_killed", agent_unread::run_killed),
    with_plugin("agent_read", agent_unread::run_read),
    with_plugin("agents_in_line", agents_in_line::run),
    with_plugin("agents_in_line_in_tui", agents_in_line::run_in_tui),
    with_plugin("agents_unmarked_in_tui", agents_unmarked::run_in_tui),
    with_plugin("agents_cleared_in_tui", agents_unmarked::cleared_in_tui),
    alone(short(with_plugin("many_at_once", many_at_once::run))),
    alone(with_plugin("many_one_by_one", many_at_once::run_one_by_one)),
    alone(with_plugin("many_read", many_at_once::run_read)),
    alone(with_plugin("random_ends", random_ends::run)),
    with_plugin("tables_resumed", tables::run_resumed),
    with_plugin("tables_continued", tables::run_continued),
    with_plugin("tables_forked", tables::run_forked),
    with_plugin("tables_cleared", tables::run_cleared),
    with_plugin("tables_compacted", tables::run_compacted),
    alone(with_plugin("wake_in_tui", wake_in_tui::run)),
    alone(with_plugin("notify_in_tui", notify_in_tui::run)),
    with_plugin("statusline_in_tui", statusline_in_tui::run),
    alone(with_plugin("band_in_tui", band::run_in_tui)),
    with_plugin("band_off_in_tui", band::run_off_in_tui),
    with_plugin("blocked_prompt", blocked_prompt::run),
    with_plugin("interrupted_notice", interrupted_notice::run),
    alone(with_plugin("headless_end", headless_end::run)),
    alone(with_plugin("torture_bash", torture::run_bash)),
    alone(with_plugin("torture_zsh", torture::run_zsh)),
    Scenario { runs: Runs::ByName, ..with_plugin("upgrade", upgrade::run) },
];

const fn without_plugin(name: &'static str, run: fn(&Stage) -> Result<()>) -> Scenario {
    Scenario {
        name,
        needs_plugin: false,
        runs: Runs::Always,
        is_short: false,
        runs_beside: Beside::Others,
        run,
    }
}

const fn with_plugin(name: &'static str, run: fn(&Stage) -> Result<()>) -> Scenario {
    Scenario { needs_plugin: true, ..without_plugin(name, run) }
}

const fn alone(scenario: Scenario) -> Scenario {
    Scenario { runs_beside: Beside::Nothing, ..scenario }
}

const fn short(scenario: Scenario) -> Scenario {
    Scenario { is_short: true, ..scenario }
}
