//! The stage of a scene, and the scene's result.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::actor::{Notices, Session};
use super::check::{Verdict, check};
use super::home::{Home, remove};
use super::injector::{Injector, Kills};
use super::ledger::Event;
use super::lock;
use super::quiesce::quiesce;

/// A home, and the sessions in it.
pub(super) struct Stage {
    pub(super) home: Arc<Home>,
    pub(super) injector: Arc<Injector>,
    pub(super) seed: u64,
    sessions: Mutex<Vec<Arc<Session>>>,
}

impl Stage {
    /// Plays a scene in a home of its own, lets it come to rest, and checks its ledger. The home of a failed scene is
    /// kept.
    pub(super) fn play(
        binaries: &Path,
        setting: &Setting,
        play: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Verdict> {
        let Setting { name, limit, kills, seed } = *setting;
        let start = Instant::now();
        println!("scene {name}, seed {seed}");
        let home = Arc::new(Home::create(binaries, name, limit)?);
        let injector = Arc::new(Injector::new(kills, seed));
        let stage = Self { home, injector, seed, sessions: Mutex::default() };
        play(&stage).with_context(|| format!("could not play the scene `{name}`"))?;
        quiesce(&stage.home, &lock(&stage.sessions))?;
        let verdict = check(&stage.home.ledger.read()?);
        verdict.print(&stage.home);
        println!("        {:.1} s", start.elapsed().as_secs_f64());
        let folder = stage.home.folder.clone();
        drop(stage);
        if verdict.is_right(limit, kills) {
            remove(&folder)?;
        } else {
            println!("        everything is in {}", folder.display());
        }
        Ok(verdict)
    }

    /// Starts a session.
    pub(super) fn session(&self, name: &str, notices: Notices) -> Result<Arc<Session>> {
        self.session_in(name, notices, Vec::new())
    }

    /// Starts a session whose client runs inside of `wrapper`.
    pub(super) fn session_in(
        &self,
        name: &str,
        notices: Notices,
        wrapper: Vec<String>,
    ) -> Result<Arc<Session>> {
        let session = Session::start(&self.home, &self.injector, name, notices, wrapper)?;
        lock(&self.sessions).push(Arc::clone(&session));
        Ok(session)
    }

    /// Idles until every ended command was reported; reports a violation if that takes longer than `time`.
    pub(super) fn expect_told(&self, session: &Arc<Session>, time: Duration) -> Result<()> {
        self.expect(session, time, "reported without a prompt", |verdict| verdict.never.is_empty())
    }

    /// Idles until `count` commands are over.
    pub(super) fn expect_endings(
        &self,
        session: &Arc<Session>,
        count: usize,
        time: Duration,
    ) -> Result<()> {
        self.expect(session, time, "over", |verdict| verdict.endings >= count)
    }

    fn expect(
        &self,
        session: &Arc<Session>,
        time: Duration,
        what: &str,
        is_met: impl Fn(&Verdict) -> bool,
    ) -> Result<()> {
        let start = Instant::now();
        while !is_met(&check(&self.home.ledger.read()?)) {
            if start.elapsed() > time {
                let text = format!("not all commands were {what} within {} s", time.as_secs());
                return self.home.ledger.append(&Event::Violation { text });
            }
            session.idle(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// What a scene is played with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) name: &'a str,
    pub(super) limit: usize,
    pub(super) kills: Kills,
    pub(super) seed: u64,
}
