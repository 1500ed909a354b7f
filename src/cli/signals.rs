//! Signals that stop a run after it has saved a checkpoint. A second Ctrl-C or SIGTERM ends the
//! process at once.
//!
//! Users and shells send SIGINT and SIGTERM, a closing terminal sends SIGHUP, and batch systems
//! send the others shortly before the time limit of a job. Terminals and batch systems may send
//! their signals more than once, so only a repeated SIGINT or SIGTERM ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::cli::error::{Error, Result};
#[cfg(unix)]
use signal_hook::consts::{SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The signals with the names that messages use.
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

/// The signals received so far.
#[derive(Default)]
pub struct Signals {
    /// Whether any signal was received.
    pub received: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
    /// Whether a Ctrl-C or SIGTERM was received.
    interrupted: Arc<AtomicBool>,
}

impl Signals {
    /// Installs the handlers, which stay until the process ends. Ignored signals stay ignored:
    /// `nohup` ignores SIGHUP, and the shell of a script ignores SIGINT for background processes.
    pub fn listen(&self) -> Result<()> {
        let numbers = SIGNALS.iter().map(|&(signal, _)| signal);
        for signal in numbers.filter(|&signal| !is_ignored(signal)) {
            self.listen_to(signal).map_err(|source| Error::Signals { source })?;
        }
        // Without this handler, writing beyond `ulimit -f` would end the process; with it the write
        // returns an error, as on a full disk.
        #[cfg(unix)]
        flag::register(SIGXFSZ, Arc::default()).map_err(|source| Error::Signals { source })?;
        Ok(())
    }

    /// Handlers run in the order of their registration: the conditional shutdown checks the flag
    /// before it is set, so only a second signal ends the process.
    fn listen_to(&self, signal: i32) -> std::io::Result<()> {
        if [SIGINT, SIGTERM].contains(&signal) {
            flag::register_conditional_shutdown(
                signal,
                128 + signal,
                Arc::clone(&self.interrupted),
            )?;
            flag::register(signal, Arc::clone(&self.interrupted))?;
        }
        flag::register_usize(signal, Arc::clone(&self.number), signal as usize)?;
        flag::register(signal, Arc::clone(&self.received))?;
        Ok(())
    }

    /// The number of the last signal; 0 if there was none.
    pub fn number(&self) -> u8 {
        self.number.load(Ordering::SeqCst) as u8
    }

    /// Makes a signal that another rank has received the last one, unless this one has its own.
    pub fn adopt(&self, number: u8) {
        let (none, number) = (0, usize::from(number));
        let _ = self.number.compare_exchange(none, number, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// The name of the last signal and its exit code, e.g. 130 or 143.
    pub fn last(&self) -> (&'static str, u8) {
        let number = self.number.load(Ordering::SeqCst) as i32;
        let name = SIGNALS.iter().find(|&&(signal, _)| signal == number).map(|&(_, name)| name);
        (name.unwrap_or("a signal"), (128 + number) as u8)
    }
}

/// Whether this process was started with a signal ignored.
#[cfg(unix)]
#[allow(unsafe_code)]
fn is_ignored(signal: i32) -> bool {
    // SAFETY: all zeros are a valid `sigaction`.
    let mut action = unsafe { std::mem::zeroed::<libc::sigaction>() };
    // SAFETY: without a new action, the current one is written to a `sigaction`.
    let status = unsafe { libc::sigaction(signal, std::ptr::null(), &mut action) };
    status == 0 && action.sa_sigaction == libc::SIG_IGN
}

#[cfg(not(unix))]
fn is_ignored(_: i32) -> bool {
    false
}
