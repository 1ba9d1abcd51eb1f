//! The settings files: whether they can be read, and whether every key of ours in them is valid.

use sisyphus_settings::Switch;
use sisyphus_settings::layers::Content;
use sisyphus_state::agents::Limits;
use sisyphus_wording::counted;

use super::context::DoctorContext;
use super::finding::{Finding, named, plain};
use crate::doctor::flaws::{Mistake, Weight, mistakes};

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let files = || std::iter::once(&context.layers.user).chain(&context.layers.project);
    let mut found: Vec<Finding> = files().flat_map(mistakes).map(finding).collect();
    for it in context.layers.effective() {
        let key = it.key.dotted();
        found.extend(it.refused.iter().map(|path| {
            Finding::note(
                format!("{} sets {key} to what a project may not", named(path)),
                "if you want it, set it in your own settings",
            )
        }));
    }
    let settings = context.layers.settings();
    if settings.execution == Switch::Off {
        found.push(Finding::note(
            "sisyphus.background_execution is false: commands of Claude Code run as without the plugin",
            "if you want them in the queue again, type `sisyphus config unset background_execution`",
        ));
    }
    let limits = Limits::of(&settings);
    found.extend(limits.never_matching().into_iter().map(|(name, why)| {
        Finding::broken(
            format!("the limit `{}` applies to no agent: {why}", plain(&name)),
            "name a model like `opus` or `anthropic/claude-opus-4-5`, or a provider like `anthropic`",
        )
    }));
    if found.is_empty() {
        let count = files().filter(|file| matches!(file.content, Content::Read(_))).count();
        let counted = counted(count, "settings file", "settings files");
        found.push(Finding::fine(format!("{counted}, every key of ours is valid")));
    }
    found
}

fn finding(mistake: Mistake) -> Finding {
    match mistake.weight {
        Weight::Ignored => Finding::broken(mistake.said, mistake.remedy),
        Weight::PartlyIgnored => Finding::note(mistake.said, mistake.remedy),
    }
}
