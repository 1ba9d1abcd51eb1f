//! The targets under libFuzzer, which looks for inputs that reach new code. `cargo xtask fuzz --guided` starts it.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use sisyphus_fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(init: {
    // libFuzzer has the command line.
    let name = std::env::var("SISYPHUS_FUZZ_TARGET").expect("`SISYPHUS_FUZZ_TARGET` names the target");
    TARGET.get_or_init(|| Target::named(&name).expect("a target"));
}, |bytes: &[u8]| {
    if let Some(target) = TARGET.get() {
        (target.run)(bytes);
    }
});
