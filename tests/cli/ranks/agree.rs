//! Any number of ranks trains alike.

use std::fs;

use super::super::scratch::{RUN, SECOND, Scratch, TINY, has};
use super::{Process, Ranks, assert_same_losses, losses, networks};

/// Presets for runs of ten iterations on 40 images.
const PRESETS: [&str; 8] = [
    "cgan",
    // The last batch of an epoch has one image, fewer than there are ranks.
    "cgan --batch-size 13",
    "cgan-ema --augment flip",
    "mlp-dropout",
    "mlp-batchnorm",
    "wgan-gp",
    "cgan --r1 1 --n-critic 2",
    "dcgan --g-hidden 4,4 --d-hidden 4,4",
];

/// The flags of a short run of a preset, unless it has them already.
fn short(preset: &str) -> String {
    let missing = [("--batch-size", "16"), ("--g-hidden", "12,12"), ("--d-hidden", "12,12")];
    let missing = missing.iter().filter(|(flag, _)| !preset.contains(flag));
    let missing: String = missing.map(|(flag, value)| format!(" {flag} {value}")).collect();
    format!(
        "train --preset {preset}{missing} --data-dir digits --threads 1 --device cuda \
         --iterations 10 --log-interval 1"
    )
}

/// The losses of a run by any number of ranks. The last bias of a critic has no gradient but the
/// rounding of a difference of equal numbers, which Adam scales to steps of some size. What it adds to
/// all outputs cancels out in the critic's own loss only.
fn comparable(scratch: &Scratch, run: &str, preset: &str) -> Vec<(u64, [f32; 5])> {
    let mut losses = losses(scratch, run);
    if preset.starts_with("wgan") {
        losses.iter_mut().for_each(|(_, [_, g_loss, _, rest @ ..])| {
            *g_loss = 0.0;
            *rest = [0.0; 2];
        });
    }
    losses
}

/// Trains a preset with this number of ranks, in a folder of runs of its own; returns its run.
fn train(scratch: &Scratch, size: usize, preset: &str, number: usize) -> Option<String> {
    let ranks = Ranks::new(scratch, size)?;
    let runs = format!("runs-{number}-{size}");
    ranks.run(&format!("{} --runs-dir {runs} --name a", short(preset)));
    Some(format!("{runs}/00000-a"))
}

#[test]
fn one_two_and_four_ranks_have_the_same_losses() {
    let scratch = Scratch::with_digits();
    for (number, preset) in PRESETS.iter().enumerate() {
        let Some(alone) = train(&scratch, 1, preset, number) else { return };
        let alone = comparable(&scratch, &alone, preset);
        assert_eq!(alone.len(), 10);
        for size in [2, 4] {
            let run = train(&scratch, size, preset, number).unwrap();
            assert_same_losses(
                &comparable(&scratch, &run, preset),
                &alone,
                &format!("{size} × {preset}"),
            );
        }
    }
}

#[test]
fn one_rank_is_like_no_rank() {
    let scratch = Scratch::with_digits();
    let Some(ranks) = Ranks::new(&scratch, 1) else { return };
    let out = ranks.train("--iterations 4");
    assert!(!out.contains("ranks"), "{out}");
    let none = ranks.program(&format!("train {TINY} --iterations 4"));
    Process::start(none).finish().succeeds();
    assert!(networks(&scratch, RUN, 4) == networks(&scratch, SECOND, 4), "other bits");
}

#[test]
fn rank_0_alone_prints_and_writes_and_the_same_ranks_give_the_same_bits() {
    let scratch = Scratch::with_digits();
    let Some(ranks) = Ranks::new(&scratch, 2) else { return };
    let flags =
        "--iterations 7 --sample-interval 3 --checkpoint-interval epoch --log-interval 2 -v";
    // The other rank works in another folder, where it leaves nothing.
    let other = Scratch::with_digits();
    let elsewhere = Ranks { scratch: &other, ..ranks };
    let second = elsewhere.start(1, flags);
    let out = ranks.start(0, flags).finish().succeeds();
    assert_eq!(second.finish().succeeds(), "");
    let address = format!("127.0.0.1:{}", ranks.port);
    has(&out, &["device    Emulated CUDA device (cuda:0)", "done: 7 iterations"]);
    has(&out, &["ranks     2, started by flags; this is rank 0, local rank 0", &address]);
    has(&out, &["000006.png", "checkpoint-000007"]);
    assert_eq!(
        scratch.checkpoints(RUN),
        ["000003", "000006", "000007"].map(|n| format!("checkpoint-{n}"))
    );
    assert_eq!(scratch.logged(RUN), [2, 4, 6, 7]);
    assert_eq!(scratch.names(&format!("{RUN}/samples")).len(), 4);
    let left = fs::read_dir(other.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["digits"]);

    ranks.train(flags);
    assert!(networks(&scratch, RUN, 7) == networks(&scratch, SECOND, 7), "other bits");
    assert_eq!(losses(&scratch, RUN), losses(&scratch, SECOND));
    assert!(
        scratch.bytes(&format!("{RUN}/samples/000006.png"))
            == scratch.bytes(&format!("{SECOND}/samples/000006.png"))
    );
    has(&ranks.train("--iterations 2 --dry-run"), &["dry run: nothing was written"]);
    assert!(!scratch.path("runs/00002-cgan-mnist").exists());
}

#[test]
fn batch_norm_of_each_rank_is_a_choice() {
    let scratch = Scratch::with_digits();
    let flags = "--preset mlp-batchnorm --iterations 4 --log-interval 1 --name a";
    let Some(ranks) = Ranks::new(&scratch, 2) else { return };
    ranks.train(flags);
    ranks.train(&format!("{flags} --local-batch-norm"));
    let [whole, own] = ["runs/00000-a", "runs/00001-a"].map(|run| losses(&scratch, run));
    assert!(whole != own, "the flag has no effect");
}
