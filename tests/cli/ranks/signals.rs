//! Signals to all ranks or to one of them.

use super::super::scratch::{RUN, Scratch, has};
use super::super::stop::{ENDLESS, newest, wait_for};
use super::{Process, Ranks};

#[test]
fn a_signal_to_any_rank_stops_all_after_one_checkpoint() {
    for (signal, to, name, code) in [
        ("-TERM", &[0, 1, 2][..], "SIGTERM", 143),
        ("-TERM", &[1], "SIGTERM", 143),
        ("-INT", &[0], "Ctrl-C", 130),
        ("-USR1", &[2], "SIGUSR1", 128 + libc::SIGUSR1),
    ] {
        let scratch = Scratch::with_digits();
        let Some(ranks) = Ranks::new(&scratch, 3) else { return };
        let mut all = ranks.start_all(ENDLESS);
        wait_for("the run to begin", || {
            assert!(all.iter_mut().all(Process::runs), "the run ended by itself");
            scratch.path(RUN).join("samples/000000.png").exists()
        });
        to.iter().for_each(|&rank| all[rank].send(signal));
        let mut answers = all.into_iter().map(Process::finish);
        let out = answers.next().unwrap().ends_with(code);
        answers.for_each(|answer| assert_eq!(answer.ends_with(code), ""));
        let done = newest(&scratch);
        let stopped = format!("{name}: stopped after iteration {done}; to resume: gan-cuda train");
        has(out.lines().last().unwrap(), &[&stopped]);
        assert_eq!(scratch.checkpoints(RUN), [format!("checkpoint-{done:06}")]);
        let end = done + 2;
        let resumed = ranks.run(&format!("train --resume --iterations {end}"));
        has(&resumed, &[&format!("from iteration {done}"), &format!("done: {end} iterations")]);
    }
}
