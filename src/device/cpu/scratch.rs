//! Scratch memory of a thread pool.
#![allow(unsafe_code)]
use std::marker::PhantomData;

/// One cache line, for its alignment.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[allow(dead_code)] [f32; 16]);

/// Scratch memory with a part for each thread. It only ever grows, so that repeated shapes allocate
/// nothing.
#[derive(Default)]
pub(super) struct Scratch {
    lines: Vec<Line>,
}

/// The threads' parts of a [`Scratch`].
pub(super) struct Parts<'a> {
    shared: *mut f32,
    first: *mut f32,
    floats: usize,
    _scratch: PhantomData<&'a mut Scratch>,
}

// SAFETY: each thread uses its own part, and they write disjoint elements of the shared memory.
unsafe impl Sync for Parts<'_> {}

impl Scratch {
    /// A part of `floats` floats, of unspecified value, for each of `threads` threads.
    pub(super) fn parts(&mut self, floats: usize, threads: usize) -> Parts<'_> {
        self.shared_and_parts(0, floats, threads)
    }

    /// The same, with `shared` floats that all of them share.
    pub(super) fn shared_and_parts(
        &mut self,
        shared: usize,
        floats: usize,
        threads: usize,
    ) -> Parts<'_> {
        let [shared, lines] = [shared, floats].map(|floats| floats.div_ceil(16));
        if self.lines.len() < shared + lines * threads {
            self.lines = vec![Line([0.0; 16]); shared + lines * threads];
        }
        let shared_at: *mut f32 = self.lines.as_mut_ptr().cast();
        let first = shared_at.wrapping_add(shared * 16);
        Parts { shared: shared_at, first, floats: lines * 16, _scratch: PhantomData }
    }
}

impl Parts<'_> {
    /// The memory that all threads share.
    pub fn shared(&self) -> *mut f32 {
        self.shared
    }

    /// The part of one thread.
    pub fn of(&self, thread: usize) -> *mut f32 {
        self.first.wrapping_add(thread * self.floats)
    }
}
