//! A training iteration as a list of steps. The engine runs this list; the memory plan, the work
//! estimate and the diagram are computed from it.

mod parts;

use std::ops::Range;

use super::model::Model;
use super::role::Role;
use super::settings::{Fakes, Order, Settings};
use crate::nn::MERGED_BATCHES;
pub use parts::Parts;

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
    /// Augments images at random: those of the discriminator's next pass.
    Augment {
        /// The network whose update it is.
        update: Role,
        /// The images, of which points between real ones and fakes are not augmented.
        images: Images,
    },
    /// Random points between real images and fakes, at which gradients are penalized.
    Interpolate,
    /// Discriminator forward, with the labels and masks of an update.
    Discriminate {
        /// The network whose update it is.
        update: Role,
        /// The images.
        images: Images,
    },
    /// The loss of an update and its gradient with respect to the discriminator's outputs.
    Loss {
        /// The network whose loss it is.
        update: Role,
    },
    /// The losses of both updates, from the outputs of one pass.
    Losses,
    /// Backward through the discriminator: the gradient of the generator's loss with respect to the
    /// fakes. The gradients of the discriminator's parameters are not computed.
    BackwardToFakes,
    /// Backward through the discriminator for both losses: the gradients of its parameters from its
    /// own, and of the fakes from the generator's.
    BackwardMerged,
    /// Backward: the gradients of a network's parameters.
    Backward(Role),
    /// Backward through the discriminator to its images, and the penalties on the gradients with
    /// respect to them.
    Penalize,
    /// The gradients of the discriminator's parameters from loss and penalties together.
    BackwardPenalized,
    /// The sum over the ranks of the gradients of a network's parameters.
    AllReduce(Role),
    /// From the gradients of the discriminator's normalized weights to those of its parameters.
    BackwardSpectralNorm,
    /// An optimizer step on a network's parameters.
    AdamStep {
        /// The network.
        role: Role,
        /// Whether it is the iteration's last one, which increments the iteration counter.
        last: bool,
    },
    /// Normalizes the discriminator's weights by their spectral norms.
    SpectralNorm,
    /// Adds the generator's weights to their moving average.
    Average,
    /// Copies the metrics to the next iteration, which may not compute all of them.
    CarryMetrics,
}

/// The images that the discriminator sees in a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Images {
    /// Fakes.
    Fake,
    /// Real images, then fakes.
    RealAndFake,
    /// The same, and from the first layer with dropout on the fakes once more, with the masks of the
    /// generator's update.
    FakeTwice,
    /// Real images, fakes, then points between them.
    WithInterpolated,
}

impl Images {
    /// The batches: 0 holds real images, 1 fakes, 2 points between them.
    pub fn batches(self) -> Range<usize> {
        match self {
            Images::Fake => 1..2,
            Images::RealAndFake | Images::FakeTwice => 0..2,
            Images::WithInterpolated => 0..3,
        }
    }

    /// The batches of the discriminator's outputs.
    pub fn outputs(self) -> Range<usize> {
        if self == Images::FakeTwice { 0..3 } else { self.batches() }
    }
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
    /// Whether the last batch is the one before it once more, with the masks of the generator's update.
    pub merged: bool,
}

impl Step {
    /// The forward pass of this step, if it has one.
    pub fn pass(self) -> Option<Pass> {
        let (network, update, batches, merged) = match self {
            Step::Generate { update } => (Role::Generator, update, 1, false),
            Step::Discriminate { update, images } => {
                let (batches, merged) = (images.outputs().len(), images == Images::FakeTwice);
                (Role::Discriminator, update, batches, merged)
            }
            _ => return None,
        };
        Some(Pass { network, update, batches, merged })
    }
}

/// The steps of the first iteration, which has all parts.
pub fn iteration(model: &Model) -> Vec<Step> {
    iteration_of(model, Parts::after(0, model.settings()))
}

/// The steps of an iteration with these parts, in order.
pub fn iteration_of(model: &Model, parts: Parts) -> Vec<Step> {
    let settings = model.settings();
    let mut steps = vec![Step::PrepareInputs];
    if parts.generator && merges_updates(model) {
        steps.extend(merged_updates(model));
    } else {
        steps.extend(updates(model, parts));
    }
    let is_adam_step = |step: &Step| matches!(step, Step::AdamStep { .. });
    if let Some(end) = steps.iter().rposition(is_adam_step)
        && let Step::AdamStep { last, .. } = &mut steps[end]
    {
        *last = true;
        // Metrics are carried before the counter changes.
        let carries = settings.n_critic > 1 || settings.penalty_interval > 1;
        steps.splice(end..end, carries.then_some(Step::CarryMetrics));
    }
    steps
}

/// The same for several ranks: gradients are added up before they are used.
pub fn iteration_of_ranks(model: &Model, parts: Parts) -> Vec<Step> {
    let normalized = model.settings().spectral_norm.then_some(Role::Discriminator);
    let with_sum = |step| {
        let summed = match step {
            Step::BackwardSpectralNorm => Some(Role::Discriminator),
            Step::AdamStep { role, .. } if normalized != Some(role) => Some(role),
            _ => None,
        };
        summed.map(Step::AllReduce).into_iter().chain([step])
    };
    iteration_of(model, parts).into_iter().flat_map(with_sum).collect()
}

/// The steps of both updates, one after the other.
fn updates(model: &Model, parts: Parts) -> Vec<Step> {
    let settings = model.settings();
    let order = match settings.order {
        Order::DFirst => [Role::Discriminator, Role::Generator],
        Order::GFirst => [Role::Generator, Role::Discriminator],
    };
    let updates: Vec<Role> =
        order.into_iter().filter(|&role| role == Role::Discriminator || parts.generator).collect();
    let mut steps = Vec::new();
    for (i, &role) in updates.iter().enumerate() {
        if i == 0 || settings.fakes == Fakes::Fresh {
            steps.push(Step::Generate { update: role });
        }
        steps.extend(update(model, role, parts));
    }
    steps
}

/// The steps of one network's update. If the discriminator pass is shared, the generator's update
/// runs it on all images, and the discriminator's update uses the same outputs.
fn update(model: &Model, update: Role, parts: Parts) -> Vec<Step> {
    let shared = parts.generator && shares_discriminator_pass(model);
    let (loss, settings) = (Step::Loss { update }, model.settings());
    let mut steps = Vec::new();
    if !shared || update == Role::Generator {
        let all = shared || update == Role::Discriminator;
        let images = images(settings, all, parts);
        if !settings.augment.is_empty() {
            steps.push(Step::Augment { update, images });
        }
        if all && parts.penalties && settings.gp > 0.0 {
            steps.push(Step::Interpolate);
        }
        steps.push(Step::Discriminate { update, images });
    }
    match update {
        Role::Discriminator if parts.penalties => {
            steps.extend([loss, Step::Penalize, Step::BackwardPenalized]);
        }
        Role::Discriminator => steps.extend([loss, Step::Backward(update)]),
        Role::Generator => steps.extend([loss, Step::BackwardToFakes, Step::Backward(update)]),
    }
    steps.extend(optimizer_steps(settings, update));
    steps
}

/// The change of a network's weights, and what depends on them alone.
fn optimizer_steps(settings: &Settings, role: Role) -> impl Iterator<Item = Step> {
    let normalizes = role == Role::Discriminator && settings.spectral_norm;
    let averages = role == Role::Generator && settings.ema.is_some();
    let before = normalizes.then_some(Step::BackwardSpectralNorm);
    let after = [(normalizes, Step::SpectralNorm), (averages, Step::Average)];
    let after = after.into_iter().filter_map(|(applies, step)| applies.then_some(step));
    before.into_iter().chain([Step::AdamStep { role, last: false }]).chain(after)
}

/// The steps of both updates, with one forward and one backward pass of the discriminator.
fn merged_updates(model: &Model) -> Vec<Step> {
    let (update, settings) = (Role::Generator, model.settings());
    let twice = model.discriminator().has_dropout();
    let images = if twice { Images::FakeTwice } else { Images::RealAndFake };
    let mut steps = vec![Step::Generate { update }];
    if !settings.augment.is_empty() {
        steps.push(Step::Augment { update, images });
    }
    steps.extend([Step::Discriminate { update, images }, Step::Losses, Step::BackwardMerged]);
    steps.extend(optimizer_steps(settings, Role::Discriminator));
    steps.push(Step::Backward(Role::Generator));
    steps.extend(optimizer_steps(settings, Role::Generator));
    steps
}

/// Whether both updates are merged: the generator is updated first, so that the discriminator's weights
/// do not change between its passes, on the same fakes. Not with BatchNorm in the discriminator, whose
/// running statistics every pass changes; nor with penalties, nor with pairs of images that have other
/// dropout masks for each update.
fn merges_updates(model: &Model) -> bool {
    let &Settings { order, fakes, loss, .. } = model.settings();
    let discriminator = model.discriminator();
    order == Order::GFirst
        && fakes == Fakes::Same
        && !model.settings().is_penalized()
        && !discriminator.has_batch_norm()
        && !(loss.is_paired() && discriminator.has_dropout())
}

/// The images that the discriminator sees for an update, or for both.
fn images(settings: &Settings, for_discriminator: bool, parts: Parts) -> Images {
    match for_discriminator {
        true if parts.penalties && settings.gp > 0.0 => Images::WithInterpolated,
        true => Images::RealAndFake,
        false if settings.loss.is_paired() => Images::RealAndFake,
        false => Images::Fake,
    }
}

/// Whether one discriminator forward pass serves both updates, which are not merged: the discriminator is
/// updated second, on the same fakes, and has neither dropout (random) nor BatchNorm (each pass changes
/// its running statistics).
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

/// The largest number of batches of images that the discriminator sees in one pass.
pub fn max_batches_of_images(steps: &[Step]) -> usize {
    let seen = steps.iter().filter_map(|step| match step {
        Step::Discriminate { images, .. } => Some(images.batches().len()),
        _ => None,
    });
    seen.max().unwrap_or(0)
}

/// The largest number of batches of gradients in one backward pass of a network.
pub fn max_batches_of_gradients(steps: &[Step], role: Role) -> usize {
    let merged = role == Role::Discriminator && steps.contains(&Step::BackwardMerged);
    max_batches_per_pass(steps, role).max(if merged { MERGED_BATCHES } else { 0 })
}

/// The number of batches of each pass of a network.
fn batches(steps: &[Step], role: Role) -> impl Iterator<Item = usize> {
    let passes = steps.iter().filter_map(|step| step.pass());
    passes.filter(move |pass| pass.network == role).map(|pass| pass.batches)
}
