//! `sisyphus notify`: how notifications reach the user, and whether that works.

use anyhow::Result;
use chrono::Utc;
use clap::Args as ClapArgs;
use serde_json::json;
use sisyphus_base::environment::{Environment, Terminal};
use sisyphus_base::id::SessionId;
use sisyphus_base::paths::{StateDir, client_config_dir};
use sisyphus_settings::{Settings, Switch};
use sisyphus_state::notify::{Line, sequence};

use crate::notification_route::{Question, Route};
use crate::print::{self, Verdict};
use crate::project::project_dir;

#[derive(Debug, ClapArgs)]
pub(crate) struct Notify {
    /// Show a test notification.
    #[arg(long)]
    test: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the route, after a test notification if one was asked for.
pub(crate) fn notify(options: &Notify) -> Result<Verdict> {
    let environment = Environment::read();
    let state = StateDir::locate(&environment)?;
    let question = if options.test { Question::Test } else { Question::Probe };
    let route = match (question, Route::find(question, &state, &environment)) {
        (Question::Test, Route::Terminal(terminal, why)) => show(terminal, why)?,
        (Question::Test | Question::Probe, route) => route,
    };
    let message = match question {
        Question::Probe => route.sentence(),
        Question::Test => route.shown(),
    };
    let settings = Settings::read_in(&client_config_dir(&environment)?, project_dir().as_deref());
    let is_on = settings.notifications == Switch::On;
    if options.json {
        print::json(json!({ "route": route.word_in_json(), "message": message, "on": is_on }))?;
    } else {
        print::out(&format!("{}: {message}\n", route.word()))?;
        if !is_on {
            print::out(
                "`sisyphus.background_notifications` is false here: notifications are off\n",
            )?;
        }
    }
    Ok(if matches!(route, Route::Nowhere(_)) { Verdict::Bad } else { Verdict::Good })
}

/// Shows the test notification, if standard error is a terminal.
fn show(terminal: Terminal, why: String) -> Result<Route> {
    if !print::is_error_to_terminal() {
        return Ok(Route::Nowhere(why));
    }
    let line = Line {
        session: SessionId::new("test")?,
        title: "Sisyphus".to_owned(),
        body: "this is a test".to_owned(),
        at: Utc::now(),
    };
    print::draw(&sequence(&[line], terminal).unwrap_or_default());
    Ok(Route::Terminal(terminal, why))
}
