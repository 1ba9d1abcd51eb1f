//! In which way people are told of ends.

use sisyphus_settings::Switch;

use super::finding::Finding;
use super::ground::Ground;
use crate::route::{Question, Route, way};

pub(super) fn look(ground: &Ground) -> Vec<Finding> {
    if ground.layers.settings().notifications == Switch::Off {
        return vec![Finding::fine("notifications are switched off by `background_notifications`")];
    }
    let found = match Route::find(Question::Probe, ground.state(), &ground.environment) {
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
