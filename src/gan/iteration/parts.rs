//! The parts of an iteration, of which some are rarer than others.

use crate::gan::settings::Settings;

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
