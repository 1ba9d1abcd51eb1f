//! Adds the instructions for ultrawork to a prompt that asks for it by one of its words. Adds the line about the limit
//! to a prompt that uses the skill's command: there Claude Code adds the instructions itself.

mod asked;
mod printed;
mod spans;

use sisyphus_hook::{Context, Prompt, Reply, read_prompt};
use sisyphus_settings::Switch;
use sisyphus_state::agents::Limits;
use sisyphus_state::line::View;
use sisyphus_wording::{ultrawork, ultrawork_limit};

use crate::queue::line;

pub use asked::{Asked, asked};

/// The reply to a prompt. If the user typed the prompt and it asks for ultrawork, the reply begins with what that
/// needs.
pub(crate) fn with_ultrawork(context: &Context, prompt: &str, reply: Reply) -> Reply {
    let Some(asked) = asked(prompt).filter(|_| read_prompt(prompt) == Prompt::Typed) else {
        return reply;
    };
    let settings = context.settings();
    if settings.execution == Switch::Off {
        return reply;
    }
    let Some(active) = context.logged("ultrawork", context.store.read_active()) else {
        return reply;
    };
    let line = line(context, View::Whole);
    let limit_line = ultrawork_limit(&active, line.as_ref(), &Limits::of(settings));
    let note = match (asked, settings.ultrawork_keyword) {
        (Asked::Command, _) => Some(limit_line),
        (Asked::Word, Switch::On) => {
            let plugin_root = context.environment.claude_plugin_root.as_deref();
            ultrawork(&limit_line, reply.room_for_note(), plugin_root)
        }
        (Asked::Word, Switch::Off) => None,
    };
    reply.with_note(note)
}
