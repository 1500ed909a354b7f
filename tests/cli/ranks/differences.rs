//! Ranks that do not fit together, and failures of one of them before the first iteration.

use std::fs::{self, OpenOptions};
use std::io::Write;

use super::super::cuda::without_nccl;
use super::super::scratch::{Answer, RUN, Scratch, TINY, program};
use super::{BOUND, Process, Ranks, failed, variables};

const FLAGS: &str = "--iterations 4";

/// Runs rank 0 with the first flags, rank 1 with the second.
fn pair(ranks: &Ranks<'_>, flags: [&str; 2]) -> [Answer; 2] {
    let [first, second] = flags.map(|flags| format!("{FLAGS} {flags}"));
    let second = ranks.start(1, &second);
    [ranks.start(0, &first).finish(), second.finish()]
}

/// A row: what is different, flags, exit codes and words of both ranks.
type Row<'a> = ([&'a str; 2], [i32; 2], [&'a str; 2]);

const ROWS: [Row<'_>; 9] = [
    (
        ["", "--lr 0.5"],
        [1, 1],
        ["rank 1 failed: gan.lr differs", "gan.lr differs from that of rank 0; start all ranks"],
    ),
    (
        ["", "--iterations 5"],
        [1, 1],
        ["rank 1 failed: iterations differs", "iterations differs from that of rank 0"],
    ),
    (
        ["--gemm own", ""],
        [1, 1],
        ["rank 1 failed: gemm differs", "gemm differs from that of rank 0"],
    ),
    (["--device cuda:1", "--device cuda:1"], [2, 2], ["is cuda:1, but the local rank says"; 2]),
    (
        ["", "--resume"],
        [1, 2],
        ["rank 1 failed: --resume is not given to rank 0", "--resume is not given to rank 0"],
    ),
    (
        ["", "--data-dir others"],
        [1, 1],
        ["the images of rank 1 are not those of rank 0", "rank 0 failed: the images of rank 1"],
    ),
    (
        ["--device cpu", "--device cpu"],
        [2, 2],
        ["--device is cpu, but several ranks need a GPU each"; 2],
    ),
    (["--local-rank 3", "--local-rank 3"], [1, 1], ["both on CUDA device 3"; 2]),
    (["--seeds 0-1", "--seeds 0-1"], [2, 2], ["--seeds and --sweep train several runs"; 2]),
];

#[test]
fn ranks_with_other_arguments_all_end_with_the_reason() {
    let scratch = Scratch::with_digits();
    let Some(ranks) = Ranks::new(&scratch, 2) else { return };
    fs::create_dir(scratch.path("others")).unwrap();
    for file in fs::read_dir(scratch.path("digits")).unwrap() {
        let name = file.unwrap().file_name();
        let mut bytes = fs::read(scratch.path("digits").join(&name)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(scratch.path("others").join(&name), bytes).unwrap();
    }
    for (flags, codes, words) in ROWS {
        let answers = pair(&ranks, flags).into_iter().zip(codes).zip(words);
        for (rank, ((answer, code), words)) in answers.enumerate() {
            failed(rank, answer, code, &[words]);
        }
        assert!(!scratch.path("runs").exists(), "{flags:?}");
    }
}

#[test]
fn a_run_that_rank_0_alone_resumes_stays_unchanged() {
    let scratch = Scratch::with_digits();
    let Some(ranks) = Ranks::new(&scratch, 2) else { return };
    ranks.train(FLAGS);
    let before = scratch.files("runs");
    let [first, second] = pair(&ranks, ["--iterations 6 --resume", ""]);
    let problem = "--resume is missing here, but rank 0 has it; start all ranks with the same";
    failed(0, first, 1, &["rank 0: rank 1 failed: ", problem]);
    failed(1, second, 2, &[problem]);
    assert!(scratch.files("runs") == before, "the run was touched");
}

#[test]
fn other_numbers_of_ranks_and_other_programs_are_refused() {
    let scratch = Scratch::with_digits();
    let Some(ranks) = Ranks::new(&scratch, 2) else { return };
    let three = Ranks { scratch: &scratch, size: 3, ..ranks };
    let second = three.start(1, FLAGS);
    let sizes = "rank 1 counts 3 ranks, rank 0 counts 2";
    failed(0, ranks.start(0, FLAGS).finish(), 1, &[sizes]);
    failed(1, second.finish(), 1, &[sizes]);

    let other = scratch.path("other-build");
    fs::copy(program(), &other).unwrap();
    OpenOptions::new().append(true).open(&other).unwrap().write_all(&[0]).unwrap();
    let command = ranks.command(1, &format!("train {TINY} {FLAGS}"));
    let mut copied = scratch.prepared(&other);
    copied.args(command.get_args());
    let second = Process::start(copied);
    let words = [
        concat!("rank 1 is gan-cuda ", env!("CARGO_PKG_VERSION"), ", build "),
        concat!(", rank 0 is ", env!("CARGO_PKG_VERSION"), ", build "),
    ];
    failed(0, ranks.start(0, FLAGS).finish(), 1, &words);
    failed(1, second.finish(), 1, &words);
    assert!(!scratch.path("runs").exists());
}

#[test]
fn all_ranks_end_if_one_has_no_nccl() {
    let scratch = Scratch::with_digits();
    let Some(ranks) = Ranks::new(&scratch, 2) else { return };
    let folder = without_nccl(&scratch).unwrap();
    let start = |rank: usize, lacks: bool| {
        let mut command = ranks.command(rank, &format!("train {TINY} {FLAGS}"));
        if lacks {
            command.env("GAN_CUDA_LIB_DIR", &folder);
        }
        Process::start(command)
    };
    for lacks in [[true, true], [true, false], [false, true]] {
        let all = [0, 1].map(|rank| start(rank, lacks[rank]));
        let missing = format!("NCCL not found (searched: {})", folder.display());
        for (rank, process) in all.into_iter().enumerate() {
            let (answer, _) = process.finish_within(BOUND / 2);
            failed(rank, answer, 1, &[&missing]);
        }
    }
    assert!(!scratch.path("runs").exists());
}

#[test]
fn all_ranks_end_if_rank_0_cannot_write_its_run() {
    let scratch = Scratch::with_digits();
    let Some(ranks) = Ranks::new(&scratch, 2) else { return };
    scratch.put("file", "");
    let [first, second] = pair(&ranks, ["--runs-dir file/runs"; 2]);
    failed(0, first, 1, &["rank 0: cannot ", "file/runs"]);
    failed(1, second, 1, &["rank 1: rank 0 failed: cannot ", "file/runs"]);

    // A checkpoint does not fit on a full disk.
    let flags = "--checkpoint-interval 5 --iterations 1000 --no-tensorboard";
    let second = ranks.start(1, flags);
    let inner = ranks.command(0, &format!("train {TINY} {flags}"));
    let mut limited = scratch.prepared("sh");
    limited.args(["-c", "ulimit -f 40; trap '' XFSZ; exec \"$@\"", "sh"]);
    limited.arg(inner.get_program()).args(inner.get_args()).envs(variables(&inner));
    let first = Process::start(limited).finish();
    let words = ["training ended after iteration 5; it has no checkpoint yet", "too large"];
    failed(0, first, 1, &words);
    failed(1, second.finish(), 1, &[&["rank 0 failed: "], &words[..]].concat());
    assert_eq!(scratch.checkpoints(RUN), [""; 0]);
}
