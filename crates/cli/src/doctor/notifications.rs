//! How notifications reach the user.

use sisyphus_settings::Switch;

use super::context::DoctorContext;
use super::finding::Finding;
use crate::notification_route::{Question, Route};

/// What shows whether notifications arrive.
const TRY: &str = "run `sisyphus notify --test` in the terminal that Claude Code runs in";

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    if context.layers.settings().notifications == Switch::Off {
        return vec![Finding::fine(
            "`sisyphus.background_notifications` switches notifications off",
        )];
    }
    let route = Route::find(Question::Probe, context.state(), &context.environment);
    vec![match route {
        Route::Desktop(_) => Finding::fine(route.sentence()),
        // No answer of a desktop does not say that there is none.
        Route::Terminal(..) => Finding::note(route.sentence(), TRY),
        Route::Nowhere(_) => Finding::note(format!("no notifications: {}", route.sentence()), TRY),
    }]
}
