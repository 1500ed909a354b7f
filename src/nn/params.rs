//! A network's parameters: one flat buffer each for values, gradients and Adam's two moments.
//!
//! One buffer means that the optimiser is one operation per network, whatever its layers are.
//! Names and shapes are those of PyTorch's `state_dict`.

use std::borrow::Cow;
use std::ops::Range;

use crate::Result;
use crate::device::ops::Adam;
use crate::device::{Device, In, Out, Real, Reals};

/// Words of Adam's count.
const UPDATES: usize = 2;

/// A place in a flat buffer: rows of `columns` numbers, each padded with zeros to `stride`.
///
/// Zeros they stay: the gradient of a padded column is zero, with which Adam does not move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    start: usize,
    rows: usize,
    columns: usize,
    stride: usize,
}

impl Slot {
    fn len(self) -> usize {
        self.rows * self.stride
    }

    fn range(self) -> Range<usize> {
        self.start..self.start + self.len()
    }

    /// The tensor's numbers, of what is stored.
    fn unpadded<T: Copy>(self, stored: &[T]) -> impl Iterator<Item = T> {
        let rows = stored.chunks_exact(self.stride.max(1));
        rows.flat_map(move |row| &row[..self.columns]).copied()
    }

    /// The tensor's numbers on the host; where there is no padding, as they come.
    fn read<D: Device>(self, device: &D, flat: &Reals<D>) -> Result<Vec<D::Real>> {
        let stored = device.download(D::view(flat, self.range()))?;
        if self.columns == self.stride {
            return Ok(stored);
        }
        Ok(self.unpadded(&stored).collect())
    }

    /// What is stored, of the tensor's numbers.
    fn padded<T: Copy + Default>(self, values: &[T]) -> Cow<'_, [T]> {
        assert_eq!(values.len(), self.rows * self.columns);
        if self.columns == self.stride {
            return Cow::Borrowed(values);
        }
        let mut stored = vec![T::default(); self.len()];
        let rows = stored.chunks_exact_mut(self.stride).zip(values.chunks_exact(self.columns));
        rows.for_each(|(stored, row)| stored[..self.columns].copy_from_slice(row));
        Cow::Owned(stored)
    }
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
        self.slot.rows * self.slot.columns
    }
}

/// One of the means that Adam keeps: of gradients, or of their squares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum Moment {
    First,
    Second,
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
        self.add(name, vec![len], Slot { start: self.stored, rows: 1, columns: len, stride: len })
    }

    /// Makes room for one more matrix, whose rows begin `stride` numbers apart.
    pub fn add_matrix(&mut self, name: String, [rows, columns]: [usize; 2], stride: usize) -> Slot {
        assert!(stride >= columns);
        self.add(name, vec![rows, columns], Slot { start: self.stored, rows, columns, stride })
    }

    fn add(&mut self, name: String, shape: Vec<usize>, slot: Slot) -> Slot {
        self.len += slot.rows * slot.columns;
        self.stored += slot.len();
        self.params.push(Param { name, shape, slot });
        slot
    }
}

/// The tensors of a layout with values in device memory, and for learnt ones what learning needs.
pub struct Params<D: Device> {
    layout: Layout,
    values: Reals<D>,
    gradients: Reals<D>,
    first_moment: Reals<D>,
    second_moment: Reals<D>,
    /// Adam's own count of steps, and the word beside it.
    updates: D::Buffer<u32>,
}

impl<D: Device> Params<D> {
    /// Parameters that are learnt.
    pub(super) fn learnt(device: &D, layout: Layout) -> Result<Self> {
        let stored = layout.stored;
        Self::with_learning(device, layout, stored)
    }

    /// Statistics: values that no optimiser moves.
    pub(super) fn fixed(device: &D, layout: Layout) -> Result<Self> {
        Self::with_learning(device, layout, 0)
    }

    fn with_learning(device: &D, layout: Layout, learnt: usize) -> Result<Self> {
        Ok(Self {
            values: device.allocate(layout.stored)?,
            gradients: device.allocate(learnt)?,
            first_moment: device.allocate(learnt)?,
            second_moment: device.allocate(learnt)?,
            updates: device.allocate(if learnt > 0 { UPDATES } else { 0 })?,
            layout,
        })
    }

    /// The tensors, in the order of the flat buffer.
    pub fn list(&self) -> &[Param] {
        &self.layout.params
    }

    /// Numbers in all tensors together.
    pub fn len(&self) -> usize {
        self.layout.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.layout.len == 0
    }

    /// Values of a tensor, to read.
    pub(super) fn value(&self, slot: Slot) -> In<'_, D> {
        D::view(&self.values, slot.range())
    }

    /// Values of two neighbouring tensors, to write.
    pub(super) fn values_mut(&mut self, a: Slot, b: Slot) -> (Out<'_, D>, Out<'_, D>) {
        split_neighbours::<D>(&mut self.values, a, b)
    }

    /// Value of one tensor, to read, and gradients of two neighbours, to write.
    pub(super) fn value_and_gradients(
        &mut self,
        value: Slot,
        a: Slot,
        b: Slot,
    ) -> (In<'_, D>, Out<'_, D>, Out<'_, D>) {
        let (a, b) = split_neighbours::<D>(&mut self.gradients, a, b);
        (D::view(&self.values, value.range()), a, b)
    }

    /// Gradient of a tensor, to write.
    pub(super) fn gradient_mut(&mut self, slot: Slot) -> Out<'_, D> {
        D::view_mut(&mut self.gradients, slot.range())
    }

    /// One step of Adam.
    pub fn update(&mut self, device: &D, adam: Adam) {
        let all = 0..self.layout.stored;
        device.adam_update(
            D::view_mut(&mut self.values, all.clone()),
            D::view_mut(&mut self.first_moment, all.clone()),
            D::view_mut(&mut self.second_moment, all.clone()),
            D::view_mut(&mut self.updates, 0..UPDATES),
            D::view(&self.gradients, all),
            adam,
        );
    }

    /// Sets how many steps Adam has taken.
    ///
    /// # Errors
    /// When the device fails.
    pub fn set_updates(&mut self, device: &D, updates: u32) -> Result<()> {
        device.upload(D::view_mut(&mut self.updates, 0..UPDATES), &[updates, 0])
    }

    /// Copies a tensor's value to the host.
    ///
    /// # Errors
    /// When the device fails.
    pub fn read(&self, device: &D, param: &Param) -> Result<Vec<D::Real>> {
        param.slot.read(device, &self.values)
    }

    /// Copies a tensor's gradient to the host.
    ///
    /// # Errors
    /// When the device fails.
    pub fn read_gradient(&self, device: &D, param: &Param) -> Result<Vec<D::Real>> {
        param.slot.read(device, &self.gradients)
    }

    /// Replaces the values of the tensor at `index` of [`Params::list`].
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Panics
    /// When the length is not the tensor's.
    pub fn write(&mut self, device: &D, index: usize, values: &[D::Real]) -> Result<()> {
        let slot = self.layout.params[index].slot;
        device.upload(D::view_mut(&mut self.values, slot.range()), &slot.padded(values))
    }

    /// Sets a tensor from double precision.
    pub(super) fn set(&mut self, device: &D, slot: Slot, values: &[f64]) -> Result<()> {
        let values: Vec<D::Real> = values.iter().map(|&x| D::Real::from_f64(x)).collect();
        device.upload(D::view_mut(&mut self.values, slot.range()), &slot.padded(&values))
    }

    /// Copies one of Adam's moments of a tensor to the host.
    ///
    /// # Errors
    /// When the device fails.
    pub fn read_moment(&self, device: &D, moment: Moment, param: &Param) -> Result<Vec<D::Real>> {
        param.slot.read(
            device,
            match moment {
                Moment::First => &self.first_moment,
                Moment::Second => &self.second_moment,
            },
        )
    }

    /// Replaces one of Adam's moments of the tensor at `index` of [`Params::list`].
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Panics
    /// When the length is not the tensor's.
    pub fn write_moment(
        &mut self,
        device: &D,
        moment: Moment,
        index: usize,
        values: &[D::Real],
    ) -> Result<()> {
        let slot = self.layout.params[index].slot;
        let moments = match moment {
            Moment::First => &mut self.first_moment,
            Moment::Second => &mut self.second_moment,
        };
        device.upload(D::view_mut(moments, slot.range()), &slot.padded(values))
    }
}

/// Two tensors that stand next to each other, as two views.
fn split_neighbours<D: Device>(
    buffer: &mut Reals<D>,
    a: Slot,
    b: Slot,
) -> (Out<'_, D>, Out<'_, D>) {
    assert_eq!(a.range().end, b.start, "neighbours");
    D::split_mut(D::view_mut(buffer, a.start..b.range().end), a.len())
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
        let stored = wide.padded(&values);
        let rows =
            [[1, 2, 3, 4, 5, 0, 0, 0], [6, 7, 8, 9, 10, 0, 0, 0], [11, 12, 13, 14, 15, 0, 0, 0]];
        assert_eq!(*stored, rows.concat());
        assert!(wide.unpadded(&stored).eq(values.iter().copied()));
        assert!(matches!(narrow.padded(&[18, 19, 20, 21]), Cow::Borrowed([18, 19, 20, 21])));
    }
}
