//! Every numeric flag has a range, and an error that states it.

use super::scratch::Scratch;

const EXTENT: &str = "a whole number from 1 to 1,000,000";
const ITERATIONS: &str = "a whole number from 1 to 4,294,967,295";
const FRACTION: &str = "a number from 0 to below 1";
const POSITIVE_FRACTION: &str = "a number above 0 and at most 1";
const PERIOD: &str = "a whole number from 1 to 1,000";
const PENALTY: &str = "a number from 0 to 1,000,000";
const EPSILON: &str = "a number from 1e-12 to 1,000";

/// Flag, range, a number below the range and one above it.
const TRAIN: [(&str, &str, &str, &str); 38] = [
    ("--seed", "a whole number from 0 to 9,223,372,036,854,775,807", "-1", "9223372036854775808"),
    ("--image-size", "a whole number from 1 to 1,024", "0", "1025"),
    ("--rank", "a whole number from 0 to 9,999", "-1", "10000"),
    ("--world-size", "a whole number from 1 to 10,000", "0", "10001"),
    ("--local-rank", "a whole number from 0 to 9,999", "-1", "10000"),
    ("--master-port", "a whole number from 1 to 65,535", "0", "65536"),
    ("--join-timeout", "a whole number from 1 to 86,400", "0", "86401"),
    ("--channels", "1 (grey) or 3 (colour)", "0", "4"),
    ("--epochs", EXTENT, "0", "1000001"),
    ("--iterations", ITERATIONS, "0", "4294967296"),
    ("--threads", "a whole number from 1 to 1,024", "0", "1025"),
    ("--batch-size", EXTENT, "0", "1000001"),
    ("--lr", EPSILON, "0", "1001"),
    ("--lr-g", EPSILON, "0", "1001"),
    ("--lr-d", EPSILON, "-1", "1001"),
    ("--real-label", POSITIVE_FRACTION, "0", "1.01"),
    ("--n-critic", PERIOD, "0", "1001"),
    ("--r1", PENALTY, "-0.1", "1e7"),
    ("--r2", PENALTY, "-0.1", "1e7"),
    ("--gp", PENALTY, "-0.1", "1e7"),
    ("--penalty-interval", PERIOD, "0", "1001"),
    ("--ema", FRACTION, "-0.1", "1"),
    ("--pack", "a whole number from 1 to 16", "0", "17"),
    ("--b1", FRACTION, "-0.1", "1"),
    ("--b2", FRACTION, "-1e-9", "1.5"),
    ("--latent-dim", EXTENT, "0", "1000001"),
    ("--g-hidden", EXTENT, "0", "1000001"),
    ("--d-hidden", EXTENT, "-3", "1000001"),
    ("--d-loss-scale", "a number from 1e-6 to 1,000,000", "0", "1e7"),
    ("--leaky-slope", POSITIVE_FRACTION, "0", "1.01"),
    ("--dropout", FRACTION, "-0.5", "1"),
    ("--bn-eps", EPSILON, "0", "1001"),
    ("--bn-momentum", POSITIVE_FRACTION, "0", "1.01"),
    ("--sample-interval", ITERATIONS, "0", "4294967296"),
    ("--log-interval", ITERATIONS, "0", "4294967296"),
    ("--checkpoint-interval", ITERATIONS, "0", "4294967296"),
    ("--keep", EXTENT, "0", "1000001"),
    ("--evaluate-interval", ITERATIONS, "0", "4294967296"),
];

const BENCH: [(&str, &str, &str, &str); 7] = [
    ("--iterations", EXTENT, "0", "1000001"),
    ("--warmup", "a whole number from 0 to 1,000,000", "-1", "1000001"),
    ("--batch-size", EXTENT, "0", "1000001"),
    ("--latent-dim", EXTENT, "0", "1000001"),
    ("--g-hidden", EXTENT, "0", "1000001"),
    ("--d-hidden", EXTENT, "-3", "1000001"),
    ("--threads", "a whole number from 1 to 1,024", "0", "1025"),
];

/// Flags that take keywords, an invalid keyword, and part of the error message.
const WORDS: [(&str, &str, &str); 15] = [
    ("--seeds", "x", "0-7 or 1,5,8-9"),
    ("--sweep", "lr", "lr=1e-4,2e-4"),
    ("--dataset", "cifar", "mnist, fashion-mnist"),
    ("--device", "tpu", "'auto', 'cpu', 'cuda' or 'cuda:N'"),
    ("--precision", "f16", "f32, tf32, bf16"),
    ("--gemm", "fast", "cublas, own"),
    ("--conv", "fft", "direct, winograd"),
    ("--latent", "cauchy", "normal, uniform"),
    ("--loss", "guess", "bce-logits, bce, mse, hinge, wgan, relativistic"),
    ("--lr-decay", "fast", "none, linear, cosine"),
    ("--augment", "blur", "flip, translate, cutout, colour"),
    ("--order", "both", "d-first, g-first"),
    ("--fakes", "stale", "same, fresh"),
    ("--keep-best", "loss", "fcd, kid"),
    ("--init", "normal:-1", "normal:STD"),
];

/// Flags that take names or paths, and flags without a value.
const OTHERS: &str = "--preset --config --dry-run --data-dir --skip-bad-images --no-graph \
    --init-generator --init-discriminator --d-final-relu --spectral-norm --local-batch-norm --master-addr --runs-dir --name --tensorboard \
    --no-tensorboard --resume --branch --force --quiet --verbose --json";

#[test]
fn every_number_out_of_range_is_refused_with_flag_value_and_range() {
    let scratch = Scratch::new();
    let train = TRAIN.map(|row| ("train", row));
    for (command, (flag, range, below, above)) in
        train.into_iter().chain(BENCH.map(|row| ("bench", row)))
    {
        for value in [below, above, "x", "nan", "inf", "-inf", "1e999", "", " "] {
            let typed = [command.to_owned(), format!("{flag}={value}")];
            let words = [flag, &format!("'{value}'"), range];
            scratch.run_words(&typed).fails(2, &words);
        }
        // A negative number as a separate argument is not taken for a flag.
        let words = [flag, "'-1'", range];
        scratch.run(&format!("{command} {flag} -1")).fails(2, &words);
    }
    assert_eq!(scratch.names("."), Vec::<String>::new());
}

#[test]
fn every_unknown_keyword_is_refused_with_the_valid_ones() {
    let scratch = Scratch::new();
    for (flag, word, known) in WORDS {
        scratch.run(&format!("train {flag}={word}")).fails(2, &[flag, word, known]);
        scratch.run(&format!("train {flag}=")).fails(2, &[flag, known]);
    }
}

#[test]
fn every_flag_is_in_a_table() {
    let scratch = Scratch::new();
    let numbers = TRAIN.iter().chain(&BENCH).map(|row| row.0);
    let known: Vec<_> = numbers.chain(WORDS.map(|row| row.0)).chain(OTHERS.split(' ')).collect();
    for command in ["train", "bench"] {
        let flags = scratch.flags(command);
        assert!(flags.len() > 7, "{flags:?}");
        for flag in flags {
            assert!(known.contains(&flag.as_str()), "{flag} of {command} is in no table");
        }
    }
}

#[test]
fn invalid_lists_are_refused() {
    let scratch = Scratch::with_digits();
    let layers = ["8"; 65].join(",");
    let words = ["--g-hidden", "65 widths", "from 1 to 64"];
    scratch.run(&format!("train --g-hidden {layers}")).fails(2, &words);
    let words = ["--init", "1000001", "above 0 and at most 1,000,000"];
    scratch.run("train --init normal:1000001").fails(2, &words);
    scratch.run("train --g-hidden 8,,8").fails(2, &["--g-hidden", "''", EXTENT]);
    assert!(!scratch.path("runs").exists());
}
