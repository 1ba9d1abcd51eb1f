//! Takes the place of Claude Code in a delegated session: it answers with its prompt, but not to the prompt `sleep`.

use std::io::{Read as _, Write as _};
use std::time::Duration;

/// How long it sleeps: longer than a test waits for its end.
const SLEEP: Duration = Duration::from_secs(60);

#[expect(
    clippy::disallowed_methods,
    reason = "the runner reads the answer there, and to sleep is a task"
)]
fn main() -> std::io::Result<()> {
    let mut prompt = String::new();
    std::io::stdin().read_to_string(&mut prompt)?;
    if prompt.trim() == "sleep" {
        std::thread::sleep(SLEEP);
    }
    let answer = serde_json::json!({
        "type": "result", "subtype": "success", "is_error": false, "result": prompt,
    });
    writeln!(std::io::stdout(), "{answer}")
}
