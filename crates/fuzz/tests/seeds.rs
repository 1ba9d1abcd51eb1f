//! Every seed is borne: what was recorded, and what once found something.

use sisyphus_fuzz::{Mutator, TARGETS, seeds};

#[test]
fn every_seed_is_borne() {
    for target in TARGETS {
        let seeds = seeds(target);
        assert!(seeds.len() > 2, "{} has {} seeds", target.name, seeds.len());
        for seed in seeds {
            println!("{} {:?}", target.name, String::from_utf8_lossy(&seed));
            (target.run)(&seed);
        }
    }
}

#[test]
fn some_changed_ones_are_borne() {
    for target in TARGETS {
        let mut mutator = Mutator::new(1, seeds(target));
        for _ in 0..50 {
            let input = mutator.input();
            println!("{} {:?}", target.name, String::from_utf8_lossy(&input));
            (target.run)(&input);
        }
    }
}
