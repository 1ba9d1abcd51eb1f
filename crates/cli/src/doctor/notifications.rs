//! How notifications reach the user.

use sisyphus_settings::Switch;

use super::context::DoctorContext;
use super::finding::Finding;
use crate::notification_route::{Question, Route, way};

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    if context.layers.settings().notifications == Switch::Off {
        return vec![Finding::fine("`background_notifications` switches notifications off")];
    }
    let found = match Route::find(Question::Probe, context.state(), &context.environment) {
        Route::Desktop(name) => Finding::fine(format!("{name} shows notifications")),
        Route::Terminal(terminal, why) => {
            Finding::fine(format!("the terminal shows notifications, by {}: {why}", way(terminal)))
        }
        Route::Nobody(why) => Finding::note(
            format!("no notifications: {why}, and this is not a terminal"),
            "run `sisyphus notify --test` in the terminal that Claude Code runs in",
        ),
    };
    vec![found]
}
