//! Signals that ask a run to end: it saves, and ends. A second Ctrl-C or SIGTERM ends the process at
//! once.
//!
//! They are those of people and shells, of a terminal that goes away, and of batch systems before a
//! job's time is over. Of these, terminals and batch systems send some more than once, so only the
//! first two are taken for impatience.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::cli::error::{Error, Result};
#[cfg(unix)]
use signal_hook::consts::{SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The signals, and what people call them.
const SIGNALS: &[(i32, &str)] = &[
    (SIGINT, "Ctrl-C"),
    (SIGTERM, "SIGTERM"),
    #[cfg(unix)]
    (SIGHUP, "SIGHUP"),
    #[cfg(unix)]
    (SIGUSR1, "SIGUSR1"),
    #[cfg(unix)]
    (SIGUSR2, "SIGUSR2"),
    #[cfg(unix)]
    (SIGXCPU, "SIGXCPU"),
];

/// What was heard since somebody listens.
pub struct Signals {
    /// Whether there was one.
    pub heard: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
    /// Whether there was a Ctrl-C or SIGTERM.
    asked: Arc<AtomicBool>,
}

impl Signals {
    /// Listens from now on, to the process's end. What is ignored stays so: `nohup` is asked to
    /// keep a hang-up away, and a script's shell keeps Ctrl-C from what it runs in the background.
    pub fn listen() -> Result<Signals> {
        let signals =
            Signals { heard: Arc::default(), number: Arc::default(), asked: Arc::default() };
        let numbers = SIGNALS.iter().map(|&(signal, _)| signal);
        for signal in numbers.filter(|&signal| !is_ignored(signal)) {
            signals.listen_to(signal).map_err(|source| Error::Signals { source })?;
        }
        // A file that grows beyond `ulimit -f` is then an error of its own, as on a full disk.
        #[cfg(unix)]
        flag::register(SIGXFSZ, Arc::default()).map_err(|source| Error::Signals { source })?;
        Ok(signals)
    }

    /// Handlers run in the order of their registration: the flag that is set behind the question for
    /// it is what makes the first one end the process next time.
    fn listen_to(&self, signal: i32) -> std::io::Result<()> {
        if [SIGINT, SIGTERM].contains(&signal) {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&self.asked))?;
            flag::register(signal, Arc::clone(&self.asked))?;
        }
        flag::register_usize(signal, Arc::clone(&self.number), signal as usize)?;
        flag::register(signal, Arc::clone(&self.heard))?;
        Ok(())
    }

    /// The last signal's name, and the exit code of a process that it ended: 130, 143.
    pub fn last(&self) -> (&'static str, ExitCode) {
        let number = self.number.load(Ordering::SeqCst) as i32;
        let name = SIGNALS.iter().find(|&&(signal, _)| signal == number).map(|&(_, name)| name);
        (name.unwrap_or("a signal"), ExitCode::from((128 + number) as u8))
    }
}

/// Whether whoever started this process told it to ignore a signal.
#[cfg(unix)]
#[allow(unsafe_code)]
fn is_ignored(signal: i32) -> bool {
    // SAFETY: a `sigaction` of zeros is one.
    let mut action = unsafe { std::mem::zeroed::<libc::sigaction>() };
    // SAFETY: with no new action, the present one is written to a place of its type.
    let status = unsafe { libc::sigaction(signal, std::ptr::null(), &mut action) };
    status == 0 && action.sa_sigaction == libc::SIG_IGN
}

#[cfg(not(unix))]
fn is_ignored(_: i32) -> bool {
    false
}
