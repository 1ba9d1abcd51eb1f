//! An inbox that can't be written to, beside a state that can.

use std::fs;

use sisyphus_testing::TestEnv;

use crate::session::Session;
use crate::start::{log, told};

/// No event repeats a result because its acknowledgement could not be posted.
#[test]
fn an_unwritable_inbox_repeats_nothing() {
    for first in ["user-prompt-submit.typed", "stop.idle", "session-start.resume"] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.owe(1, None, 60);
        // Root ignores modes. No user can create anything in a file.
        fs::write(env.state().join("inbox"), "").unwrap();
        let later = ["user-prompt-submit.typed", "post-tool-use.bash-foreground", "stop.idle"];
        let names = [first].into_iter().chain(later.into_iter().cycle().take(6));
        let said: Vec<String> =
            names.map(|name| told(&session.send(&session.event(name)))).collect();
        let reports = said.iter().filter(|said| said.contains("Background task t1")).count();
        assert_eq!(reports, 1, "{first}: {said:#?}");
        // The resume posts an event of its own, which it can't.
        let is_logged = log(&env).contains("acknowledgement");
        assert!(!is_logged, "{first}: {}", log(&env));
    }
}
