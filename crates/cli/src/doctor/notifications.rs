//! In which way people are told of ends.

use sisyphus_settings::Switch;

use super::context::DoctorContext;
use super::finding::Finding;
use crate::notification_route::{Question, Route, way};

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    if context.layers.settings().notifications == Switch::Off {
        return vec![Finding::fine("notifications are switched off by `background_notifications`")];
    }
    let found = match Route::find(Question::Probe, context.state(), &context.environment) {
        Route::Desktop(name) => Finding::fine(format!("{name} shows notifications of ends")),
        Route::Terminal(terminal, why) => {
            Finding::fine(format!("the terminal tells of ends, by {}: {why}", way(terminal)))
        }
        Route::Nobody(why) => Finding::note(
            format!("nobody tells of ends: {why}, and this is no terminal"),
            "`sisyphus notify --test` in the terminal that Claude Code runs in says more",
        ),
    };
    vec![found]
}
