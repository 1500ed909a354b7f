//! A multi-layer perceptron: an optional label embedding, then blocks in a row.

use std::ops::Range;

use rand_chacha::ChaCha12Rng;

use super::block::{Block, BlockSpec};
use super::init::{Init, standard_normal};
use super::matrix::Matrix;
use super::params::{Layout, Params, Slot};
use crate::Result;
use crate::device::ops::{Adam, EmbeddingShape};
use crate::device::{Device, In, InInts, Out, Reals};

/// What a network is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkSpec {
    /// Numbers in a row of the input, without the label's.
    pub inputs: usize,
    /// A label embedding beside the input.
    pub label: Option<Embedded>,
    /// The layers.
    pub blocks: Vec<BlockSpec>,
}

impl NetworkSpec {
    /// Numbers that the network learns.
    pub fn parameters(&self) -> usize {
        let table = self.label.map_or(0, |label| label.classes * label.classes);
        table + self.blocks.iter().map(BlockSpec::parameters).sum::<usize>()
    }

    /// Numbers that BatchNorm keeps about the data.
    pub fn statistics(&self) -> usize {
        self.normalized().map(|block| 2 * block.outputs).sum()
    }

    /// Numbers that passes over `rows` rows leave behind: outputs, gradients, inputs with labels.
    pub fn activations(&self, rows: usize) -> usize {
        // An input is read where it is; with an embedding beside it, it is put together, and the
        // embedding's columns have a gradient.
        let entrance = self.label.map_or(0, |label| self.blocks[0].inputs + label.classes);
        let outputs: usize = self.blocks.iter().map(|block| block.outputs).sum();
        let norms: usize = self.normalized().map(|block| (rows + 2) * block.outputs).sum();
        rows * (entrance + 2 * outputs) + norms
    }

    /// Numbers in the dropout masks of a pass over `rows` rows.
    pub fn masks(&self, rows: usize) -> usize {
        rows * masked(&self.blocks)
    }

    /// Of each block, the numbers from one row of its input to the next on a device of kind `D`. Only
    /// an input that is put together is padded; any other is read where it is.
    pub fn strides<D: Device>(&self) -> impl Iterator<Item = usize> {
        let others = self.blocks.iter().skip(1).map(|block| block.inputs);
        std::iter::once(self.entrance_stride::<D>()).chain(others)
    }

    fn entrance_stride<D: Device>(&self) -> usize {
        let columns = self.blocks[0].inputs;
        match self.label {
            Some(_) => columns.next_multiple_of(D::ROW_ALIGNMENT),
            None => columns,
        }
    }

    fn normalized(&self) -> impl Iterator<Item = &BlockSpec> {
        self.blocks.iter().filter(|block| block.batch_norm.is_some())
    }
}

/// A label embedding: as many numbers a class as there are classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// Classes, and width of the embedding.
    pub classes: usize,
    /// Whether it stands before the input, else behind.
    pub first: bool,
}

/// Dropout masks of one pass, one behind the other: a matrix of the pass's rows for each block that
/// drops.
pub struct Masks<'a, D: Device> {
    /// What holds them.
    pub buffer: &'a Reals<D>,
    /// The place of the first mask's first number.
    pub first: usize,
}

impl<'a, D: Device> Masks<'a, D> {
    /// The mask of a network's block for `rows` rows, if it drops.
    fn of(&self, blocks: &[BlockSpec], block: usize, rows: usize) -> Option<In<'a, D>> {
        let first = self.first + rows * masked(&blocks[..block]);
        let len = rows * masked(&blocks[block..=block]);
        (len > 0).then(|| D::view(self.buffer, first..first + len))
    }
}

/// Numbers of a row that blocks may drop.
fn masked(blocks: &[BlockSpec]) -> usize {
    blocks.iter().filter(|block| block.drops()).map(|block| block.outputs).sum()
}

/// What a backward pass is for.
pub enum Gradients<'a, D: Device> {
    /// The network's own parameters.
    Parameters,
    /// The network's input (without the label's columns), and nothing else.
    Input(Out<'a, D>),
}

/// A network in device memory, with room for batches of a fixed number of rows.
pub struct Network<D: Device> {
    spec: NetworkSpec,
    params: Params<D>,
    statistics: Params<D>,
    embedding: Option<Table<D>>,
    blocks: Vec<Block<D>>,
}

/// The learnt table of labels, inputs with its columns beside them, and the gradient of these.
struct Table<D: Device> {
    slot: Slot,
    of: Embedded,
    input: Matrix<D>,
    gradient: Matrix<D>,
}

impl<D: Device> Network<D> {
    /// A network for batches of up to `rows` rows, all zeros.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn new(device: &D, spec: NetworkSpec, rows: usize) -> Result<Self> {
        let (mut params, mut statistics) = (Layout::default(), Layout::default());
        let mut blocks = Vec::new();
        for (block, stride) in spec.blocks.iter().zip(spec.strides::<D>()) {
            blocks.push(Block::new(device, block, stride, rows, &mut params, &mut statistics)?);
        }
        // Behind the blocks, whose weights would begin at odd addresses after a small table.
        let name = "label_embedding.weight".to_owned();
        let embedding = match spec.label {
            Some(of) => Some(Table {
                slot: params.add_matrix(name, [of.classes; 2], of.classes),
                of,
                input: Matrix::zeros(device, rows, spec.entrance_stride::<D>())?,
                gradient: Matrix::zeros(device, rows, of.classes)?,
            }),
            None => None,
        };
        Ok(Self {
            params: Params::learnt(device, params)?,
            statistics: Params::fixed(device, statistics)?,
            embedding,
            blocks,
            spec,
        })
    }

    /// Draws all parameters anew.
    ///
    /// # Errors
    /// When the device fails.
    pub fn initialize(&mut self, device: &D, init: Init, rng: &mut ChaCha12Rng) -> Result<()> {
        if let Some(table) = &self.embedding {
            let values = standard_normal(rng, table.of.classes * table.of.classes);
            self.params.set(device, table.slot, &values)?;
        }
        for block in &self.blocks {
            block.initialize(device, &mut self.params, &mut self.statistics, init, rng)?;
        }
        Ok(())
    }

    /// What the network is made of.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// What it learns.
    pub fn params(&self) -> &Params<D> {
        &self.params
    }

    /// What it learns, to write.
    pub fn params_mut(&mut self) -> &mut Params<D> {
        &mut self.params
    }

    /// The running statistics of BatchNorm.
    pub fn statistics(&self) -> &Params<D> {
        &self.statistics
    }

    /// The running statistics of BatchNorm, to write.
    pub fn statistics_mut(&mut self) -> &mut Params<D> {
        &mut self.statistics
    }

    /// A forward pass in training mode from x (as many rows as `rows`, inputs) and, where the
    /// network embeds them, labels; outputs and all that a backward pass needs go to `rows`. Without
    /// masks nothing is dropped.
    pub fn forward(
        &mut self,
        device: &D,
        x: In<'_, D>,
        labels: Option<InInts<'_, D>>,
        rows: Range<usize>,
        masks: Option<&Masks<'_, D>>,
    ) {
        self.embed(device, x, labels, rows.clone());
        for i in 0..self.blocks.len() {
            let (before, block) = self.blocks.split_at_mut(i);
            let x = input_of(&self.embedding, &x, before, rows.clone());
            let mask = masks.and_then(|masks| masks.of(&self.spec.blocks, i, rows.len()));
            block[0].forward(device, &self.params, &mut self.statistics, x, mask, rows.clone());
        }
    }

    /// A forward pass in evaluation mode: running statistics, no dropout.
    pub fn evaluate(
        &mut self,
        device: &D,
        x: In<'_, D>,
        labels: Option<InInts<'_, D>>,
        rows: Range<usize>,
    ) {
        self.embed(device, x, labels, rows.clone());
        for i in 0..self.blocks.len() {
            let (before, block) = self.blocks.split_at_mut(i);
            let x = input_of(&self.embedding, &x, before, rows.clone());
            block[0].evaluate(device, &self.params, &self.statistics, x, rows.clone());
        }
    }

    /// Puts the labels' embedding beside x, where there is one.
    fn embed(
        &mut self,
        device: &D,
        x: In<'_, D>,
        labels: Option<InInts<'_, D>>,
        rows: Range<usize>,
    ) {
        assert_eq!(labels.is_some(), self.embedding.is_some(), "labels for an embedding");
        let shape = self.embedding_shape(rows.len());
        if let (Some(table), Some(labels)) = (&mut self.embedding, labels) {
            let values = self.params.value(table.slot);
            device.embedding_concat(table.input.rows_mut(rows), x, values, labels, &shape);
        }
    }

    /// The blocks, from the entrance on.
    pub fn blocks(&self) -> &[Block<D>] {
        &self.blocks
    }

    /// The last block, whose output is the network's.
    pub fn last(&self) -> &Block<D> {
        &self.blocks[self.blocks.len() - 1]
    }

    /// The last block, to write the gradient of its output.
    pub fn last_mut(&mut self) -> &mut Block<D> {
        let last = self.blocks.len() - 1;
        &mut self.blocks[last]
    }

    /// A backward pass over rows whose output gradient was written to [`Network::last_mut`]; x and
    /// labels are those of the forward pass.
    pub fn backward(
        &mut self,
        device: &D,
        x: In<'_, D>,
        labels: Option<InInts<'_, D>>,
        rows: Range<usize>,
        masks: Option<&Masks<'_, D>>,
        gradients: Gradients<'_, D>,
    ) {
        let learn = matches!(gradients, Gradients::Parameters);
        for i in (0..self.blocks.len()).rev() {
            let (before, block) = self.blocks.split_at_mut(i);
            let x = input_of(&self.embedding, &x, before, rows.clone());
            let mask = masks.and_then(|masks| masks.of(&self.spec.blocks, i, rows.len()));
            block[0].backward(device, &mut self.params, x, mask, rows.clone(), learn);
            if let Some(before) = before.last_mut() {
                let columns = 0..block[0].spec().inputs;
                let dx = before.output_gradient(rows.clone());
                block[0].backward_input(device, &self.params, dx, rows.clone(), columns);
            }
        }
        match gradients {
            Gradients::Input(dx) => {
                let columns = self.embedding_shape(rows.len()).input_columns();
                self.blocks[0].backward_input(device, &self.params, dx, rows, columns);
            }
            Gradients::Parameters => self.backward_embedding(device, labels, rows),
        }
    }

    /// The gradient of the labels' table, if there is one.
    fn backward_embedding(
        &mut self,
        device: &D,
        labels: Option<InInts<'_, D>>,
        rows: Range<usize>,
    ) {
        let shape = self.embedding_shape(rows.len());
        if let (Some(table), Some(labels)) = (&mut self.embedding, labels) {
            let (columns, dx) = (shape.label_columns(), table.gradient.rows_mut(rows.clone()));
            self.blocks[0].backward_input(device, &self.params, dx, rows.clone(), columns);
            let dtable = self.params.gradient_mut(table.slot);
            device.embedding_backward(dtable, table.gradient.rows(rows), labels, &shape, false);
        }
    }

    /// One step of Adam on all parameters.
    pub fn update(&mut self, device: &D, adam: Adam) {
        self.params.update(device, adam);
    }

    fn embedding_shape(&self, rows: usize) -> EmbeddingShape {
        let Embedded { classes, first } =
            self.spec.label.unwrap_or(Embedded { classes: 0, first: false });
        EmbeddingShape {
            rows,
            classes,
            width: classes,
            inputs: self.spec.inputs,
            label_first: first,
            stride: self.spec.entrance_stride::<D>(),
        }
    }
}

/// The input of the block that follows `before`; of the first one x, or x with labels beside it.
fn input_of<'a, D: Device>(
    embedding: &'a Option<Table<D>>,
    x: &'a In<'_, D>,
    before: &'a [Block<D>],
    rows: Range<usize>,
) -> In<'a, D> {
    match (before.last(), embedding) {
        (Some(block), _) => block.output(rows),
        (None, Some(table)) => table.input.rows(rows),
        (None, None) => D::reborrow(x),
    }
}
