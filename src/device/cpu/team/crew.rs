//! The threads behind a team: how work reaches them, how they wait, how they end.
//!
//! One training iteration is some hundred short operations, so a hand-over must cost about a
//! microsecond. Workers therefore watch an epoch counter for a while after each job, and only
//! then sleep on a condition variable; the caller waits for them in the same two steps. The
//! watching is bounded, so that idle teams leave the cores to others.
//!
//! Each thread has a part of the job. A caller that has done its own takes over the parts that no
//! worker has begun: where the cores are busy with something else, or a worker is slow to wake, the
//! work is not held up.
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

/// How long a thread watches before it sleeps: longer than the serial stretches between two
/// operations of an iteration, and a few times the cost of waking a sleeper.
const WATCH: Duration = Duration::from_micros(80);

/// Glances between two readings of the clock, which cost as much as several glances.
const GLANCES: usize = 16;

/// Worker threads that run one job at a time together with the calling thread.
pub(super) struct Crew {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
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

/// On cache lines of its own, because other threads poll it.
#[repr(align(128))]
struct Alone<T>(T);

struct Shared {
    /// Number of jobs handed out so far.
    epoch: Alone<AtomicUsize>,
    /// Parts of the current job that are not finished, the caller's own not counted.
    unfinished: Alone<AtomicUsize>,
    /// For each worker's part, the last epoch in which somebody began it.
    begun: Box<[Alone<AtomicUsize>]>,
    job: UnsafeCell<Job>,
    /// Sends the workers home.
    stop: AtomicBool,
    sleeping_workers: AtomicUsize,
    caller_sleeps: AtomicBool,
    door: Mutex<()>,
    new_job: Condvar,
    all_done: Condvar,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    watch: Duration,
}

// SAFETY: `job` is written by the caller only when every part of the last job is finished, before
// the epoch moves; it is read by a worker only between beginning and finishing a part. What it
// points to is `Sync`.
unsafe impl Sync for Shared {}
// SAFETY: as above; the pointer is used only between those two moments.
unsafe impl Send for Shared {}

impl Crew {
    /// A crew of `workers` threads besides the caller, or as many of them as the system starts.
    pub fn new(workers: usize) -> Self {
        Self::started_by(workers, |work| Builder::new().spawn(work))
    }

    fn started_by(
        workers: usize,
        mut start: impl FnMut(Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let watch = if workers < cores { WATCH } else { Duration::ZERO };
        let shared = Arc::new(Shared::new(workers, watch));
        let spawn = |thread: usize| {
            let shared = Arc::clone(&shared);
            let started = start(Box::new(move || shared.serve(thread)));
            let refused = |error: &io::Error| {
                warn!(%error, "the system starts {thread} of {} threads", workers + 1);
            };
            started.inspect_err(refused).ok()
        };
        let workers = (1..=workers).map_while(spawn).collect();
        Self { shared, workers, _not_sync: PhantomData }
    }

    /// Threads, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `work(thread)` once for each thread's number; parts that their threads are slow to
    /// begin are done by the caller. A panic is passed on when all parts have finished.
    pub fn run<F: Fn(usize) + Sync>(&self, work: F) {
        if self.workers.is_empty() {
            return work(0);
        }
        let epoch = self.shared.publish(Job::new(&work), self.workers.len());
        let mut result = catch_unwind(AssertUnwindSafe(|| work(0)));
        for thread in (1..self.threads()).filter(|&thread| self.shared.begin(thread, epoch)) {
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

impl Drop for Crew {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        self.shared.call_workers();
        for worker in self.workers.drain(..) {
            // A worker catches its jobs' panics, so there is nothing to learn from the result.
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn new(workers: usize, watch: Duration) -> Self {
        Self {
            epoch: Alone(AtomicUsize::new(0)),
            unfinished: Alone(AtomicUsize::new(0)),
            begun: (0..workers).map(|_| Alone(AtomicUsize::new(0))).collect(),
            job: UnsafeCell::new(Job::new(&|_| ())),
            stop: AtomicBool::new(false),
            sleeping_workers: AtomicUsize::new(0),
            caller_sleeps: AtomicBool::new(false),
            door: Mutex::new(()),
            new_job: Condvar::new(),
            all_done: Condvar::new(),
            panic: Mutex::new(None),
            watch,
        }
    }

    /// Hands out a job with a part for each of so many workers; returns its epoch.
    fn publish(&self, job: Job, workers: usize) -> usize {
        // SAFETY: every part of the last job is finished, and none of this one can be begun yet.
        unsafe { *self.job.get() = job };
        self.unfinished.0.store(workers, SeqCst);
        self.call_workers()
    }

    fn call_workers(&self) -> usize {
        let epoch = self.epoch.0.fetch_add(1, SeqCst) + 1;
        // A worker counts itself before its last look at the epoch: it sees the new one, or is
        // counted here.
        if self.sleeping_workers.load(SeqCst) > 0 {
            drop(lock(&self.door));
            self.new_job.notify_all();
        }
        epoch
    }

    /// Whether the part of `thread` was still to be begun, and now is. A worker that comes late,
    /// even epochs late, finds its part begun: all parts of past epochs are.
    fn begin(&self, thread: usize, epoch: usize) -> bool {
        self.begun[thread - 1].0.fetch_max(epoch, SeqCst) < epoch
    }

    fn serve(&self, thread: usize) {
        let mut epoch = 0;
        loop {
            epoch = self.wait_for_job(epoch);
            if self.stop.load(SeqCst) {
                return;
            }
            if self.begin(thread, epoch) {
                self.do_part(thread);
            }
        }
    }

    fn do_part(&self, thread: usize) {
        // SAFETY: the part is begun and not finished: the job stays, and its closure lives.
        let work = || unsafe {
            let Job { work, call } = *self.job.get();
            call(work, thread);
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            lock(&self.panic).get_or_insert(panic);
        }
        if self.unfinished.0.fetch_sub(1, SeqCst) == 1 && self.caller_sleeps.load(SeqCst) {
            drop(lock(&self.door));
            self.all_done.notify_one();
        }
    }

    /// Waits for the epoch to move on from `seen`; returns the new one.
    fn wait_for_job(&self, seen: usize) -> usize {
        let moved = || self.epoch.0.load(SeqCst) != seen;
        if !watch(self.watch, moved) {
            let mut door = lock(&self.door);
            self.sleeping_workers.fetch_add(1, SeqCst);
            while !moved() {
                door = self.new_job.wait(door).unwrap_or_else(PoisonError::into_inner);
            }
            self.sleeping_workers.fetch_sub(1, SeqCst);
        }
        self.epoch.0.load(SeqCst)
    }

    fn wait_for_workers(&self) {
        let done = || self.unfinished.0.load(SeqCst) == 0;
        if watch(self.watch, done) {
            return;
        }
        let mut door = lock(&self.door);
        self.caller_sleeps.store(true, SeqCst);
        while !done() {
            door = self.all_done.wait(door).unwrap_or_else(PoisonError::into_inner);
        }
        self.caller_sleeps.store(false, SeqCst);
    }
}

/// Watches for at most `time`; true when it has seen `happened`.
fn watch(time: Duration, happened: impl Fn() -> bool) -> bool {
    let glance = || {
        (0..GLANCES).any(|_| {
            std::hint::spin_loop();
            happened()
        })
    };
    if happened() || glance() {
        return true;
    }
    let start = Instant::now();
    while start.elapsed() < time {
        if glance() {
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
    fn threads_that_cannot_be_started_leave_their_work_to_the_others() {
        for most in [0, 1, 3] {
            let mut started = 0;
            let crew = Crew::started_by(5, |work| {
                started += 1;
                match started > most {
                    true => Err(io::ErrorKind::WouldBlock.into()),
                    false => Builder::new().spawn(work),
                }
            });
            assert_eq!(crew.threads(), most + 1);
            let done: [AtomicUsize; 4] = Default::default();
            for _ in 0..100 {
                crew.run(|thread| {
                    done[thread].fetch_add(1, SeqCst);
                });
            }
            let done = done.map(|count| count.load(SeqCst));
            assert_eq!(done.map(|count| count / 100), [0, 1, 2, 3].map(|t| usize::from(t <= most)));
        }
    }
}
