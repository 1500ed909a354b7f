//! Ranks that launchers start: real ones, and what Slurm tells its tasks.

use std::env;
use std::io::{ErrorKind, Write, stderr};
use std::process::{self, Command};

use super::super::scratch::{Answer, RUN, Scratch, TINY, has};
use super::{Process, Ranks, led, variables};

const FLAGS: &str = "--iterations 4";

/// Runs a launcher with these arguments, which start some ranks; `None`, with a printed note, if
/// there is no such launcher.
fn launched(ranks: &Ranks<'_>, launcher: &str, arguments: &str) -> Option<Answer> {
    let inner = ranks.program(&format!("train {TINY} {FLAGS}"));
    let mut command = ranks.scratch.prepared(launcher);
    command.args(arguments.split_whitespace()).arg(inner.get_program()).args(inner.get_args());
    command.envs(variables(&inner));
    if let Err(error) = Command::new(launcher).arg("--version").output()
        && error.kind() == ErrorKind::NotFound
    {
        // Not with eprintln!, whose output the test harness captures.
        let _ = writeln!(stderr(), "skipped: no {launcher}");
        return None;
    }
    Some(Process::start(command).finish())
}

/// Asserts that so many ranks have trained one run.
#[track_caller]
fn trained(scratch: &Scratch, out: &str, (launcher, ranks): (&str, usize), address: &str) {
    // A launcher may give its processes a terminal, on which lines are wrapped.
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = format!(
        "ranks {ranks}, started by {launcher}; this is rank 0, local rank 0, and {address}"
    );
    has(&out, &[&line, "done: 4 iterations"]);
    assert_eq!(out.matches("started by").count(), 1, "more than one rank prints: {out}");
    assert_eq!(scratch.checkpoints("runs"), ["00000-cgan-mnist/checkpoint-000004"]);
    assert_eq!(scratch.logged(RUN), [4]);
}

#[test]
fn torchrun_starts_ranks() {
    let scratch = Scratch::with_digits();
    let Some(ranks) = Ranks::new(&scratch, 2) else { return };
    let torchrun = env::var("GAN_CUDA_TORCHRUN").unwrap_or_else(|_| "torchrun".to_owned());
    let port = ranks.port;
    let arguments =
        format!("--no-python --nproc-per-node 4 --master-addr 127.0.0.1 --master-port {port}");
    let Some(answer) = launched(&ranks, &torchrun, &arguments) else { return };
    // Where it listens itself, the ranks cannot.
    let address = format!("listens at 127.0.0.1:{}", port + 1);
    trained(&scratch, &answer.out, ("torchrun", 4), &address);
    assert_eq!(answer.code(), Some(0), "{answer:?}");
}

#[test]
fn mpirun_starts_ranks() {
    let scratch = Scratch::with_digits();
    let Some(ranks) = Ranks::new(&scratch, 2) else { return };
    let arguments = "--allow-run-as-root --oversubscribe -np 2";
    let Some(answer) = launched(&ranks, "mpirun", arguments) else { return };
    trained(&scratch, &answer.out, ("Open MPI", 2), "listens at 127.0.0.1:2");
    assert_eq!(answer.code(), Some(0), "{answer:?}");
}

#[test]
fn slurm_tells_its_tasks_their_ranks() {
    let scratch = Scratch::with_digits();
    let Some(ranks) = Ranks::new(&scratch, 2) else { return };
    let job = process::id().to_string();
    let task = |number: &str| {
        let mut command = ranks.program(&format!("train {TINY} {FLAGS}"));
        command.envs([
            ("SLURM_PROCID", number),
            ("SLURM_LOCALID", number),
            ("SLURM_NTASKS", "2"),
            ("SLURM_STEP_NODELIST", "localhost"),
            ("SLURM_JOB_ID", &job),
        ]);
        Process::start(command)
    };
    let out = led(["0", "1"].map(task).into());
    trained(&scratch, &out, ("Slurm", 2), "listens at localhost:2");
}

#[test]
fn wrong_variables_and_flags_are_refused_by_name() {
    let scratch = Scratch::with_digits();
    let refused = |variables: &[(&str, &str)], flags: &str, words: &[&str]| {
        let mut command = scratch.command(&format!("train {TINY} {FLAGS} {flags}"));
        command.envs(variables.iter().copied());
        Process::start(command).finish().fails(2, words);
    };
    let torchrun = [("RANK", "x"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "0")];
    refused(&torchrun, "", &["RANK is \"x\", which is not a whole number"]);
    let beyond = [("RANK", "2"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "0")];
    refused(&beyond, "", &["RANK is 2, which is not below the number of ranks, 2"]);
    refused(&[("RANK", "0")], "", &["WORLD_SIZE is not set", "torchrun", "--world-size"]);
    refused(&torchrun, "--rank 1", &["MASTER_ADDR is not set", "--master-addr"]);
    let mpirun = [("OMPI_COMM_WORLD_RANK", "0"), ("OMPI_COMM_WORLD_SIZE", "-2")];
    refused(&mpirun, "", &["OMPI_COMM_WORLD_SIZE is \"-2\""]);
    refused(&[], "--rank 1", &["--world-size is missing"]);
    assert!(!scratch.path("runs").exists());
}
