//! Dot products of every point of one set with every point of another, tile by tile.
//!
//! Threads take blocks of rows. Each thread has its own single-threaded CPU device, so that a tile
//! is in its cache when it is read. The blocks depend on the sizes only, and their results are
//! returned in order: bitwise the same for any number of threads.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;

use super::{Coordinate, Points};
use crate::device::cpu::Cpu;
use crate::device::ops::{Activation, Linear, LinearShape};

/// Rows of a tile: the block size of the matrix multiplication.
const ROWS: usize = 256;
/// Columns of a tile: its dot products, 1 MiB, fit into the L2 cache.
const COLUMNS: usize = 1024;
/// Maximum coordinates in the rows, or in the columns, of a tile; but there are at least 16 points.
const MAX_COORDINATES: usize = 1 << 20;

/// Dot products x·y of points x (rows) with points y (columns).
pub struct Tile<'a> {
    /// Indices of the points of the rows.
    pub rows: Range<usize>,
    /// Indices of the points of the columns.
    pub columns: Range<usize>,
    products: &'a [f32],
}

impl Tile<'_> {
    /// The dot products of point `i` of the rows; `i` is its index among all points.
    pub fn row(&self, i: usize) -> &[f32] {
        let width = self.columns.len();
        &self.products[(i - self.rows.start) * width..][..width]
    }
}

/// For each block of rows, creates a state with `begin` and calls `add` for each of its tiles from
/// left to right. Returns the states in order. The points of `a` are the rows, those of `b` the
/// columns.
pub fn fold<T: Coordinate, S: Send>(
    (a, b): (Points<'_, T>, Points<'_, T>),
    threads: usize,
    begin: impl Fn(Range<usize>) -> S + Sync,
    add: impl Fn(&mut S, Tile<'_>) + Sync,
) -> Vec<S> {
    assert_eq!(a.dimensions(), b.dimensions(), "points of different dimensions");
    let max_points = (MAX_COORDINATES / a.dimensions()).max(16);
    map(a.len(), ROWS.min(max_points), threads, || {
        let mut multiplier = Multiplier::new();
        let (begin, add) = (&begin, &add);
        move |rows: Range<usize>| {
            let mut state = begin(rows.clone());
            for columns in blocks(b.len(), COLUMNS.min(max_points)) {
                let [x, y] = [a.rows(rows.clone()), b.rows(columns.clone())];
                let products = multiplier.dot_products(x, y, a.dimensions());
                add(&mut state, Tile { rows: rows.clone(), columns, products });
            }
            state
        }
    })
}

/// Applies a function to each block and returns the results in order. `worker` creates the function
/// for each thread.
fn map<S: Send, W: FnMut(Range<usize>) -> S>(
    length: usize,
    block: usize,
    threads: usize,
    worker: impl Fn() -> W + Sync,
) -> Vec<S> {
    let blocks: Vec<_> = blocks(length, block).collect();
    let next = AtomicUsize::new(0);
    let (sender, done) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, blocks.len().max(1)) {
            let sender = sender.clone();
            scope.spawn(|| {
                let (sender, mut work) = (sender, worker());
                while let Some((i, block)) = take(&blocks, &next) {
                    // The receiver outlives all threads.
                    let _ = sender.send((i, work(block)));
                }
            });
        }
    });
    drop(sender);
    let mut done: Vec<_> = done.into_iter().collect();
    done.sort_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, state)| state).collect()
}

/// The next block that no thread has taken, and its index.
fn take(blocks: &[Range<usize>], next: &AtomicUsize) -> Option<(usize, Range<usize>)> {
    let i = next.fetch_add(1, Relaxed);
    blocks.get(i).map(|block| (i, block.clone()))
}

/// Divides `0..length` into blocks.
fn blocks(length: usize, block: usize) -> impl Iterator<Item = Range<usize>> {
    (0..length).step_by(block).map(move |start| start..length.min(start + block))
}

/// A thread's CPU device and its buffers.
struct Multiplier {
    cpu: Cpu<f32>,
    left: Vec<f32>,
    right: Vec<f32>,
    products: Vec<f32>,
}

impl Multiplier {
    fn new() -> Self {
        Self { cpu: Cpu::new(1), left: Vec::new(), right: Vec::new(), products: Vec::new() }
    }

    fn dot_products<T: Coordinate>(&mut self, a: &[T], b: &[T], dimensions: usize) -> &[f32] {
        let [rows, outputs] = [a, b].map(|points| points.len() / dimensions);
        let shape = LinearShape { rows, inputs: dimensions, outputs };
        let (a, b) = (T::to_f32(a, &mut self.left), T::to_f32(b, &mut self.right));
        self.products.resize(rows * outputs, 0.0);
        let c = &mut self.products;
        self.cpu.linear_forward(c, a, b, None, None, shape, Activation::Identity, 0);
        &self.products
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_visited_once_and_in_order() {
        let a: Vec<f32> = (0..2 * 700).map(|i| (i % 37) as f32).collect();
        let b: Vec<f32> = (0..2 * 2500).map(|i| (i % 41) as f32).collect();
        let (a, b) = (Points::new(&a, 2), Points::new(&b, 2));
        for threads in 1..4 {
            let rows = fold(
                (a, b),
                threads,
                |rows| vec![Vec::new(); rows.len()],
                |state, tile| {
                    for (i, products) in tile.rows.clone().zip(state) {
                        products.extend_from_slice(tile.row(i));
                    }
                },
            );
            let dot = |x: &[f32], y: &[f32]| x[0] * y[0] + x[1] * y[1];
            let want = a.iter().map(|x| b.iter().map(|y| dot(x, y)).collect::<Vec<_>>());
            assert!(rows.concat().into_iter().eq(want), "{threads} threads");
        }
    }

    #[test]
    fn bytes_are_multiplied_in_single_precision() {
        let bytes = [3, 200, 255, 255];
        let points = Points::new(&bytes, 2);
        let products = fold(
            (points, points),
            1,
            |_| Vec::new(),
            |all, tile| {
                all.extend_from_slice(tile.row(1));
            },
        );
        assert_eq!(products, [[51_765.0, 130_050.0]]);
    }
}
