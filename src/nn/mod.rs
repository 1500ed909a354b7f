//! Networks: layers as data, explicit passes forward and back, no tape.
//!
//! | module | holds |
//! |---|---|
//! | [`layer`], [`shape`] | layers in PyTorch's words, and what each makes of a shape |
//! | [`sequence`] | a network as it is written |
//! | [`spec`], [`plan`] | the same with layers that fit, and as what a device runs of it |
//! | [`network`], [`passes`], `stage` | parameters, and the passes through them |
//! | [`activations`], [`masks`] | what belongs to a pass |
//! | [`params`], [`adam`] | named tensors in flat buffers; the optimiser |
//! | [`order`] | in which order a tensor's numbers are stored |
//! | `init`, `matrix` | first weights; buffers seen as rows |
//!
//! All memory is allocated when a network, its activations and its optimiser are made; passes only
//! queue operations.

pub mod activations;
pub mod adam;
mod init;
pub mod layer;
pub mod masks;
mod matrix;
pub mod network;
pub mod params;
pub mod passes;
pub mod plan;
pub mod sequence;
pub mod shape;
pub mod spec;
mod stage;
pub mod storage_order;

pub use activations::{Activations, Batches};
pub use adam::Adam;
pub use init::Init;
pub use layer::Layer;
pub use masks::Masks;
pub use matrix::Matrix;
pub use network::Network;
pub use params::{Flat, Param, Params};
pub use passes::{Mode, ParameterGradients, PassInput};
pub use plan::Stage;
pub use sequence::{Sequence, SpecProblem};
pub use shape::Shape;
pub use spec::NetworkSpec;
