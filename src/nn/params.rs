//! Named tensors in one flat buffer: a network's parameters, its running statistics.
//!
//! With one buffer, the optimizer step is one operation per network, whatever its layers are.
//! Gradients and Adam's moments are buffers with the same layout ([`Flat`]). Names and shapes are
//! those of PyTorch's `state_dict`.

use std::ops::Range;

use super::storage_order::{ChannelsLast, Rows, StorageOrder};
use crate::device::{Device, FloatBuffer, In, Out, Real, Result};

/// A tensor's position in a flat buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    start: usize,
    len: usize,
    /// The index of the tensor in its layout.
    index: usize,
}

impl Slot {
    fn range(self) -> Range<usize> {
        self.start..self.start + self.len
    }
}

/// A named tensor in a flat buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Key in PyTorch's `state_dict`, such as `model.0.weight`.
    pub name: String,
    /// Extents, row-major.
    pub shape: Vec<usize>,
    slot: Slot,
    order: StorageOrder,
}

impl Param {
    /// Number of elements.
    pub fn count(&self) -> usize {
        self.order.count()
    }
}

/// The layout of a flat buffer: named tensors, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    params: Vec<Param>,
    /// Elements of all tensors.
    len: usize,
    /// Elements of the flat buffer, including padding.
    stored: usize,
}

impl Layout {
    /// Adds a vector of features.
    pub fn add_vector(&mut self, name: String, len: usize, image: ChannelsLast) -> Slot {
        let rows = Rows { rows: 1, columns: len, stride: len, images: [None, image] };
        self.add(name, vec![len], StorageOrder::Rows(rows))
    }

    /// Adds a matrix whose rows are `stride` elements apart.
    pub fn add_matrix(
        &mut self,
        name: String,
        [rows, columns]: [usize; 2],
        stride: usize,
        images: [ChannelsLast; 2],
    ) -> Slot {
        assert!(stride >= columns);
        self.add(
            name,
            vec![rows, columns],
            StorageOrder::Rows(Rows { rows, columns, stride, images }),
        )
    }

    /// Adds a convolution's weights, in PyTorch (`outer`, `inner`, kernel, kernel), stored as (kernel,
    /// kernel, inner, outer).
    pub fn add_kernel(&mut self, name: String, [outer, inner]: [usize; 2], kernel: usize) -> Slot {
        let order = StorageOrder::Reversed([outer, inner, kernel * kernel]);
        self.add(name, vec![outer, inner, kernel, kernel], order)
    }

    /// The tensors, in the order of the flat buffer.
    pub(super) fn into_params(self) -> impl Iterator<Item = Param> {
        self.params.into_iter()
    }

    fn add(&mut self, name: String, shape: Vec<usize>, order: StorageOrder) -> Slot {
        let slot = Slot { start: self.stored, len: order.len(), index: self.params.len() };
        self.len += order.count();
        self.stored += slot.len;
        self.params.push(Param { name, shape, slot, order });
        slot
    }
}

/// A flat buffer in device memory with the layout of a network's parameters: their values, their
/// gradients, or a moment of Adam.
pub struct Flat<D: Device> {
    buffer: FloatBuffer<D>,
    len: usize,
}

impl<D: Device> Flat<D> {
    /// Zeros in the layout of `params`.
    ///
    /// # Errors
    /// When the device has not enough memory.
    #[inline(never)]
    pub fn like(device: &D, params: &Params<D>) -> Result<Self> {
        Self::zeros(device, params.layout.stored)
    }

    fn zeros(device: &D, len: usize) -> Result<Self> {
        Ok(Self { buffer: device.allocate(len)?, len })
    }

    /// Copies all elements of a buffer with the same layout.
    pub(super) fn assign(&mut self, device: &D, other: &Self) {
        if self.len > 0 {
            let len = self.len;
            device.copy(self.all_mut(), other.all(), len);
        }
    }

    /// Adds up the elements of all ranks.
    pub fn all_reduce(&mut self, device: &D) {
        device.all_reduce(self.all_mut());
    }

    /// Copies rank 0's elements to all ranks.
    pub fn broadcast(&mut self, device: &D) {
        if self.len > 0 {
            device.broadcast(self.all_mut());
        }
    }

    /// A read-only view of all elements, including padding.
    pub(super) fn all(&self) -> In<'_, D> {
        D::view(&self.buffer, 0..self.len)
    }

    /// A writable view of all elements, including padding.
    pub(super) fn all_mut(&mut self) -> Out<'_, D> {
        D::view_mut(&mut self.buffer, 0..self.len)
    }

    /// A read-only view of a tensor.
    pub(super) fn view(&self, slot: Slot) -> In<'_, D> {
        D::view(&self.buffer, slot.range())
    }

    /// A writable view of a tensor.
    pub(super) fn view_mut(&mut self, slot: Slot) -> Out<'_, D> {
        D::view_mut(&mut self.buffer, slot.range())
    }

    /// Writable views of two adjacent tensors.
    pub(super) fn adjacent_mut(&mut self, a: Slot, b: Slot) -> (Out<'_, D>, Out<'_, D>) {
        assert_eq!(a.range().end, b.start, "adjacent tensors");
        D::split_mut(D::view_mut(&mut self.buffer, a.start..b.range().end), a.len)
    }

    /// The same with a third one before them, if there is one.
    pub(super) fn neighbours_mut(
        &mut self,
        before: Option<Slot>,
        a: Slot,
        b: Slot,
    ) -> (Option<Out<'_, D>>, Out<'_, D>, Out<'_, D>) {
        let Some(before) = before else {
            let (a, b) = self.adjacent_mut(a, b);
            return (None, a, b);
        };
        assert_eq!((before.range().end, a.range().end), (a.start, b.start), "adjacent tensors");
        let all = D::view_mut(&mut self.buffer, before.start..b.range().end);
        let (before, rest) = D::split_mut(all, before.len);
        let (a, b) = D::split_mut(rest, a.len);
        (Some(before), a, b)
    }

    /// Copies a tensor to the host.
    ///
    /// # Errors
    /// When the device fails.
    #[inline(never)]
    pub fn read(&self, device: &D, param: &Param) -> Result<Vec<D::Real>> {
        Ok(param.order.unpack(device.download(self.view(param.slot))?))
    }

    /// Replaces a tensor.
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Panics
    /// When the length is not the tensor's.
    #[inline(never)]
    pub fn write(&mut self, device: &D, param: &Param, values: &[D::Real]) -> Result<()> {
        device.upload(self.view_mut(param.slot), &param.order.pack(values))
    }
}

/// Named tensors with their values in device memory.
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

    /// Number of elements of all tensors.
    pub fn count(&self) -> usize {
        self.layout.len
    }

    /// Copies rank 0's values to all ranks.
    pub fn broadcast(&mut self, device: &D) {
        self.values.broadcast(device);
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
    #[inline(never)]
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
    #[inline(never)]
    pub fn write(&mut self, device: &D, index: usize, values: &[D::Real]) -> Result<()> {
        self.values.write(device, &self.layout.params[index], values)
    }

    /// Replaces a tensor, converting from double precision.
    pub(super) fn set(&mut self, device: &D, slot: Slot, values: &[f64]) -> Result<()> {
        let values: Vec<D::Real> = values.iter().map(|&x| D::Real::from_f64(x)).collect();
        self.write(device, slot.index, &values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_are_stored_one_after_the_other() {
        let mut layout = Layout::default();
        let bias = layout.add_vector("0.bias".to_owned(), 2, None);
        let wide = layout.add_matrix("0.weight".to_owned(), [3, 5], 8, [None; 2]);
        let narrow = layout.add_matrix("1.weight".to_owned(), [2, 2], 2, [None; 2]);
        assert_eq!([bias, wide, narrow].map(Slot::range), [0..2, 2..26, 26..30]);
        assert_eq!((layout.len, layout.stored), (21, 30));
    }
}
