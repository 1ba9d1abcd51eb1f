//! `sisyphus-fuzz TARGET SECONDS SEED FOLDER`: changes inputs at random for this many seconds. It stops at the first
//! input that makes the target panic, and puts that into the folder.

#![expect(clippy::print_stdout, reason = "a tool of the build talks to a person")]

use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, fs, panic, path};

use sisyphus_fuzz::{Mutator, Target, seeds};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let [name, seconds, seed, folder] = words.as_slice() else { return ExitCode::from(2) };
    let (Some(target), Ok(seconds), Ok(seed)) =
        (Target::named(name), seconds.parse(), seed.parse())
    else {
        return ExitCode::from(2);
    };
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut mutator = Mutator::new(seed, seeds(target));
    let mut count: u64 = 0;
    while Instant::now() < end {
        let input = mutator.input();
        if panic::catch_unwind(|| (target.run)(&input)).is_err() {
            let path = path::Path::new(folder).join(format!("{name}-{seed}-{count}"));
            println!("panicked on: {} ({:?})", path.display(), fs::write(&path, &input));
            return ExitCode::FAILURE;
        }
        count += 1;
    }
    println!("{name}: {count} inputs in {seconds} s");
    ExitCode::SUCCESS
}
