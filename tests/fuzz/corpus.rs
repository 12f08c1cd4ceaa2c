//! Gives every target the committed corpus, and changes of it: without libFuzzer, so that each test run does it.
//!
//! `FUZZ_CHANGES` says how many changed inputs each target gets, `FUZZ_SEED` which.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use fastrand::Rng;
use fuzz::{TARGETS, Target};

/// Time that no single input may take, some thousand times what the slowest one does.
const LIMIT: Duration = Duration::from_secs(20);

/// No changed input is longer.
const LONGEST: usize = 64 * 1024;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Gives the target one input after the other, each under a limit of time; what breaks it is kept in a file.
fn run(name: &str, target: Target, inputs: impl FnMut() -> Option<Vec<u8>>) -> u64 {
    let (give, given) = mpsc::channel::<Vec<u8>>();
    let (say, said) = mpsc::channel::<()>();
    let worker = std::thread::spawn(move || {
        for input in given {
            target(&input);
            say.send(()).unwrap();
        }
    });
    let mut count = 0;
    for input in std::iter::from_fn(inputs) {
        give.send(input.clone()).unwrap();
        let result = match said.recv_timeout(LIMIT) {
            Ok(()) => ControlFlow::Continue(()),
            Err(RecvTimeoutError::Timeout) => ControlFlow::Break(format!("takes more than {} s", LIMIT.as_secs())),
            Err(RecvTimeoutError::Disconnected) => ControlFlow::Break("broke it".into()),
        };
        if let ControlFlow::Break(what) = result {
            let file = std::env::temp_dir().join(format!("fuzz-{name}-{}", std::process::id()));
            std::fs::write(&file, &input).unwrap();
            panic!(
                "{name}: the input in {} {what}; mend it and add the file to the corpus",
                file.display()
            );
        }
        count += 1;
    }
    drop(give);
    worker.join().unwrap();
    count
}

/// One to four changes of an input: bytes set, bits flipped, parts cut, repeated, taken from another input.
fn changed(inputs: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut bytes = inputs[random.usize(..inputs.len())].clone();
    for _ in 0..random.usize(1..5) {
        let length = bytes.len();
        let (from, to) = (random.usize(..=length), random.usize(..=length));
        let (from, to) = (from.min(to), from.max(to));
        match random.u8(..7) {
            0 | 1 if from < length => bytes[from] = random.u8(..),
            2 | 3 if from < length => bytes[from] ^= 1 << random.u8(..8),
            4 => drop(bytes.drain(from..to.min(from + 16))),
            5 => {
                let part = bytes[from..to].to_vec();
                bytes.splice(from..from, part);
            }
            _ => {
                let other = &inputs[random.usize(..inputs.len())];
                let start = random.usize(..=other.len());
                let end = other.len().min(start + random.usize(..64));
                bytes.splice(from..to.min(from + 64), other[start..end].iter().copied());
            }
        }
        bytes.truncate(LONGEST);
    }
    bytes
}

#[test]
fn every_input_of_the_corpus_and_changes_of_it_break_nothing() {
    let (changes, seed) = (setting("FUZZ_CHANGES", 3000), setting("FUZZ_SEED", 14));
    for (name, target) in TARGETS {
        let begun = std::time::Instant::now();
        let inputs = corpus(name);
        assert!(inputs.len() >= 5, "the corpus of {name} has {} inputs", inputs.len());
        let mut committed = inputs.iter().cloned();
        run(name, target, || committed.next());
        let (mut random, mut left) = (Rng::with_seed(seed), changes);
        let given = run(name, target, || {
            left = left.checked_sub(1)?;
            Some(changed(&inputs, &mut random))
        });
        assert_eq!(given, changes, "{name} did not get them all");
        println!(
            "{name}: {given} changes of {} inputs in {} ms",
            inputs.len(),
            begun.elapsed().as_millis()
        );
    }
}
