//! A training iteration as a list of steps. The engine runs this list; the memory plan, the work
//! estimate and the diagram are computed from it.

use std::ops::Range;

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
    /// Backward: the gradients of a network's parameters. The generator's are backpropagated
    /// through the discriminator, whose own parameter gradients are not computed.
    Backward(Role),
    /// Backward through the discriminator to its images, and the penalties on the gradients with
    /// respect to them.
    Penalize,
    /// The gradients of the discriminator's parameters from loss and penalties together.
    BackwardPenalized,
    /// From the gradients of the discriminator's normalized weights to those of its parameters.
    BackwardSpectralNorm,
    /// An optimizer step on a network's parameters.
    AdamStep(Role),
    /// Normalizes the discriminator's weights by their spectral norms.
    SpectralNorm,
    /// Adds the generator's weights to their moving average.
    Average,
    /// Copies the metrics to the next iteration, which may not compute all of them.
    CarryMetrics,
    /// Increments the iteration counter.
    Advance,
}

/// The images that the discriminator sees in a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Images {
    /// Fakes.
    Fake,
    /// Real images, then fakes.
    RealAndFake,
    /// Real images, fakes, then points between them.
    WithInterpolated,
}

impl Images {
    /// The batches: 0 holds real images, 1 fakes, 2 points between them.
    pub fn batches(self) -> Range<usize> {
        match self {
            Images::Fake => 1..2,
            Images::RealAndFake => 0..2,
            Images::WithInterpolated => 0..3,
        }
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
}

/// What an iteration does: the generator's update and the penalties can be rarer than the
/// discriminator's update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parts {
    /// Whether the generator is updated.
    pub generator: bool,
    /// Whether the discriminator's gradients are penalized.
    pub penalties: bool,
}

impl Parts {
    /// The parts of the iteration that follows `completed` ones.
    pub fn after(completed: u32, settings: &Settings) -> Self {
        Self {
            generator: completed.is_multiple_of(settings.n_critic),
            penalties: settings.is_penalized()
                && completed.is_multiple_of(settings.penalty_interval),
        }
    }

    /// The parts of consecutive iterations, after which they repeat.
    pub fn of_period(settings: &Settings) -> impl Iterator<Item = Self> {
        let penalties = if settings.is_penalized() { settings.penalty_interval } else { 1 };
        let period = least_common_multiple(settings.n_critic, penalties);
        (0..period).map(|completed| Self::after(completed, settings))
    }
}

fn least_common_multiple(a: u32, b: u32) -> u32 {
    let mut multiples = (1..=b).map(|factor| factor * a);
    multiples.find(|multiple| multiple.is_multiple_of(b)).unwrap_or(a * b)
}

impl Step {
    /// The forward pass of this step, if it has one.
    pub fn pass(self) -> Option<Pass> {
        let (network, update, batches) = match self {
            Step::Generate { update } => (Role::Generator, update, 1),
            Step::Discriminate { update, images } => {
                (Role::Discriminator, update, images.batches().len())
            }
            _ => return None,
        };
        Some(Pass { network, update, batches })
    }
}

/// The steps of the first iteration, which has all parts.
pub fn iteration(model: &Model) -> Vec<Step> {
    iteration_of(model, Parts::after(0, model.settings()))
}

/// The steps of an iteration with these parts, in order.
pub fn iteration_of(model: &Model, parts: Parts) -> Vec<Step> {
    let settings = model.settings();
    let order = match settings.order {
        Order::DFirst => [Role::Discriminator, Role::Generator],
        Order::GFirst => [Role::Generator, Role::Discriminator],
    };
    let updates: Vec<Role> =
        order.into_iter().filter(|&role| role == Role::Discriminator || parts.generator).collect();
    let mut steps = vec![Step::PrepareInputs];
    for (i, &role) in updates.iter().enumerate() {
        if i == 0 || settings.fakes == Fakes::Fresh {
            steps.push(Step::Generate { update: role });
        }
        steps.extend(update(model, role, parts));
    }
    if settings.n_critic > 1 || settings.penalty_interval > 1 {
        steps.push(Step::CarryMetrics);
    }
    steps.push(Step::Advance);
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
        _ => steps.extend([loss, Step::Backward(update)]),
    }
    let normalizes = update == Role::Discriminator && settings.spectral_norm;
    steps.extend(normalizes.then_some(Step::BackwardSpectralNorm));
    steps.push(Step::AdamStep(update));
    steps.extend(normalizes.then_some(Step::SpectralNorm));
    if update == Role::Generator && settings.ema.is_some() {
        steps.push(Step::Average);
    }
    steps
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
