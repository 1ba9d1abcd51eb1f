//! `sisyphus import`: what the installer runs after an update from 0.1.0.

use anyhow::Result;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::{StateDir, client_tmp_dir};
use sisyphus_control::world;
use sisyphus_state::import_0_1::{self, Live};
use sisyphus_state::store::Store;

/// Imports the old state, once. The installer has switched the link already, so nothing writes to the old folder later.
pub(crate) fn import() -> Result<()> {
    let environment = Environment::read();
    let state = StateDir::locate(&environment)?;
    let tmp = client_tmp_dir(&environment);
    import_0_1::import(&Store::new(state), &world(&tmp), Live::Move)
}
