//! Named tensors in one flat buffer: a network's parameters, its running statistics.
//!
//! One buffer means that the optimiser is one operation per network, whatever its layers are.
//! Gradients and Adam's moments are buffers of the same layout ([`Flat`]). Names and shapes are those
//! of PyTorch's `state_dict`.

use std::borrow::Cow;
use std::ops::Range;

use crate::device::{Device, In, Out, Real, Reals, Result};

/// A place in a flat buffer, and how a tensor's numbers are stored there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    start: usize,
    order: Order,
}

/// How a tensor is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Row by row, each row padded with zeros to `stride`.
    ///
    /// Zeros they stay: the gradient of a padded column is zero, with which Adam does not move it.
    Rows { rows: usize, columns: usize, stride: usize },
    /// With its axes the other way round: (a, b, c) as (c, b, a).
    Reversed([usize; 3]),
}

impl Slot {
    /// Numbers of the flat buffer.
    fn len(self) -> usize {
        match self.order {
            Order::Rows { rows, stride, .. } => rows * stride,
            Order::Reversed(extents) => extents.iter().product(),
        }
    }

    /// Numbers of the tensor.
    fn count(self) -> usize {
        match self.order {
            Order::Rows { rows, columns, .. } => rows * columns,
            Order::Reversed(extents) => extents.iter().product(),
        }
    }

    fn range(self) -> Range<usize> {
        self.start..self.start + self.len()
    }

    /// The tensor's numbers, of what is stored.
    fn unpack<T: Copy + Default>(self, stored: Vec<T>) -> Vec<T> {
        match self.order {
            Order::Rows { columns, stride, .. } if columns == stride => stored,
            Order::Rows { columns, stride, .. } => {
                stored.chunks_exact(stride).flat_map(|row| &row[..columns]).copied().collect()
            }
            Order::Reversed([a, b, c]) => reversed(&stored, [c, b, a]),
        }
    }

    /// What is stored, of the tensor's numbers.
    fn pack<T: Copy + Default>(self, values: &[T]) -> Cow<'_, [T]> {
        assert_eq!(values.len(), self.count());
        match self.order {
            Order::Rows { columns, stride, .. } if columns == stride => Cow::Borrowed(values),
            Order::Rows { columns, stride, .. } => {
                let mut stored = vec![T::default(); self.len()];
                let rows = stored.chunks_exact_mut(stride).zip(values.chunks_exact(columns));
                rows.for_each(|(stored, row)| stored[..columns].copy_from_slice(row));
                Cow::Owned(stored)
            }
            Order::Reversed(extents) => Cow::Owned(reversed(values, extents)),
        }
    }
}

/// A tensor of these extents with its axes the other way round.
fn reversed<T: Copy>(values: &[T], [a, b, c]: [usize; 3]) -> Vec<T> {
    let at = move |k: usize, j: usize, i: usize| values[(i * b + j) * c + k];
    let row = move |k, j| (0..a).map(move |i| at(k, j, i));
    (0..c).flat_map(|k| (0..b).flat_map(move |j| row(k, j))).collect()
}

/// A named tensor in a flat buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Key in PyTorch's state_dict, as `model.0.weight`.
    pub name: String,
    /// Extents, row-major.
    pub shape: Vec<usize>,
    slot: Slot,
}

impl Param {
    /// How many numbers it has.
    pub fn count(&self) -> usize {
        self.slot.count()
    }
}

/// Named tensors, and where the next one goes.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    params: Vec<Param>,
    /// Numbers of all tensors.
    len: usize,
    /// Numbers of the flat buffer: these and the padding.
    stored: usize,
}

impl Layout {
    /// Makes room for one more vector.
    pub fn add_vector(&mut self, name: String, len: usize) -> Slot {
        self.add(name, vec![len], Order::Rows { rows: 1, columns: len, stride: len })
    }

    /// Makes room for one more matrix, whose rows begin `stride` numbers apart.
    pub fn add_matrix(&mut self, name: String, [rows, columns]: [usize; 2], stride: usize) -> Slot {
        assert!(stride >= columns);
        self.add(name, vec![rows, columns], Order::Rows { rows, columns, stride })
    }

    /// Makes room for one more convolution's weights, PyTorch's (`outer`, `inner`, kernel, kernel), which
    /// are stored as (kernel, kernel, inner, outer).
    pub fn add_kernel(&mut self, name: String, [outer, inner]: [usize; 2], kernel: usize) -> Slot {
        let order = Order::Reversed([outer, inner, kernel * kernel]);
        self.add(name, vec![outer, inner, kernel, kernel], order)
    }

    fn add(&mut self, name: String, shape: Vec<usize>, order: Order) -> Slot {
        let slot = Slot { start: self.stored, order };
        self.len += slot.count();
        self.stored += slot.len();
        self.params.push(Param { name, shape, slot });
        slot
    }
}

/// A flat buffer in device memory, laid out as a network's parameters are: their values, their
/// gradients, a moment of Adam.
pub struct Flat<D: Device> {
    buffer: Reals<D>,
    len: usize,
}

impl<D: Device> Flat<D> {
    /// Zeros in the layout of `params`.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn like(device: &D, params: &Params<D>) -> Result<Self> {
        Self::zeros(device, params.layout.stored)
    }

    fn zeros(device: &D, len: usize) -> Result<Self> {
        Ok(Self { buffer: device.allocate(len)?, len })
    }

    /// All numbers with their padding, to read.
    pub(super) fn all(&self) -> In<'_, D> {
        D::view(&self.buffer, 0..self.len)
    }

    /// All numbers with their padding, to write.
    pub(super) fn all_mut(&mut self) -> Out<'_, D> {
        D::view_mut(&mut self.buffer, 0..self.len)
    }

    /// A tensor's numbers, to read.
    pub(super) fn view(&self, slot: Slot) -> In<'_, D> {
        D::view(&self.buffer, slot.range())
    }

    /// A tensor's numbers, to write.
    pub(super) fn view_mut(&mut self, slot: Slot) -> Out<'_, D> {
        D::view_mut(&mut self.buffer, slot.range())
    }

    /// Two tensors that stand next to each other, to write.
    pub(super) fn neighbours_mut(&mut self, a: Slot, b: Slot) -> (Out<'_, D>, Out<'_, D>) {
        assert_eq!(a.range().end, b.start, "neighbours");
        D::split_mut(D::view_mut(&mut self.buffer, a.start..b.range().end), a.len())
    }

    /// Copies a tensor to the host.
    ///
    /// # Errors
    /// When the device fails.
    pub fn read(&self, device: &D, param: &Param) -> Result<Vec<D::Real>> {
        Ok(param.slot.unpack(device.download(self.view(param.slot))?))
    }

    /// Replaces a tensor.
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Panics
    /// When the length is not the tensor's.
    pub fn write(&mut self, device: &D, param: &Param, values: &[D::Real]) -> Result<()> {
        device.upload(self.view_mut(param.slot), &param.slot.pack(values))
    }
}

/// The tensors of a layout with their values in device memory.
pub struct Params<D: Device> {
    layout: Layout,
    values: Flat<D>,
}

impl<D: Device> Params<D> {
    pub(super) fn zeros(device: &D, layout: Layout) -> Result<Self> {
        Ok(Self { values: Flat::zeros(device, layout.stored)?, layout })
    }

    /// The tensors, in the order of the flat buffer.
    pub fn list(&self) -> &[Param] {
        &self.layout.params
    }

    /// Numbers in all tensors together.
    pub fn count(&self) -> usize {
        self.layout.len
    }

    pub(super) fn values(&self) -> &Flat<D> {
        &self.values
    }

    pub(super) fn values_mut(&mut self) -> &mut Flat<D> {
        &mut self.values
    }

    /// Copies a tensor's values to the host.
    ///
    /// # Errors
    /// When the device fails.
    pub fn read(&self, device: &D, param: &Param) -> Result<Vec<D::Real>> {
        self.values.read(device, param)
    }

    /// Replaces the values of the tensor at `index` of [`Params::list`].
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Panics
    /// When the length is not the tensor's.
    pub fn write(&mut self, device: &D, index: usize, values: &[D::Real]) -> Result<()> {
        self.values.write(device, &self.layout.params[index], values)
    }

    /// Sets a tensor from double precision.
    pub(super) fn set(&mut self, device: &D, slot: Slot, values: &[f64]) -> Result<()> {
        let values: Vec<D::Real> = values.iter().map(|&x| D::Real::from_f64(x)).collect();
        device.upload(self.values.view_mut(slot), &slot.pack(&values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_zero_and_goes_again() {
        let mut layout = Layout::default();
        let bias = layout.add_vector("0.bias".to_owned(), 2);
        let wide = layout.add_matrix("0.weight".to_owned(), [3, 5], 8);
        let narrow = layout.add_matrix("1.weight".to_owned(), [2, 2], 2);
        assert_eq!([bias, wide, narrow].map(Slot::range), [0..2, 2..26, 26..30]);
        assert_eq!((layout.len, layout.stored), (21, 30));

        let values: Vec<u32> = (1..=15).collect();
        let stored = wide.pack(&values).into_owned();
        let rows = [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12, 13, 14, 15]];
        assert_eq!(stored, rows.map(|row| [&row[..], &[0; 3]].concat()).concat());
        assert_eq!(wide.unpack(stored), values);
    }

    #[test]
    fn kernels_are_stored_with_their_axes_reversed() {
        let slot = Layout::default().add_kernel("0.weight".to_owned(), [3, 2], 2);
        // outer·100 + inner·10 + place
        let number = |outer: u32, inner: u32, place: u32| outer * 100 + inner * 10 + place;
        let values: Vec<u32> = (0..24).map(|i| number(i / 8, i / 4 % 2, i % 4)).collect();
        let stored = slot.pack(&values).into_owned();
        let want: Vec<u32> = (0..24).map(|i| number(i % 3, i / 3 % 2, i / 6)).collect();
        assert_eq!(stored, want);
        assert_eq!(slot.unpack(stored), values);
    }
}
