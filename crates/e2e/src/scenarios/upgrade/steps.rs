//! What the scenario does to its commands, and what it waits for.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::Value;
use sisyphus_harness::sys;

use super::task::Task;
use super::{LIMIT, Play};
use crate::api::Request;
use crate::wait;

impl Play<'_> {
    pub(super) fn open_gate(&self, name: &str) -> Result<()> {
        let gate = self.home.project.join(format!("go-{name}"));
        fs::write(&gate, "").with_context(|| format!("could not write `{}`", gate.display()))
    }

    pub(super) fn let_end(&self, task: Task) -> Result<()> {
        self.open_gate(task.name)
    }

    pub(super) fn has_begun(&self, name: &str) -> bool {
        self.home.project.join(format!("began-{name}")).exists()
    }

    pub(super) fn wait_until_begun(&self, name: &str) -> Result<()> {
        wait::until_true(&format!("`{name}` to begin"), LIMIT, || self.has_begun(name))
    }

    pub(super) fn wait_until_told(&self, task: Task) -> Result<()> {
        let what = format!("the end of `{}` to be reported", task.name);
        self.api.wait_for(&what, LIMIT, |requests| {
            requests.last().filter(|last| count(last, &task.end()) > 0).map(drop)
        })
    }

    pub(super) fn wait_for_turn(&self, number: usize) -> Result<()> {
        self.api.wait_for("a turn of ours", LIMIT, |requests| requests.get(number).map(drop))
    }

    /// Waits until the command line says how it ended.
    pub(super) fn wait_until_listed(&self, task: Task) -> Result<()> {
        let what = format!("`{}` to be listed with its end", task.name);
        wait::until(&what, LIMIT, || {
            let listed = self.find(task)?;
            Ok(listed.filter(|listed| listed["exit_code"] == task.exit_code).map(drop))
        })
    }

    pub(super) fn find(&self, task: Task) -> Result<Option<Value>> {
        Ok(self.listed()?.into_iter().find(|listed| listed["description"] == task.name))
    }

    pub(super) fn listed(&self) -> Result<Vec<Value>> {
        let printed = self.home.sisyphus(&["list", "--json"])?;
        let mut listed: Value = serde_json::from_str(&printed).context("no JSON")?;
        serde_json::from_value(listed["tasks"].take()).context("no tasks")
    }

    pub(super) fn processes(&self) -> Vec<u32> {
        sys::started_with(&self.home.variable())
    }
}

pub(super) fn count(request: &Request, reported: &str) -> usize {
    request.text().matches(reported).count()
}
