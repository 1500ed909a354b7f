//! `gan-cuda train` on several ranks: real processes, each with an emulated GPU, on one machine.

mod agree;
mod differences;
mod killed;
mod launchers;
mod memory;
mod missing;
mod resume;
mod signals;

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use std::{net, process};

use gan_cuda::formats::stats::read_stats;

use super::cuda::emulator;
use super::scratch::{Answer, Scratch, TINY};

/// The time in which a rank must end by itself once another one is lost, and any rank at all.
const BOUND: Duration = Duration::from_secs(20);
const AT_LAST: Duration = Duration::from_secs(120);

/// What the ranks of a run have in common.
struct Ranks<'a> {
    scratch: &'a Scratch,
    size: usize,
    port: u16,
    libraries: &'static Path,
}

impl<'a> Ranks<'a> {
    /// Ranks that work in the folder of `scratch`; none, with a printed note, without the emulator.
    fn new(scratch: &'a Scratch, size: usize) -> Option<Self> {
        Some(Self { scratch, size, port: free_port(), libraries: emulator()? })
    }

    /// The program with these arguments on emulated GPUs, without a word about ranks.
    fn program(&self, arguments: &str) -> Command {
        let mut command = self.scratch.command(arguments);
        command.env("GAN_CUDA_LIB_DIR", self.libraries).env("GAN_CUDA_EMULATOR_DEVICES", "8");
        command
    }

    /// The program as one rank.
    fn command(&self, rank: usize, arguments: &str) -> Command {
        let Self { size, port, .. } = self;
        let place = format!("--rank {rank} --world-size {size} --master-port {port}");
        self.program(&format!("{arguments} {place}"))
    }

    /// Starts one rank with [`TINY`] and these arguments.
    fn start(&self, rank: usize, arguments: &str) -> Process {
        Process::start(self.command(rank, &format!("train {TINY} {arguments}")))
    }

    /// Starts all ranks with [`TINY`] and these arguments.
    fn start_all(&self, arguments: &str) -> Vec<Process> {
        (0..self.size).map(|rank| self.start(rank, arguments)).collect()
    }

    /// Runs all ranks with [`TINY`] and these arguments, and succeeds; see [`led`].
    #[track_caller]
    fn train(&self, arguments: &str) -> String {
        led(self.start_all(arguments))
    }

    /// The same without [`TINY`], for any command.
    #[track_caller]
    fn run(&self, arguments: &str) -> String {
        let start = |rank| Process::start(self.command(rank, arguments));
        led((0..self.size).map(start).collect())
    }
}

/// Two ports that nobody uses, of which this is the first: torchrun listens itself, and the ranks
/// at the next one. They are below those of outgoing connections and of jobs, so that nobody takes
/// them meanwhile; tests in other processes begin their search elsewhere.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = process::id() % 97 * 100;
    loop {
        let next = u32::from(NEXT.fetch_add(2, Ordering::Relaxed));
        let port = 10_000 + ((begin + next) % 9_700) as u16;
        let is_free = |port| net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free(port) && is_free(port + 1) {
            return port;
        }
    }
}

/// The variables of a command.
fn variables(command: &Command) -> impl Iterator<Item = (&OsStr, &OsStr)> {
    command.get_envs().filter_map(|(name, value)| Some((name, value?)))
}

/// A started rank, which does not outlive its test.
struct Process {
    command: String,
    child: Option<Child>,
}

impl Process {
    fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: Some(command.spawn().unwrap()), command: format!("{command:?}") }
    }

    fn child(&mut self) -> &mut Child {
        self.child.as_mut().unwrap()
    }

    fn runs(&mut self) -> bool {
        self.child().try_wait().unwrap().is_none()
    }

    fn send(&mut self, signal: &str) {
        super::stop::send(self.child(), signal);
    }

    /// Its answer once it has ended, and how long that took.
    #[track_caller]
    fn finish_within(mut self, limit: Duration) -> (Answer, Duration) {
        let begin = Instant::now();
        while self.runs() {
            assert!(begin.elapsed() < limit, "still running after {limit:?}: {}", self.command);
            std::thread::sleep(Duration::from_millis(2));
        }
        let took = begin.elapsed();
        let output = self.child.take().unwrap().wait_with_output().unwrap();
        (Answer::of(self.command.clone(), output), took)
    }

    #[track_caller]
    fn finish(self) -> Answer {
        self.finish_within(AT_LAST).0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What rank 0 printed, the first of these, when all have succeeded. The others must print nothing.
#[track_caller]
fn led(ranks: Vec<Process>) -> String {
    let mut answers = ranks.into_iter().map(Process::finish);
    let out = answers.next().unwrap().succeeds();
    answers.for_each(|answer| assert_eq!(answer.succeeds(), ""));
    out
}

/// Asserts that a rank failed with this code and these words; returns its error, without warnings and
/// what the emulator prints.
#[track_caller]
fn failed(rank: usize, mut answer: Answer, code: i32, words: &[&str]) -> String {
    let other = |line: &&str| !["warning: ", "emulated CUDA: "].iter().any(|w| line.starts_with(w));
    answer.err = answer.err.lines().filter(other).collect::<Vec<_>>().join("\n");
    assert!(answer.err.starts_with(&format!("error: rank {rank}: ")), "{answer:#?}");
    answer.fails(code, words)
}

/// The losses of a run, and what else is measured at every iteration.
fn losses(scratch: &Scratch, run: &str) -> Vec<(u64, [f32; 5])> {
    let stats = read_stats(&scratch.path(run).join("stats.jsonl")).unwrap();
    let numbers = stats.losses.iter().map(|entry| {
        let penalty = entry.penalty.unwrap_or(0.0);
        (entry.iteration, [entry.d_loss, entry.g_loss, penalty, entry.d_real, entry.d_fake])
    });
    numbers.collect()
}

/// Asserts that a run with other ranks has the same losses. The sums of the ranks are rounded
/// elsewhere, by about 1e-7 of the losses, which grows within ten iterations.
#[track_caller]
fn assert_same_losses(got: &[(u64, [f32; 5])], want: &[(u64, [f32; 5])], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for ((iteration, got), (same, want)) in got.iter().zip(want) {
        let close = |(got, want): (&f32, &f32)| (got - want).abs() <= 1e-5 + 1e-5 * want.abs();
        let all = got.iter().zip(want).all(close);
        assert!(all && iteration == same, "{what}, iteration {iteration}: {got:?}, {want:?}");
    }
}

/// The bits of both networks after an iteration.
fn networks(scratch: &Scratch, run: &str, iteration: u64) -> [Vec<u8>; 2] {
    ["generator", "discriminator"]
        .map(|role| scratch.bytes(&format!("{run}/checkpoint-{iteration:06}/{role}.safetensors")))
}
