//! Ctrl-C and SIGTERM: the first asks a run to end, the second ends the process.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::cli::error::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// What was heard since somebody listens.
pub struct Signals {
    /// Whether there was one.
    pub heard: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
}

impl Signals {
    /// Listens from now on, to the process's end.
    pub fn listen() -> Result<Signals> {
        let signals = Signals { heard: Arc::default(), number: Arc::default() };
        for signal in [SIGINT, SIGTERM] {
            signals.listen_to(signal).map_err(|source| Error::Signals { source })?;
        }
        Ok(signals)
    }

    /// Handlers run in the order of their registration: the flag that is set last is what makes
    /// the first one end the process next time.
    fn listen_to(&self, signal: i32) -> std::io::Result<()> {
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&self.heard))?;
        flag::register_usize(signal, Arc::clone(&self.number), signal as usize)?;
        flag::register(signal, Arc::clone(&self.heard))?;
        Ok(())
    }

    /// The signal's name and the exit code of a process that it ended: 130 or 143.
    pub fn last(&self) -> (&'static str, ExitCode) {
        match self.number.load(Ordering::SeqCst) as i32 {
            SIGTERM => ("SIGTERM", ExitCode::from(128 + SIGTERM as u8)),
            _ => ("Ctrl-C", ExitCode::from(128 + SIGINT as u8)),
        }
    }
}
