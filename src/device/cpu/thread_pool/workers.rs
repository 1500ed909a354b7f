//! The worker threads of a pool: dispatch, waiting, shutdown.
//!
//! A training iteration is about a hundred short operations, so dispatching one must take about a
//! microsecond. Therefore workers spin on a generation counter for a while after each job before
//! they sleep on a condition variable; the caller waits for them in the same two steps. Spinning is
//! bounded, so that idle pools leave the cores to others.
//!
//! Each thread has a part of the job. A caller that has finished its own part takes over the parts
//! that no worker has claimed, so that busy cores or workers slow to wake do not delay the job.
#![allow(unsafe_code)]
use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::io;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use tracing::warn;

/// How long a thread spins before it sleeps: longer than the serial sections between two operations
/// of an iteration, and a few times the cost of waking a thread.
const SPIN_TIME: Duration = Duration::from_micros(80);

/// Polls between two readings of the clock, which cost as much as several polls.
const SPINS_PER_CLOCK_READ: usize = 16;

/// Worker threads that run one job at a time together with the calling thread.
pub(super) struct Workers {
    shared: Arc<Shared>,
    handles: Vec<JoinHandle<()>>,
    /// Only one thread at a time may hand out jobs: `Send`, but not `Sync`.
    _not_sync: PhantomData<Cell<()>>,
}

/// A borrowed `Fn(usize)` without its type and lifetime.
#[derive(Clone, Copy)]
struct Job {
    work: *const (),
    call: unsafe fn(*const (), usize),
}

impl Job {
    fn new<F: Fn(usize) + Sync>(work: &F) -> Self {
        /// # Safety
        /// `work` points to a live `F`.
        unsafe fn call<F: Fn(usize)>(work: *const (), thread: usize) {
            // SAFETY: the caller's promise.
            unsafe { (*work.cast::<F>())(thread) }
        }
        Self { work: std::ptr::from_ref(work).cast(), call: call::<F> }
    }
}

/// Padded to cache lines of its own, to avoid false sharing.
#[repr(align(128))]
struct CachePadded<T>(T);

struct Shared {
    /// Number of jobs published so far.
    generation: CachePadded<AtomicUsize>,
    /// Unfinished parts of the current job, not counting the caller's own.
    unfinished: CachePadded<AtomicUsize>,
    /// For each worker's part, the last generation in which it was claimed.
    claimed: Box<[CachePadded<AtomicUsize>]>,
    job: UnsafeCell<Job>,
    /// Tells the workers to exit.
    stop: AtomicBool,
    sleeping_workers: AtomicUsize,
    caller_is_sleeping: AtomicBool,
    sleep_lock: Mutex<()>,
    new_job: Condvar,
    all_done: Condvar,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    spin_time: Duration,
}

// SAFETY: `job` is written by the caller only when every part of the last job is finished, before
// the generation changes; it is read by a worker only between claiming and finishing a part. It
// points to a `Sync` closure.
unsafe impl Sync for Shared {}
// SAFETY: as above; the pointer is used only between those two moments.
unsafe impl Send for Shared {}

impl Workers {
    /// Starts `workers` threads besides the caller, or as many of them as the system allows.
    pub fn new(workers: usize) -> Self {
        Self::started_by(workers, |work| Builder::new().spawn(work))
    }

    fn started_by(
        workers: usize,
        mut start: impl FnMut(Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let spin_time = if workers < cores { SPIN_TIME } else { Duration::ZERO };
        let shared = Arc::new(Shared::new(workers, spin_time));
        let spawn = |thread: usize| {
            let shared = Arc::clone(&shared);
            let started = start(Box::new(move || shared.worker_loop(thread)));
            let refused = |error: &io::Error| {
                warn!(%error, "only {thread} of {} threads could be started", workers + 1);
            };
            started.inspect_err(refused).ok()
        };
        let handles = (1..=workers).map_while(spawn).collect();
        Self { shared, handles, _not_sync: PhantomData }
    }

    /// Number of threads, including the caller.
    pub fn threads(&self) -> usize {
        self.handles.len() + 1
    }

    /// Calls `work(thread)` once for each thread index; parts that no worker has claimed are run by
    /// the caller. A panic is propagated after all parts have finished.
    pub fn run<F: Fn(usize) + Sync>(&self, work: F) {
        if self.handles.is_empty() {
            return work(0);
        }
        let generation = self.shared.publish(Job::new(&work), self.handles.len());
        let mut result = catch_unwind(AssertUnwindSafe(|| work(0)));
        for thread in (1..self.threads()).filter(|&thread| self.shared.claim(thread, generation)) {
            result = result.and(catch_unwind(AssertUnwindSafe(|| work(thread))));
            self.shared.unfinished.0.fetch_sub(1, SeqCst);
        }
        self.shared.wait_for_workers();
        let theirs = lock(&self.shared.panic).take();
        if let Some(panic) = result.err().or(theirs) {
            resume_unwind(panic);
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        self.shared.wake_workers();
        for worker in self.handles.drain(..) {
            // A worker catches its jobs' panics, so there is nothing to learn from the result.
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn new(workers: usize, spin_time: Duration) -> Self {
        Self {
            generation: CachePadded(AtomicUsize::new(0)),
            unfinished: CachePadded(AtomicUsize::new(0)),
            claimed: (0..workers).map(|_| CachePadded(AtomicUsize::new(0))).collect(),
            job: UnsafeCell::new(Job::new(&|_| ())),
            stop: AtomicBool::new(false),
            sleeping_workers: AtomicUsize::new(0),
            caller_is_sleeping: AtomicBool::new(false),
            sleep_lock: Mutex::new(()),
            new_job: Condvar::new(),
            all_done: Condvar::new(),
            panic: Mutex::new(None),
            spin_time,
        }
    }

    /// Publishes a job with a part for each of `workers` workers; returns its generation.
    fn publish(&self, job: Job, workers: usize) -> usize {
        // SAFETY: every part of the last job is finished, and no part of this one can be claimed yet.
        unsafe { *self.job.get() = job };
        self.unfinished.0.store(workers, SeqCst);
        self.wake_workers()
    }

    fn wake_workers(&self) -> usize {
        let generation = self.generation.0.fetch_add(1, SeqCst) + 1;
        // A worker counts itself as sleeping before it checks the generation for the last time: it
        // sees the new one, or is counted here.
        if self.sleeping_workers.load(SeqCst) > 0 {
            drop(lock(&self.sleep_lock));
            self.new_job.notify_all();
        }
        generation
    }

    /// Claims the part of `thread`; false if it was claimed before. A late worker, even generations
    /// late, finds its part claimed: all parts of past generations are.
    fn claim(&self, thread: usize, generation: usize) -> bool {
        self.claimed[thread - 1].0.fetch_max(generation, SeqCst) < generation
    }

    fn worker_loop(&self, thread: usize) {
        let mut generation = 0;
        loop {
            generation = self.wait_for_job(generation);
            if self.stop.load(SeqCst) {
                return;
            }
            if self.claim(thread, generation) {
                self.run_part(thread);
            }
        }
    }

    fn run_part(&self, thread: usize) {
        // SAFETY: the part is claimed and not finished, so the job and its closure are alive.
        let work = || unsafe {
            let Job { work, call } = *self.job.get();
            call(work, thread);
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            lock(&self.panic).get_or_insert(panic);
        }
        if self.unfinished.0.fetch_sub(1, SeqCst) == 1 && self.caller_is_sleeping.load(SeqCst) {
            drop(lock(&self.sleep_lock));
            self.all_done.notify_one();
        }
    }

    /// Waits until the generation differs from `seen`; returns the new one.
    fn wait_for_job(&self, seen: usize) -> usize {
        let moved = || self.generation.0.load(SeqCst) != seen;
        if !spin(self.spin_time, moved) {
            let mut sleep_lock = lock(&self.sleep_lock);
            self.sleeping_workers.fetch_add(1, SeqCst);
            while !moved() {
                sleep_lock = self.new_job.wait(sleep_lock).unwrap_or_else(PoisonError::into_inner);
            }
            self.sleeping_workers.fetch_sub(1, SeqCst);
        }
        self.generation.0.load(SeqCst)
    }

    fn wait_for_workers(&self) {
        let done = || self.unfinished.0.load(SeqCst) == 0;
        if spin(self.spin_time, done) {
            return;
        }
        let mut sleep_lock = lock(&self.sleep_lock);
        self.caller_is_sleeping.store(true, SeqCst);
        while !done() {
            sleep_lock = self.all_done.wait(sleep_lock).unwrap_or_else(PoisonError::into_inner);
        }
        self.caller_is_sleeping.store(false, SeqCst);
    }
}

/// Spins for at most `time`; returns true as soon as `condition` holds.
fn spin(time: Duration, condition: impl Fn() -> bool) -> bool {
    let poll = || {
        (0..SPINS_PER_CLOCK_READ).any(|_| {
            std::hint::spin_loop();
            condition()
        })
    };
    if condition() || poll() {
        return true;
    }
    let start = Instant::now();
    while start.elapsed() < time {
        if poll() {
            return true;
        }
    }
    false
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_threads_do_the_work_of_those_that_could_not_be_started() {
        for most in [0, 1, 3] {
            let mut started = 0;
            let workers = Workers::started_by(5, |work| {
                started += 1;
                match started > most {
                    true => Err(io::ErrorKind::WouldBlock.into()),
                    false => Builder::new().spawn(work),
                }
            });
            assert_eq!(workers.threads(), most + 1);
            let done: [AtomicUsize; 4] = Default::default();
            for _ in 0..100 {
                workers.run(|thread| {
                    done[thread].fetch_add(1, SeqCst);
                });
            }
            let done = done.map(|count| count.load(SeqCst));
            assert_eq!(done.map(|count| count / 100), [0, 1, 2, 3].map(|t| usize::from(t <= most)));
        }
    }
}
