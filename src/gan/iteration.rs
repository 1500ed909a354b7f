//! An iteration as a list of steps: what is run, planned, counted and drawn.

use super::model::Model;
use super::role::Role;
use super::settings::{Fakes, Order, Settings};

/// A step of an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Real images, noise, labels and dropout masks of the iteration.
    Draw,
    /// The generator makes fakes of the noise that is drawn for an update.
    Generate {
        /// The first update that uses them.
        update: Role,
    },
    /// The discriminator looks at the fakes, with the labels and masks of an update.
    Discriminate {
        /// Whose update it is.
        update: Role,
        /// Whether it looks at the real images too.
        real: bool,
    },
    /// An update's loss of what the discriminator has put out, and its gradient.
    Loss {
        /// Whose loss.
        update: Role,
    },
    /// From the gradient of the loss to the gradients of a network's parameters. The generator's
    /// way goes through the discriminator, whose own are not computed.
    Backward(Role),
    /// The optimiser moves a network's parameters.
    AdamStep(Role),
    /// The count of iterations moves on.
    Advance,
}

/// A pass of a network in an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The network that it goes through.
    pub network: Role,
    /// Whose update it is for.
    pub update: Role,
    /// Batches that it looks at.
    pub batches: usize,
}

impl Step {
    /// The pass forward that it is, if it is one.
    pub fn pass(self) -> Option<Pass> {
        let (network, update, batches) = match self {
            Step::Generate { update } => (Role::Generator, update, 1),
            Step::Discriminate { update, real } => {
                (Role::Discriminator, update, 1 + usize::from(real))
            }
            Step::Draw
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
    let mut steps = vec![Step::Draw, Step::Generate { update: first }];
    steps.extend(update(first, shared));
    if settings.fakes == Fakes::Fresh {
        steps.push(Step::Generate { update: second });
    }
    steps.extend(update(second, shared));
    steps.push(Step::Advance);
    steps
}

/// What one network's update does. Where the discriminator pass is shared, the generator's update
/// looks at real images too, and the discriminator's finds the outputs there.
fn update(update: Role, shared: bool) -> Vec<Step> {
    let real = shared || update == Role::Discriminator;
    let pass = Step::Discriminate { update, real };
    let rest = [Step::Loss { update }, Step::Backward(update), Step::AdamStep(update)];
    match shared && update == Role::Discriminator {
        true => rest.to_vec(),
        false => [&[pass], &rest[..]].concat(),
    }
}

/// Whether one discriminator pass serves both updates: its own is the second, looks at the same
/// fakes, and nothing in it is random or depends on how often it is gone through.
fn shares_discriminator_pass(model: &Model) -> bool {
    let &Settings { order, fakes, .. } = model.settings();
    let discriminator = model.discriminator();
    order == Order::GFirst
        && fakes == Fakes::Same
        && !discriminator.has_dropout()
        && !discriminator.has_batch_norm()
}

/// How many batches go through a network in an iteration.
pub fn batches_through(steps: &[Step], role: Role) -> usize {
    batches(steps, role).sum()
}

/// How many batches a network looks at in one pass, at most.
pub fn batches_at_once(steps: &[Step], role: Role) -> usize {
    batches(steps, role).max().unwrap_or(0)
}

/// The batches of each pass of a network.
fn batches(steps: &[Step], role: Role) -> impl Iterator<Item = usize> {
    let passes = steps.iter().filter_map(|step| step.pass());
    passes.filter(move |pass| pass.network == role).map(|pass| pass.batches)
}
