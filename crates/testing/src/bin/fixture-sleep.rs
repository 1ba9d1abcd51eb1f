//! Sleeps: `fixture-sleep SECONDS`.

use std::time::Duration;

#[expect(clippy::disallowed_methods, reason = "to sleep is what it is for")]
fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3600.0);
    std::thread::sleep(Duration::from_secs_f64(seconds));
}
