//! Files that no task needs any more.

use std::time::{Duration, SystemTime};

use sisyphus_control::leftovers::{Extent, find};
use sisyphus_state::line::RuntimeDir;

use super::context::DoctorContext;
use super::finding::{Finding, Level, error_text};
use super::state;
use crate::clean::roots;
use crate::format::size;

/// The default age of `sisyphus clean`.
const AGE: Extent = Extent::Leftovers(Duration::from_secs(30 * 24 * 60 * 60));

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    // The search sets a damaged file aside, so the damage must be reported first.
    if state::check(context).iter().any(|finding| finding.level == Level::Broken) {
        return Vec::new();
    }
    let (roots, _) = roots(&context.active());
    let runtime = RuntimeDir::open(&context.environment).ok().flatten();
    vec![match find(&context.store, &roots, runtime.as_ref(), AGE, SystemTime::now()) {
        Ok(found) if found.is_empty() => Finding::fine("nothing is left over"),
        Ok(found) => {
            let bytes: u64 = found.iter().map(|it| it.bytes).sum();
            Finding::note(
                format!("{} leftovers, {}", found.len(), size(bytes)),
                "`sisyphus clean --dry-run` lists them, `sisyphus clean` removes them",
            )
        }
        Err(error) => Finding::note(
            format!("could not look for leftovers: {}", error_text(&error)),
            "see the findings about folders and state above",
        ),
    }]
}
