//! Captures, and what must not happen during one, exclude each other.
//!
//! Creating or destroying a cuBLAS handle waits for the whole device, and loading a kernel may do so,
//! which is [invalid](https://docs.nvidia.com/cuda/cuda-programming-guide/) while any stream of the device
//! is captured, by any thread: the capture would be lost. Captures are rare and short, so threads wait.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::{self, ThreadId};

/// The thread whose turn it is.
static HOLDER: Mutex<Option<ThreadId>> = Mutex::new(None);
static ENDED: Condvar = Condvar::new();

/// A turn, until it is dropped. Unlike the guard of a mutex it may be dropped by another thread.
pub(super) struct Exclusive {
    /// Whether the thread had no turn already.
    outermost: bool,
}

impl Exclusive {
    /// Waits for a turn. A thread that has one gets another at once: if it panics during a capture, it
    /// destroys handles.
    pub(super) fn wait() -> Self {
        let own = thread::current().id();
        let holder = HOLDER.lock().unwrap_or_else(PoisonError::into_inner);
        let is_taken = |holder: &mut Option<ThreadId>| holder.is_some_and(|holder| holder != own);
        let mut holder = ENDED.wait_while(holder, is_taken).unwrap_or_else(PoisonError::into_inner);
        Self { outermost: holder.replace(own).is_none() }
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        if self.outermost {
            *HOLDER.lock().unwrap_or_else(PoisonError::into_inner) = None;
            ENDED.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_turn_ends_before_the_next_begins_but_a_thread_can_have_two() {
        let turn = Exclusive::wait();
        drop(Exclusive::wait());
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let _turn = Exclusive::wait();
                assert!(ended.load(Ordering::SeqCst), "two turns at once");
            });
            thread::sleep(Duration::from_millis(20));
            ended.store(true, Ordering::SeqCst);
            drop(turn);
        });
        drop(Exclusive::wait());
    }
}
