//! Collectives of several processes, whose results must have the same bits everywhere.

use crate::common::{Device, grid};
use crate::nccl::{Call, Communicator, FLOAT32, INT32, Kind, UINT8, UINT32};
use crate::ranks::{Rank, with_ranks};
use cudarc::driver::sys::{CUgraphInstantiate_flags, CUstreamCaptureMode};
use cudarc::driver::{CudaSlice, DevicePtr, DeviceRepr, PushKernelArg};
use std::fmt::Debug;

/// A rank's numbers, of such different sizes that the bits of their sum depend on the order.
fn numbers(n: usize, rank: usize) -> Vec<f32> {
    let number = |i: usize| ((i * 7919 + rank * 104_729) % 2003) as f32 / 1001.5 - 1.0;
    (0..n).map(|i| number(i) * [1e6, 1.0, 1e-3][(i / 2 + rank) % 3]).collect()
}

/// The sum of all ranks' numbers, in the order of the ranks.
fn sum(n: usize, ranks: usize) -> Vec<f32> {
    let mut sum = numbers(n, 0);
    for rank in 1..ranks {
        sum.iter_mut().zip(numbers(n, rank)).for_each(|(sum, number)| *sum += number);
    }
    sum
}

fn all(n: usize, ranks: usize) -> Vec<f32> {
    (0..ranks).flat_map(|rank| numbers(n, rank)).collect()
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

#[track_caller]
fn assert_same(got: &[f32], want: &[f32]) {
    assert!(bits(got) == bits(want), "{:?} is not {:?}", &got[..8], &want[..8]);
}

/// A rank with its device and communicator.
struct Member<'a> {
    of: &'a Rank,
    device: Device,
    communicator: Communicator,
}

impl<'a> Member<'a> {
    fn new(of: &'a Rank) -> Self {
        let device = of.device(0);
        let communicator = of.join("id");
        Self { of, device, communicator }
    }

    fn call(&self, call: Call) {
        self.communicator.call(call, self.device.stream.cu_stream()).unwrap();
    }

    fn address<T: DeviceRepr>(&self, values: &CudaSlice<T>) -> u64 {
        values.device_ptr(&self.device.stream).0
    }

    fn sum(&self, from: &CudaSlice<f32>, to: &CudaSlice<f32>) {
        self.call(Call::sum(self.address(from), self.address(to), from.len()));
    }

    fn sums_are_right(&self, n: usize) {
        let (own, want) = (numbers(n, self.of.rank), sum(n, self.of.ranks));
        let (x, y) = (self.device.upload(&own), self.device.zeros(n));
        self.sum(&x, &y);
        self.sum(&x, &x);
        assert_same(&self.device.download(&y), &want);
        assert_same(&self.device.download(&x), &want);
    }

    fn gathers_are_right(&self, n: usize) {
        let Rank { rank, ranks, .. } = *self.of;
        let own = numbers(n, rank);
        let (x, y) = (self.device.upload(&own), self.device.zeros(n * ranks));
        let mut in_place = vec![f32::NAN; n * ranks];
        in_place[rank * n..][..n].copy_from_slice(&own);
        let z = self.device.upload(&in_place);
        let to = self.address(&z);
        for (from, to) in [(self.address(&x), self.address(&y)), (to + 4 * (rank * n) as u64, to)] {
            self.call(Call { kind: Kind::Gather, from, to, count: n, data: FLOAT32 });
        }
        assert_same(&self.device.download(&y), &all(n, ranks));
        assert_same(&self.device.download(&z), &all(n, ranks));
    }

    /// `of_rank` gives each rank's values.
    fn broadcasts_are_right<T>(&self, data: i32, of_rank: impl Fn(usize) -> Vec<T>)
    where
        T: DeviceRepr + PartialEq + Debug + Copy,
    {
        let stream = &self.device.stream;
        for root in 0..self.of.ranks {
            let x = stream.clone_htod(&of_rank(self.of.rank)).unwrap();
            let y = stream.clone_htod(&of_rank(self.of.ranks)).unwrap();
            let (from, to) = (self.address(&x), self.address(&y));
            // Only the root needs a buffer to send.
            let other = if self.of.rank == root { from } else { 0 };
            for (from, to) in [(other, to), (from, from)] {
                let kind = Kind::Broadcast(root as i32);
                self.call(Call { kind, from, to, count: x.len(), data });
            }
            assert_eq!(stream.clone_dtoh(&y).unwrap(), of_rank(root));
            assert_eq!(stream.clone_dtoh(&x).unwrap(), of_rank(root));
        }
    }

    /// What is queued before and after a collective runs before and after it.
    fn order_is_kept(&self) {
        let rank = self.of.rank as f32;
        let mut x = self.device.zeros(100);
        for _ in 0..3 {
            self.device.stream.memset_zeros(&mut x).unwrap();
            self.device.step(&self.device.stream, &mut x).unwrap();
            self.sum(&x, &x);
            self.device.step(&self.device.stream, &mut x).unwrap();
        }
        let own = self.device.upload(&[rank; 100]);
        let mut y = self.device.zeros(100);
        self.device.stream.memcpy_dtod(&own, &mut y).unwrap();
        self.sum(&y, &y);
        let ranks = self.of.ranks as f32;
        assert_eq!(self.device.download(&x), [2.0 * ranks + 1.0; 100]);
        assert_eq!(self.device.download(&y), [ranks * (ranks - 1.0) / 2.0; 100]);
    }

    fn end(self) {
        self.device.stream.synchronize().unwrap();
        assert_eq!(self.communicator.async_error().unwrap(), 0);
        self.communicator.destroy().unwrap();
    }
}

fn collectives_are_right(rank: &Rank) {
    let member = Member::new(rank);
    for n in [1, 1000, 100_003] {
        member.sums_are_right(n.max(8));
        member.gathers_are_right(n.max(8));
    }
    member.sums_are_right(1 << 20);
    member.broadcasts_are_right(FLOAT32, |rank| numbers(1000, rank));
    member.broadcasts_are_right(UINT8, |rank| vec![rank as u8; 101]);
    member.broadcasts_are_right(INT32, |rank| vec![-(rank as i32); 7]);
    member.broadcasts_are_right(UINT32, |rank| vec![rank as u32; 200_001]);
    member.order_is_kept();
    member.end();
}

#[test]
fn two_ranks_get_the_right_bits() {
    with_ranks("collectives::two_ranks_get_the_right_bits", 2, &[], collectives_are_right);
}

#[test]
fn four_ranks_get_the_right_bits() {
    with_ranks("collectives::four_ranks_get_the_right_bits", 4, &[], collectives_are_right);
}

#[test]
fn the_order_of_a_sum_shows() {
    let mut reversed = vec![0.0; 1000];
    for rank in (0..4).rev() {
        reversed.iter_mut().zip(numbers(1000, rank)).for_each(|(sum, number)| *sum += number);
    }
    assert_ne!(bits(&reversed), bits(&sum(1000, 4)));
}

#[test]
fn a_single_rank_keeps_its_numbers() {
    with_ranks("collectives::a_single_rank_keeps_its_numbers", 1, &[], collectives_are_right);
}

#[test]
fn graphs_communicate_in_each_launch() {
    with_ranks("collectives::graphs_communicate_in_each_launch", 3, &[], |rank| {
        let member = Member::new(rank);
        let (n, stream) = (50, &member.device.stream);
        let mut x = member.device.upload(&vec![rank.rank as f32; n]);
        let y = member.device.zeros(n * rank.ranks);
        stream.synchronize().unwrap();
        stream.begin_capture(CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL).unwrap();
        member.device.step(stream, &mut x).unwrap();
        let (from, to) = (member.address(&x), member.address(&y));
        member.call(Call { kind: Kind::Gather, from, to, count: n, data: FLOAT32 });
        member.sum(&x, &x);
        member.device.step(stream, &mut x).unwrap();
        let graph = stream.end_capture(CUgraphInstantiate_flags(0)).unwrap().unwrap();
        let mut want: Vec<f32> = (0..rank.ranks).map(|rank| rank as f32).collect();
        for _ in 0..4 {
            graph.launch().unwrap();
            graph.launch().unwrap();
            let mut gathered = Vec::new();
            for _ in 0..2 {
                gathered = want.iter().map(|x| 2.0 * x + 1.0).collect();
                want.fill(2.0 * gathered.iter().sum::<f32>() + 1.0);
            }
            assert_eq!(member.device.download(&x), vec![want[0]; n]);
            let gathered: Vec<f32> = gathered.iter().flat_map(|&x| vec![x; n]).collect();
            assert_eq!(member.device.download(&y), gathered);
        }
        drop(graph);
        member.end();
    });
}

#[test]
fn many_collectives_can_be_queued() {
    with_ranks("collectives::many_collectives_can_be_queued", 2, &[], |rank| {
        let member = Member::new(rank);
        let x = member.device.upload(&[rank.rank as f32 + 1.0; 8]);
        let y = member.device.zeros(8);
        let (scale, config) = (member.device.kernel("scale"), grid(1, 8));
        let (to, from) = (member.address(&y), member.address(&x));
        // More than the longest queue, so that some run while others are queued.
        for _ in 0..2000 {
            member.sum(&x, &x);
            member.device.launch(&scale, config, |launch| {
                launch.arg(&to).arg(&from).arg(&8i32).arg(&0.25f32)
            });
            member.sum(&y, &x);
        }
        assert_eq!(member.device.download(&x), [1.5; 8]);
        member.end();
    });
}
