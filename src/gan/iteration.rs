//! A training iteration as a list of steps. The engine runs this list; the memory plan, the work
//! estimate and the diagram are computed from it.

use super::model::Model;
use super::role::Role;
use super::settings::{Fakes, Order, Settings};

/// A step of an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Gathers the next batch of real images and samples noise, labels and dropout masks.
    PrepareInputs,
    /// Generator forward: makes a batch of fakes from the noise of an update.
    Generate {
        /// The first update that uses the fakes.
        update: Role,
    },
    /// Discriminator forward on the fakes, with the labels and masks of an update.
    Discriminate {
        /// The network whose update it is.
        update: Role,
        /// Whether the pass includes the real images.
        real: bool,
    },
    /// The loss of an update and its gradient with respect to the discriminator's outputs.
    Loss {
        /// The network whose loss it is.
        update: Role,
    },
    /// Backward: the gradients of a network's parameters. The generator's are backpropagated
    /// through the discriminator, whose own parameter gradients are not computed.
    Backward(Role),
    /// An optimizer step on a network's parameters.
    AdamStep(Role),
    /// Increments the iteration counter.
    Advance,
}

/// A forward pass of a network in an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The network.
    pub network: Role,
    /// The network whose update it is for.
    pub update: Role,
    /// The number of batches in the pass.
    pub batches: usize,
}

impl Step {
    /// The forward pass of this step, if it has one.
    pub fn pass(self) -> Option<Pass> {
        let (network, update, batches) = match self {
            Step::Generate { update } => (Role::Generator, update, 1),
            Step::Discriminate { update, real } => {
                (Role::Discriminator, update, 1 + usize::from(real))
            }
            Step::PrepareInputs
            | Step::Loss { .. }
            | Step::Backward(_)
            | Step::AdamStep(_)
            | Step::Advance => return None,
        };
        Some(Pass { network, update, batches })
    }
}

/// The steps of an iteration, in order.
pub fn iteration(model: &Model) -> Vec<Step> {
    let settings = model.settings();
    let (first, second) = match settings.order {
        Order::DFirst => (Role::Discriminator, Role::Generator),
        Order::GFirst => (Role::Generator, Role::Discriminator),
    };
    let shared = shares_discriminator_pass(model);
    let mut steps = vec![Step::PrepareInputs, Step::Generate { update: first }];
    steps.extend(update(first, shared));
    if settings.fakes == Fakes::Fresh {
        steps.push(Step::Generate { update: second });
    }
    steps.extend(update(second, shared));
    steps.push(Step::Advance);
    steps
}

/// The steps of one network's update. If the discriminator pass is shared, the generator's update
/// runs it on real images, too, and the discriminator's update uses the same outputs.
fn update(update: Role, shared: bool) -> Vec<Step> {
    let real = shared || update == Role::Discriminator;
    let pass = Step::Discriminate { update, real };
    let rest = [Step::Loss { update }, Step::Backward(update), Step::AdamStep(update)];
    match shared && update == Role::Discriminator {
        true => rest.to_vec(),
        false => [&[pass], &rest[..]].concat(),
    }
}

/// Whether one discriminator pass serves both updates: the discriminator is updated second, on the
/// same fakes, and has neither dropout (random) nor BatchNorm (each pass changes its running
/// statistics).
fn shares_discriminator_pass(model: &Model) -> bool {
    let &Settings { order, fakes, .. } = model.settings();
    let discriminator = model.discriminator();
    order == Order::GFirst
        && fakes == Fakes::Same
        && !discriminator.has_dropout()
        && !discriminator.has_batch_norm()
}

/// How many batches a network processes in an iteration.
pub fn batches_per_iteration(steps: &[Step], role: Role) -> usize {
    batches(steps, role).sum()
}

/// The largest number of batches that a network processes in one pass.
pub fn max_batches_per_pass(steps: &[Step], role: Role) -> usize {
    batches(steps, role).max().unwrap_or(0)
}

/// The number of batches of each pass of a network.
fn batches(steps: &[Step], role: Role) -> impl Iterator<Item = usize> {
    let passes = steps.iter().filter_map(|step| step.pass());
    passes.filter(move |pass| pass.network == role).map(|pass| pass.batches)
}
