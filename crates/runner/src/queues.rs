//! The queues that a command waits in: that of its group, then that of all.

use std::path::Path;

use anyhow::Result;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::StateDir;
use sisyphus_process::{Signals, Supervises};
use sisyphus_tasks::call::Confinement;
use sisyphus_tasks::task::Kind;

use crate::slots::{Asked, Slots};
use crate::turn::{Admitted, Turn, Waiter, wait_for_turn};

/// What decides where a command waits.
pub(crate) struct Queues<'a> {
    pub(crate) kind: Kind,
    pub(crate) group: Option<&'a str>,
    /// What the nearest runner above this one supervises.
    pub(crate) above: Option<Supervises>,
    pub(crate) client_tmp: &'a Path,
    pub(crate) state: &'a StateDir,
    pub(crate) confinement: Confinement,
}

impl Queues<'_> {
    /// Waits until the command may start.
    pub(crate) fn wait(
        &self,
        asked: Asked<'_>,
        record: &impl Waiter,
        signals: &mut Signals,
    ) -> Result<Turn> {
        // A command inside a command would wait for a slot that the outer one holds. A delegated session holds no slot of
        // commands.
        let is_inside = self.above == Some(Supervises::Command);
        if self.kind == Kind::Service || is_inside {
            return Ok(Turn::Start(Admitted::default()));
        }
        let environment = Environment::read();
        let Self { client_tmp, confinement, .. } = *self;
        // Always in this order: whatever holds a slot of a group waits for slots that no command holds while it waits for
        // a group.
        let group = match self.group {
            None => None,
            Some(group) => {
                let mut slots = Slots::of_group(&environment, client_tmp, confinement, group)?;
                match wait_for_turn(&mut slots, asked, record, signals)? {
                    Turn::Start(admitted) => Some(admitted),
                    stopped @ Turn::Stopped(_) => return Ok(stopped),
                }
            }
        };
        let mut slots = Slots::open(&environment, client_tmp, self.state, confinement)?;
        Ok(match wait_for_turn(&mut slots, asked, record, signals)? {
            Turn::Start(admitted) => Turn::Start(admitted.within(group)),
            stopped @ Turn::Stopped(_) => stopped,
        })
    }
}
