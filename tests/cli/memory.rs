//! Runs that no machine has the memory for.

use super::scratch::Scratch;

#[test]
fn too_large_a_batch_is_refused_with_the_largest_that_fits() {
    let scratch = Scratch::with_digits();
    let flags = "--preset mlp-rgb --dataset mnist --data-dir digits --image-size 256 \
                 --g-hidden 12 --d-hidden 12 --batch-size 1000000";
    for more in ["", "--dry-run"] {
        let error = scratch.run(&format!("train {flags} {more}"));
        let words = ["not enough memory on CPU", "TiB are needed", "are free"];
        let message = error.fails(1, &words);
        let (_, largest) = message.split_once("largest batch that fits has ").unwrap();
        let largest: u32 = largest.trim().parse().unwrap();
        assert!((1..1_000_000).contains(&largest), "{message}");
    }
    assert!(!scratch.path("runs").exists());
}

#[test]
fn largest_values_of_all_ranges_are_refused_for_the_memory_they_take() {
    let scratch = Scratch::with_digits();
    let most = ["1000000"; 64].join(",");
    for flags in [
        "--latent-dim 1000000 --g-hidden 1000000,1000000".to_owned(),
        format!("--g-hidden {most} --d-hidden {most} --latent-dim 1000000 --batch-size 1000000"),
    ] {
        let words = ["not enough memory", "not even the smallest batch fits"];
        scratch.run(&format!("train --data-dir digits {flags}")).fails(1, &words);
    }
    let shape = "--image-size 1024 --channels 3";
    scratch.run(&format!("train {shape}")).fails(1, &["1024×1024 rgb", "do not fit into memory"]);
    let bench = "bench --preset mlp-rgb --batch-size 1000000";
    scratch.run(bench).fails(1, &["not enough memory", "smaller batch"]);
    assert!(!scratch.path("runs").exists());
}
