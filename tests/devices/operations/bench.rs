//! The test bench of an operation: seeded inputs, and guarded buffers that detect out-of-bounds writes.

use gan_cuda::device::{Device, Element, Real};
use gan_cuda::rng;
use rand_chacha::ChaCha12Rng;
use rand_distr::{Distribution, StandardUniform};

use crate::open::Tested;

/// The placement of outputs and inputs in their allocations, which are aligned to vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Aligned: a kernel may read and write four numbers at once.
    Aligned,
    /// Unaligned, like most parameters in a flat buffer: a kernel must not.
    Unaligned,
    /// A whole allocation without guards: sanitizers detect out-of-bounds reads.
    Alone,
}

impl Placement {
    pub const GUARDED: [Placement; 2] = [Placement::Unaligned, Placement::Aligned];

    /// Guard elements on either side of every buffer, which no operation may write.
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
    /// Number of summands of each element.
    pub summands: usize,
    /// The values, including integers.
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

    /// Uniform in [low, high), with the same values in single and double precision.
    pub fn input(&mut self, low: f32, high: f32, len: usize) -> GuardedFloats<D> {
        let values = self.numbers(low, high, len);
        self.floats(&values)
    }

    /// The values of an input.
    pub fn numbers(&mut self, low: f32, high: f32, len: usize) -> Vec<D::Real> {
        let unit = StandardUniform.sample_iter(&mut self.rng).take(len);
        unit.map(|unit: f32| D::Real::from_f64(f64::from(low + (high - low) * unit))).collect()
    }

    /// Logits for which a saturating derivative vanishes, and some for which a value is clamped. None
    /// is so large that f32 rounds a probability to 1 but f64 does not.
    pub fn saturating(&mut self, len: usize) -> GuardedFloats<D> {
        let unit = StandardUniform.sample_iter(&mut self.rng).take(len);
        let logit = |unit: f64| if unit < 0.2 { -150.0 } else { 45.0 * unit - 40.0 };
        let values: Vec<D::Real> = unit.map(|unit| D::Real::from_f64(logit(unit))).collect();
        self.floats(&values)
    }

    /// A dropout mask: 0 or 2.
    pub fn mask(&mut self, len: usize) -> GuardedFloats<D> {
        let kept = StandardUniform.sample_iter(&mut self.rng).take(len);
        let values: Vec<D::Real> =
            kept.map(|kept: bool| D::Real::from_f64(if kept { 2.0 } else { 0.0 })).collect();
        self.floats(&values)
    }

    /// Integers below `limit`.
    pub fn below(&mut self, limit: usize, len: usize) -> Guarded<D, u32> {
        let words = StandardUniform.sample_iter(&mut self.rng).take(len);
        let values: Vec<u32> = words.map(|word: u32| word % limit as u32).collect();
        self.ints(&values)
    }

    /// Random bytes.
    pub fn bytes(&mut self, len: usize) -> Guarded<D, u8> {
        let bytes = StandardUniform.sample_iter(&mut self.rng).take(len);
        let bytes: Vec<u8> = bytes.collect();
        self.guarded(&bytes, 0xA5)
    }

    /// A buffer with these integers.
    pub fn ints(&self, values: &[u32]) -> Guarded<D, u32> {
        self.guarded(values, GUARD_INT)
    }

    /// A buffer for an output, filled with NaN, since operations overwrite it.
    pub fn output(&self, len: usize) -> GuardedFloats<D> {
        self.floats(&vec![D::Real::from_f64(f64::NAN); len])
    }

    /// A buffer for a parameter gradient: values to accumulate to, or NaN.
    pub fn gradient(&mut self, accumulate: bool, len: usize) -> GuardedFloats<D> {
        if accumulate { self.input(-1.0, 1.0, len) } else { self.output(len) }
    }

    /// A buffer for an output of integers.
    pub fn int_output(&self, len: usize) -> Guarded<D, u32> {
        self.ints(&vec![u32::MAX; len])
    }

    /// A buffer of zeros, for an output of which only part is written.
    pub fn zeros(&self, len: usize) -> GuardedFloats<D> {
        self.floats(&vec![D::Real::ZERO; len])
    }

    /// A buffer with these numbers.
    pub fn floats(&self, values: &[D::Real]) -> GuardedFloats<D> {
        self.guarded(values, D::Real::from_f64(GUARD_REAL))
    }

    fn guarded<T: Element>(&self, values: &[T], guard: T) -> Guarded<D, T> {
        Guarded::new(self.device, self.placement.guard(), values, guard)
    }

    /// Reads an output whose elements are sums of `summands` numbers.
    pub fn sums(&self, name: &'static str, summands: usize, from: &GuardedFloats<D>) -> Output {
        let values = from.read(self.device).into_iter().map(Real::to_f64).collect();
        Output { name, summands, values }
    }

    /// Reads an output whose elements are computed from a few numbers.
    pub fn read(&self, name: &'static str, from: &GuardedFloats<D>) -> Output {
        self.sums(name, 1, from)
    }

    /// Reads an output of integers.
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

    /// A read-only view.
    pub fn view(&self) -> D::View<'_, T> {
        D::view(&self.buffer, self.margin..self.margin + self.len)
    }

    /// A writable view.
    pub fn view_mut(&mut self) -> D::ViewMut<'_, T> {
        D::view_mut(&mut self.buffer, self.margin..self.margin + self.len)
    }

    /// What was written.
    fn read(&self, device: &D) -> Vec<T> {
        self.checked(device).unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// What was written, if the guards are intact.
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

/// Both guards detect writes.
pub fn out_of_bounds_writes_are_detected<D: Tested>() {
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
