//! The part of the shared limit that agents occupy: `agents/KEY.json`, which the hooks write for the runners. Each
//! state folder has its own key.
//!
//! An agent has no process that could hold a lock. So each entry names the process of Claude Code that the agent lives
//! in: when that exits, the agent is over. A runner in Claude Code's sandbox can't see that process and believes the
//! entry until the time that it names.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use chrono::{DateTime, Duration, Timelike as _, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_base::atomic::{self, if_found};
use sisyphus_base::json;
use sisyphus_base::paths::{StateDir, create_private_dir};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_tasks::call::Confinement;

use super::RuntimeDir;
use crate::active::Active;
use crate::agents::{Limits, Pool, Published, running_agents};

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 256 * 1024;
/// How many of them are read.
const MAX_FILES: usize = 100;
/// How many hours a runner in the sandbox believes an entry, from the last full hour. Every event of a hook renews it.
const BELIEVED: i64 = 3;

/// The files of one user.
#[derive(Debug, Clone)]
pub struct AgentSlots {
    dir: PathBuf,
    /// The file of our own state folder.
    own: PathBuf,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Content {
    #[serde(default)]
    taken: Vec<Taken>,
}

/// One slot that an agent holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Taken {
    until: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    process: Option<ProcessRef>,
}

impl AgentSlots {
    pub fn of(runtime: &RuntimeDir, state: &StateDir) -> Self {
        let dir = runtime.agents();
        let mut hasher = DefaultHasher::new();
        state.root().hash(&mut hasher);
        let own = dir.join(format!("{:016x}.json", hasher.finish()));
        Self { dir, own }
    }

    /// Where they are, or the folder above as long as there is none.
    pub fn folder(&self) -> &Path {
        let above = self.dir.parent().filter(|_| !self.dir.is_dir());
        above.unwrap_or(&self.dir)
    }

    /// How many slots agents hold now. An unreadable file holds none: commands start as if there were no agents.
    ///
    /// A process that can't be checked does not count: a Claude Code in a killed container holds nothing. Only a
    /// sandboxed runner, which can check none, believes what the hooks wrote. `is_alive` says whether a process is
    /// known to run.
    pub fn count(
        &self,
        now: DateTime<Utc>,
        confinement: Confinement,
        is_alive: impl Fn(&ProcessRef) -> bool,
    ) -> usize {
        let runs = |process: &ProcessRef| match confinement {
            Confinement::Outside => is_alive(process),
            Confinement::Sandboxed => true,
        };
        self.files().map(|path| taken(&path, now, runs)).sum()
    }

    /// How many slots agents of other state folders hold.
    pub fn count_elsewhere(&self, is_alive: impl Fn(&ProcessRef) -> bool) -> usize {
        let others = self.files().filter(|path| *path != self.own);
        others.map(|path| taken(&path, Utc::now(), &is_alive)).sum()
    }

    fn files(&self) -> impl Iterator<Item = PathBuf> {
        let files = fs::read_dir(&self.dir).into_iter().flatten().flatten().take(MAX_FILES);
        let names = files.map(|file| file.path());
        names.filter(|path| path.extension().is_some_and(|it| it == "json"))
    }

    /// Writes our own file if its content has changed. The caller holds the state lock.
    pub fn publish(
        &self,
        active: &Active,
        limits: &Limits,
        now: DateTime<Utc>,
    ) -> Result<Published> {
        let content = Content::of(active, limits, now);
        let published =
            if content.taken.is_empty() { Published::Nothing } else { Published::Slots };
        if content == read(&self.own) {
            return Ok(published);
        }
        if content.taken.is_empty() {
            if_found(fs::remove_file(&self.own))
                .with_context(|| format!("could not remove `{}`", self.own.display()))?;
            return Ok(published);
        }
        create_private_dir(&self.dir)?;
        atomic::write(&self.own, &json::line(&content).context("could not encode slots")?)?;
        Ok(published)
    }

    /// Whether [`publish`](Self::publish) would change nothing.
    pub fn are_published(&self, active: &Active, limits: &Limits, now: DateTime<Utc>) -> bool {
        Content::of(active, limits, now) == read(&self.own)
    }
}

/// How many slots the agents of one file hold.
fn taken(path: &Path, now: DateTime<Utc>, runs: impl Fn(&ProcessRef) -> bool) -> usize {
    let believed = now..now + Duration::hours(BELIEVED);
    let lives = |taken: &&Taken| {
        believed.contains(&taken.until) && taken.process.as_ref().is_none_or(&runs)
    };
    read(path).taken.iter().filter(lives).count()
}

fn read(path: &Path) -> Content {
    atomic::read_json(path, MAX_BYTES).unwrap_or_default()
}

impl Content {
    fn of(active: &Active, limits: &Limits, now: DateTime<Utc>) -> Self {
        let is_shared = |model: Option<&str>| limits.pool_of(model).0 == Pool::Default;
        // In full hours, so that the file does not change with every event.
        let hour = now.with_minute(0).and_then(|it| it.with_second(0)?.with_nanosecond(0));
        let believed = hour.unwrap_or(now) + Duration::hours(BELIEVED);
        let running = running_agents(active)
            .filter_map(|task| task.launched.as_ref())
            .filter(|call| is_shared(call.model()))
            .map(|call| Taken { until: believed, process: call.process.clone() });
        Self { taken: running.collect() }
    }
}

#[cfg(test)]
mod tests {
    use sisyphus_testing::TempDir;

    use super::*;

    /// S9, S10: outside of the sandbox, the agents of a dead container's Claude Code, which can't be judged from here,
    /// hold no slot.
    #[test]
    fn an_agent_takes_a_slot_while_its_client_lives() {
        let dir = TempDir::new();
        let slots = AgentSlots { dir: dir.path().to_owned(), own: dir.path().join("own.json") };
        let now = Utc::now();
        let process = |pid| Some(ProcessRef { pid, start: None, namespace: None });
        let taken = [
            Taken { until: now + Duration::minutes(1), process: None },
            Taken { until: now + Duration::minutes(1), process: process(1) },
            // Its client is gone, or can't be judged.
            Taken { until: now + Duration::minutes(1), process: process(2) },
            Taken { until: now - Duration::minutes(1), process: process(1) },
            // No hook of ours writes this.
            Taken { until: now + Duration::hours(BELIEVED + 1), process: None },
        ];
        let count = |confinement| slots.count(now, confinement, |process| process.pid == 1);
        assert_eq!(count(Confinement::Outside), 0);
        let content = serde_json::to_vec(&Content { taken: taken.to_vec() }).unwrap();
        fs::write(dir.path().join("other.json"), content).unwrap();
        fs::write(dir.path().join("broken.json"), "{").unwrap();
        fs::write(dir.path().join("temporary.tmp"), "{").unwrap();
        assert_eq!(count(Confinement::Outside), 2);
        assert_eq!(count(Confinement::Sandboxed), 3);
    }
}
