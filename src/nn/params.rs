//! A network's parameters: one flat buffer each for values, gradients and Adam's two moments.
//!
//! One buffer means that the optimiser is one operation per network, whatever its layers are.
//! Names and shapes are those of PyTorch's `state_dict`.

use std::ops::Range;

use crate::Result;
use crate::device::ops::Adam;
use crate::device::{Device, In, InInts, Out, Real, Reals};

/// A place in a flat buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    start: usize,
    len: usize,
}

impl Slot {
    fn range(self) -> Range<usize> {
        self.start..self.start + self.len
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

/// Named tensors, and where the next one goes.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    params: Vec<Param>,
    len: usize,
}

impl Layout {
    /// Makes room for one more tensor.
    pub fn add(&mut self, name: String, shape: &[usize]) -> Slot {
        let slot = Slot { start: self.len, len: shape.iter().product() };
        self.len += slot.len;
        self.params.push(Param { name, shape: shape.to_vec(), slot });
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
}

impl<D: Device> Params<D> {
    /// Parameters that are learnt.
    pub(super) fn learnt(device: &D, layout: Layout) -> Result<Self> {
        let len = layout.len;
        Self::with_learning(device, layout, len)
    }

    /// Statistics: values that no optimiser moves.
    pub(super) fn fixed(device: &D, layout: Layout) -> Result<Self> {
        Self::with_learning(device, layout, 0)
    }

    fn with_learning(device: &D, layout: Layout, learnt: usize) -> Result<Self> {
        Ok(Self {
            values: device.allocate(layout.len)?,
            gradients: device.allocate(learnt)?,
            first_moment: device.allocate(learnt)?,
            second_moment: device.allocate(learnt)?,
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
    pub fn update(&mut self, device: &D, step: InInts<'_, D>, adam: Adam) {
        let all = 0..self.layout.len;
        device.adam_update(
            D::view_mut(&mut self.values, all.clone()),
            D::view_mut(&mut self.first_moment, all.clone()),
            D::view_mut(&mut self.second_moment, all.clone()),
            D::view(&self.gradients, all),
            step,
            adam,
        );
    }

    /// Copies a tensor's value to the host.
    ///
    /// # Errors
    /// When the device fails.
    pub fn read(&self, device: &D, param: &Param) -> Result<Vec<D::Real>> {
        device.download(self.value(param.slot))
    }

    /// Copies a tensor's gradient to the host.
    ///
    /// # Errors
    /// When the device fails.
    pub fn read_gradient(&self, device: &D, param: &Param) -> Result<Vec<D::Real>> {
        device.download(D::view(&self.gradients, param.slot.range()))
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
        device.upload(D::view_mut(&mut self.values, slot.range()), values)
    }

    /// Sets a tensor from double precision.
    pub(super) fn set(&mut self, device: &D, slot: Slot, values: &[f64]) -> Result<()> {
        let values: Vec<D::Real> = values.iter().map(|&x| D::Real::from_f64(x)).collect();
        device.upload(D::view_mut(&mut self.values, slot.range()), &values)
    }

    /// Adam's moments, the whole flat buffers: mean of gradients, mean of their squares.
    ///
    /// # Errors
    /// When the device fails.
    pub fn read_moments(&self, device: &D) -> Result<[Vec<D::Real>; 2]> {
        let all = 0..self.layout.len;
        Ok([
            device.download(D::view(&self.first_moment, all.clone()))?,
            device.download(D::view(&self.second_moment, all))?,
        ])
    }

    /// Replaces Adam's moments.
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Panics
    /// When a length is not that of the flat buffer.
    pub fn write_moments(&mut self, device: &D, moments: [&[D::Real]; 2]) -> Result<()> {
        let all = 0..self.layout.len;
        device.upload(D::view_mut(&mut self.first_moment, all.clone()), moments[0])?;
        device.upload(D::view_mut(&mut self.second_moment, all), moments[1])
    }
}

/// Two tensors that stand next to each other, as two views.
fn split_neighbours<D: Device>(
    buffer: &mut Reals<D>,
    a: Slot,
    b: Slot,
) -> (Out<'_, D>, Out<'_, D>) {
    assert_eq!(a.start + a.len, b.start, "neighbours");
    D::split_mut(D::view_mut(buffer, a.start..b.range().end), a.len)
}
