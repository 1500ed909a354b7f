use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

fn ones(pool: &ThreadPool, length: usize, grain: usize) -> Vec<u32> {
    let mut out = vec![0u32; length];
    pool.chunks(&mut out, grain, |offset, chunk| {
        assert!(chunk.is_empty() || offset % grain == 0);
        chunk.iter_mut().for_each(|x| *x += 1);
    });
    out
}

#[test]
fn every_thread_runs_the_work_once() {
    for threads in 1..=5 {
        let pool = ThreadPool::new(threads);
        let calls: Vec<_> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
        for _ in 0..300 {
            pool.run(|thread| assert!(calls[thread].fetch_add(1, Ordering::Relaxed) < 300));
        }
        assert!(calls.iter().all(|n| n.load(Ordering::Relaxed) == 300));
    }
}

#[test]
fn chunks_cover_each_element_once() {
    for threads in 1..=4 {
        let pool = ThreadPool::new(threads);
        for length in [0, 1, 15, 8191, 8192, 8193, 100_001] {
            for grain in [1, 4, 16, 5000] {
                assert!(ones(&pool, length, grain).iter().all(|&x| x == 1));
            }
        }
    }
}

#[test]
fn three_slices_are_split_at_the_same_offsets() {
    let pool = ThreadPool::new(3);
    let [mut a, mut b, mut c] = [(); 3].map(|()| vec![0usize; 20_000]);
    pool.chunks3([&mut a, &mut b, &mut c], 4, |offset, parts| {
        for (k, part) in parts.into_iter().enumerate() {
            part.iter_mut().enumerate().for_each(|(i, x)| *x = (offset + i) * (k + 1));
        }
    });
    assert!((0..20_000).all(|i| (a[i], b[i], c[i]) == (i, 2 * i, 3 * i)));
}

#[test]
fn stripes_cover_each_element_once() {
    for threads in 1..=4 {
        let pool = ThreadPool::new(threads);
        for (rows, columns) in [(1, 1), (31, 33), (64, 784), (257, 1000), (9000, 1), (0, 7)] {
            let mut out = vec![0; rows * columns];
            pool.column_blocks(&mut out, columns, |mut block| {
                let first = block.first_column();
                assert!(first.is_multiple_of(COLUMN_GRAIN));
                for i in 0..block.rows() {
                    let row = block.row(i).iter_mut().enumerate();
                    row.for_each(|(j, x)| *x += i * columns + first + j + 1);
                }
            });
            assert!(out.iter().enumerate().all(|(i, &x)| x == i + 1));
        }
    }
}

#[test]
fn panic_reaches_the_caller_after_all_parts_have_finished() {
    let pool = ThreadPool::new(3);
    for guilty in 0..3 {
        let finished = AtomicUsize::new(0);
        let result = catch_unwind(AssertUnwindSafe(|| {
            pool.run(|thread| {
                assert_ne!(thread, guilty, "thread {guilty} fails");
                std::thread::sleep(std::time::Duration::from_millis(2));
                finished.fetch_add(1, Ordering::SeqCst);
            })
        }));
        let message = result.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains(&format!("thread {guilty} fails")));
        assert_eq!(finished.load(Ordering::SeqCst), 2);
    }
    assert!(ones(&pool, 50_000, 1).iter().all(|&x| x == 1), "the pool still works");
}

#[test]
fn sleeping_workers_wake_up() {
    let pool = ThreadPool::new(2);
    for _ in 0..20 {
        std::thread::sleep(std::time::Duration::from_micros(300));
        assert!(ones(&pool, 10_000, 1).iter().all(|&x| x == 1));
    }
}

#[test]
fn many_teams_work_side_by_side_and_move_between_threads() {
    let work = |pool: ThreadPool| {
        (0..50).for_each(|_| assert!(ones(&pool, 9_000, 16).iter().all(|&x| x == 1)));
        pool
    };
    let threads: Vec<_> = (0..6)
        .map(|_| ThreadPool::new(2))
        .map(|pool| std::thread::spawn(move || work(pool)))
        .collect();
    for thread in threads {
        work(thread.join().unwrap());
    }
}

#[test]
fn pieces_cover_the_range_once_and_become_smaller() {
    for (length, threads) in [(1, 1), (47, 2), (1024, 2), (1000, 3), (49152, 16)] {
        let pieces = WorkQueue::new(length, 48, 192, threads);
        let all: Vec<_> = (&pieces).collect();
        assert_eq!(all.iter().map(|piece| piece.start).next(), Some(0));
        assert!(all.is_sorted_by(|a, b| a.end == b.start), "{all:?}");
        assert_eq!(all.last().map(|piece| piece.end), Some(length));
        let lengths: Vec<_> = all.iter().map(ExactSizeIterator::len).collect();
        assert!(lengths.is_sorted_by(|a, b| a >= b) && lengths[0] <= 192, "{lengths:?}");
        assert!(lengths[..lengths.len() - 1].iter().all(|len| len % 48 == 0), "{lengths:?}");
    }
    let mut nothing = &WorkQueue::new(0, 48, 192, 2);
    assert_eq!(nothing.next(), None);
}
