//! `sisyphus-fuzz TARGET SECONDS SEED FOLDER`: changes inputs by chance until the time is up, or one is not borne; that
//! one is put into the folder.

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
            println!("not borne: {} ({:?})", path.display(), fs::write(&path, &input));
            return ExitCode::FAILURE;
        }
        count += 1;
    }
    println!("{name}: {count} inputs in {seconds} s");
    ExitCode::SUCCESS
}
