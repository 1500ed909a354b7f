//! Where an operation is run: seeded inputs, and buffers that notice what is written beside them.

use gan_cuda::device::{Device, Element, Real};
use gan_cuda::rng;
use rand_chacha::ChaCha12Rng;
use rand_distr::{Distribution, StandardUniform};

use crate::open::Tested;

/// Where outputs and inputs lie in their allocations, which begin on a vector's boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// On such a boundary: a kernel may read and write four numbers at once.
    Aligned,
    /// Beside it, as most parameters in a flat buffer: a kernel must not.
    Unaligned,
    /// On it and alone: sanitizers notice what is read beside it, which is nobody's.
    Alone,
}

impl Placement {
    pub const GUARDED: [Placement; 2] = [Placement::Unaligned, Placement::Aligned];

    /// Elements on either side of every buffer that no operation may touch.
    fn guard(self) -> usize {
        match self {
            Placement::Aligned => 64,
            Placement::Unaligned => 5,
            Placement::Alone => 0,
        }
    }
}

const GUARD_REAL: f64 = -12_345.0;
const GUARD_INT: u32 = 0xDEAD_BEEF;

/// What an operation wrote.
pub struct Output {
    /// The argument's name.
    pub name: &'static str,
    /// How many products or numbers are summed up in each element.
    pub summands: usize,
    /// The numbers, integers too.
    pub values: Vec<f64>,
}

/// A device and a seeded source of inputs, the same for every device.
pub struct Bench<'a, D: Device> {
    pub device: &'a D,
    placement: Placement,
    rng: ChaCha12Rng,
}

/// A buffer between two guards.
pub struct Guarded<D: Device, T: Element> {
    buffer: D::Buffer<T>,
    len: usize,
    margin: usize,
    guard: T,
}

/// Real numbers between two guards.
pub type GuardedFloats<D> = Guarded<D, <D as gan_cuda::device::Memory>::Real>;

impl<'a, D: Device> Bench<'a, D> {
    pub fn new(device: &'a D, placement: Placement) -> Self {
        Self { device, placement, rng: rng::host(8, 0) }
    }

    /// Uniform in [low, high), and the same number in single and double precision.
    pub fn input(&mut self, low: f32, high: f32, len: usize) -> GuardedFloats<D> {
        let unit = StandardUniform.sample_iter(&mut self.rng).take(len);
        let values: Vec<D::Real> =
            unit.map(|unit: f32| D::Real::from_f64(f64::from(low + (high - low) * unit))).collect();
        self.reals(&values)
    }

    /// Logits where a derivative fades that saturates, and some where a value is cut off. None are so
    /// far up that f32 rounds a probability to 1, but f64 does not.
    pub fn saturating(&mut self, len: usize) -> GuardedFloats<D> {
        let unit = StandardUniform.sample_iter(&mut self.rng).take(len);
        let logit = |unit: f64| if unit < 0.2 { -150.0 } else { 45.0 * unit - 40.0 };
        let values: Vec<D::Real> = unit.map(|unit| D::Real::from_f64(logit(unit))).collect();
        self.reals(&values)
    }

    /// A dropout mask: 0 or 2.
    pub fn mask(&mut self, len: usize) -> GuardedFloats<D> {
        let kept = StandardUniform.sample_iter(&mut self.rng).take(len);
        let values: Vec<D::Real> =
            kept.map(|kept: bool| D::Real::from_f64(if kept { 2.0 } else { 0.0 })).collect();
        self.reals(&values)
    }

    /// Whole numbers below `limit`.
    pub fn below(&mut self, limit: usize, len: usize) -> Guarded<D, u32> {
        let words = StandardUniform.sample_iter(&mut self.rng).take(len);
        let values: Vec<u32> = words.map(|word: u32| word % limit as u32).collect();
        self.ints(&values)
    }

    /// Any bytes.
    pub fn bytes(&mut self, len: usize) -> Guarded<D, u8> {
        let bytes = StandardUniform.sample_iter(&mut self.rng).take(len);
        let bytes: Vec<u8> = bytes.collect();
        self.guarded(&bytes, 0xA5)
    }

    /// These whole numbers.
    pub fn ints(&self, values: &[u32]) -> Guarded<D, u32> {
        self.guarded(values, GUARD_INT)
    }

    /// Room for an output; NaN, since operations overwrite.
    pub fn output(&self, len: usize) -> GuardedFloats<D> {
        self.reals(&vec![D::Real::from_f64(f64::NAN); len])
    }

    /// Where the gradient of a parameter goes: numbers to add to, or room as any output.
    pub fn gradient(&mut self, accumulate: bool, len: usize) -> GuardedFloats<D> {
        if accumulate { self.input(-1.0, 1.0, len) } else { self.output(len) }
    }

    /// Room for whole numbers.
    pub fn int_output(&self, len: usize) -> Guarded<D, u32> {
        self.ints(&vec![u32::MAX; len])
    }

    /// Room that only part of is written.
    pub fn zeros(&self, len: usize) -> GuardedFloats<D> {
        self.reals(&vec![D::Real::ZERO; len])
    }

    /// These numbers.
    pub fn reals(&self, values: &[D::Real]) -> GuardedFloats<D> {
        self.guarded(values, D::Real::from_f64(GUARD_REAL))
    }

    fn guarded<T: Element>(&self, values: &[T], guard: T) -> Guarded<D, T> {
        Guarded::new(self.device, self.placement.guard(), values, guard)
    }

    /// Reads an output of which each element is a sum of `summands`.
    pub fn sums(&self, name: &'static str, summands: usize, from: &GuardedFloats<D>) -> Output {
        let values = from.read(self.device).into_iter().map(Real::to_f64).collect();
        Output { name, summands, values }
    }

    /// Reads an output of which each element is computed from a few numbers.
    pub fn read(&self, name: &'static str, from: &GuardedFloats<D>) -> Output {
        self.sums(name, 1, from)
    }

    /// Reads whole numbers.
    pub fn read_ints(&self, name: &'static str, from: &Guarded<D, u32>) -> Output {
        let values = from.read(self.device).into_iter().map(f64::from).collect();
        Output { name, summands: 1, values }
    }
}

impl<D: Device, T: Element> Guarded<D, T> {
    fn new(device: &D, margin: usize, values: &[T], guard: T) -> Self {
        let mut all = vec![guard; values.len() + 2 * margin];
        all[margin..margin + values.len()].copy_from_slice(values);
        let mut buffer = device.allocate(all.len()).unwrap();
        device.upload(D::view_mut(&mut buffer, 0..all.len()), &all).unwrap();
        Self { buffer, len: values.len(), margin, guard }
    }

    /// To read.
    pub fn view(&self) -> D::View<'_, T> {
        D::view(&self.buffer, self.margin..self.margin + self.len)
    }

    /// To write.
    pub fn view_mut(&mut self) -> D::ViewMut<'_, T> {
        D::view_mut(&mut self.buffer, self.margin..self.margin + self.len)
    }

    /// What was written.
    fn read(&self, device: &D) -> Vec<T> {
        self.checked(device).unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// What was written, if the guards still stand.
    fn checked(&self, device: &D) -> Result<Vec<T>, String> {
        let all = device.download(D::view(&self.buffer, 0..self.len + 2 * self.margin)).unwrap();
        let (before, rest) = all.split_at(self.margin);
        let (values, behind) = rest.split_at(self.len);
        for (guard, place) in [(before, "before"), (behind, "behind")] {
            if guard.iter().any(|&element| element != self.guard) {
                return Err(format!("something was written {place} a buffer of {}", self.len));
            }
        }
        Ok(values.to_vec())
    }
}

/// Both guards notice.
pub fn writing_beside_a_buffer_is_noticed<D: Tested>() {
    let device = &D::open(false);
    for placement in Placement::GUARDED {
        let margin = placement.guard();
        let [first, last] = [margin + 3, 2 * margin + 2];
        for (place, side) in
            [(0, "before"), (margin - 1, "before"), (first, "behind"), (last, "behind")]
        {
            let mut output = Bench::new(device, placement).output(3);
            let element = D::view_mut(&mut output.buffer, place..place + 1);
            device.upload(element, &[D::Real::ZERO]).unwrap();
            let problem = output.checked(device).expect_err("this must be noticed");
            assert_eq!(problem, format!("something was written {side} a buffer of 3"));
        }
    }
}
