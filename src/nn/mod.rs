//! Networks: layers as data, explicit forward and backward passes, no autograd tape.
//!
//! | module | holds |
//! |---|---|
//! | [`layer`], [`shape`] | layers in PyTorch's notation; the output shape of each |
//! | [`sequence`] | a network as written in a file: its input and its layers |
//! | [`spec`], [`plan`] | a validated network, and the stages that a device runs |
//! | [`network`], [`passes`], `label`, `stage` | parameters; forward and backward passes |
//! | [`activations`], [`masks`] | activations, gradients of activations and dropout masks |
//! | [`params`], [`adam`] | named tensors in flat buffers; the optimizer |
//! | [`storage_order`] | the order in which a tensor's elements are stored |
//! | `merged`, `backward_rows`, `single_output`, `fused` | one pass for two losses; a layer with one output; products with what follows them |
//! | `init`, `matrix` | weight initialization; buffers as rows |
//!
//! All memory is allocated when a network, its activations and its optimizer are created; passes only
//! queue operations.

pub mod activations;
pub mod adam;
mod backward_rows;
mod fused;
mod init;
mod label;
pub mod layer;
pub mod masks;
mod matrix;
mod merged;
pub mod network;
pub mod params;
pub mod passes;
pub mod plan;
pub mod sequence;
pub mod shape;
mod single_output;
pub mod spec;
mod spectral_norm;
mod stage;
pub mod storage_order;
pub mod tangents;

pub use activations::{Activations, Batches};
pub use adam::Adam;
pub use init::Init;
pub use layer::{Layer, LayerProblem};
pub use masks::Masks;
pub use matrix::Matrix;
pub use merged::MERGED_BATCHES;
pub use network::Network;
pub use params::{Flat, Param, Params};
pub use passes::{Mode, ParameterGradients, PassInput};
pub use plan::Stage;
pub use sequence::{Sequence, SpecProblem};
pub use shape::Shape;
pub use spec::NetworkSpec;
pub use tangents::Tangents;
