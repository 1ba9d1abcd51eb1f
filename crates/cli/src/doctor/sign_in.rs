//! How Claude Code would sign in without asking, as a delegated session must. Nothing is asked over the network, and no
//! secret is read: `claude auth status` would send a request.

use sisyphus_settings::ClientKey;
use sisyphus_settings::layers::File;

use super::context::DoctorContext;
use super::finding::{Finding, named};

/// Where Claude Code keeps its login where the system has no keychain, in its configuration folder (CC-79).
const CREDENTIALS: &str = ".credentials.json";

/// Says which means there is. That none is found proves nothing: it may be in the keychain.
pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let stored = context.config_dir.join(CREDENTIALS);
    let has_helper = |file: &&File| file.of_client(ClientKey::ApiKeyHelper).is_some();
    let said = if let Some(name) = context.environment.sign_in {
        format!("delegated sessions sign in by the variable {name}")
    } else if let Some(file) = context.settings_files().find(has_helper) {
        format!("delegated sessions sign in by the `apiKeyHelper` of {}", named(&file.path))
    } else if stored.is_file() {
        format!("delegated sessions sign in by {}", named(&stored))
    } else {
        "no login, API key or `apiKeyHelper` was found outside a keychain; delegated sessions need one of them"
            .to_owned()
    };
    vec![Finding::fine(said)]
}
