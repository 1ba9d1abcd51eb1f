//! The user presses Esc while another hook of a prompt runs, and goes on with another prompt. Claude Code writes nothing of the
//! first one.

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use super::{REPORT, added, event, types};
use crate::payload::with;
use crate::session::Session;
use crate::start::{log, told};

/// The transcript at the end of the turn, given the report, and whether the result is repeated.
type Row<'a> = (&'a dyn Fn(&str) -> Vec<Value>, bool);

/// The user typed again at once. At the end of the turn the transcript has the second prompt alone.
#[test]
fn the_end_of_the_turn_finds_the_later_prompt() {
    let typed = |content: Value| json!({ "type": "user", "timestamp": chrono::Utc::now(), "message": { "content": content } });
    let meta = |content: Value| with(typed(content), "/isMeta", true);
    let answer = json!([{ "type": "tool_result", "content": "done" }]);
    let cases: [Row<'_>; 4] = [
        (&|_| vec![typed(json!("go on"))], true),
        (&|report| vec![added(report), typed(json!("go on"))], false),
        // Neither is a prompt.
        (&|_| vec![typed(answer.clone())], false),
        (&|_| vec![meta(json!("<local-command-stdout></local-command-stdout>"))], false),
    ];
    for (number, (entries, is_repeated)) in cases.iter().enumerate() {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.owe(1, None, 60);
        let first = types(&session, "");
        assert!(first.contains(REPORT), "{first}");
        assert_eq!(types(&session, ""), "", "its other hooks may still run");
        let transcript: String = entries(&first).iter().map(|entry| format!("{entry}\n")).collect();
        session.time_goes_by();
        let mut said = told(&session.send(&event(&session, "stop.idle", &transcript)));
        session.time_goes_by();
        said += &types(&session, &transcript);
        assert_eq!(said.contains("(possibly repeated)"), *is_repeated, "{number}: {said}");
        assert_eq!(log(&env), "");
    }
}
