//! The loss function and the optimizer, if they were printed, too.

use crate::device::ops::Adam;
use crate::gan::settings::Loss;

/// Most GANs' Adam: the one of the DCGAN paper.
const USUAL: Adam = Adam { lr: 0.0002, b1: 0.5, b2: 0.999, eps: 1e-8 };

/// What was printed about training.
#[derive(Default)]
pub(super) struct Training {
    pub(super) loss: Option<Loss>,
    pub(super) adam: Option<Adam>,
    /// What this program does not have.
    pub(super) warnings: Vec<String>,
}

impl Training {
    /// Reads a line that is a printed loss function; ignores all others.
    pub(super) fn read_loss(&mut self, line: &str) {
        self.loss = match line {
            "BCELoss()" => Some(Loss::Bce),
            "BCEWithLogitsLoss()" => Some(Loss::BceLogits),
            "MSELoss()" => Some(Loss::Mse),
            _ => self.loss,
        };
    }

    /// Reads an optimizer's settings up to the closing parenthesis.
    pub(super) fn read_optimizer<'a>(
        &mut self,
        class: &str,
        settings: impl Iterator<Item = &'a str>,
    ) {
        let mut adam = USUAL;
        for (key, value) in settings.take_while(|&line| line != ")").filter_map(setting) {
            match (key, value) {
                ("lr", value) => adam.lr = value.parse().unwrap_or(adam.lr),
                ("eps", value) => adam.eps = value.parse().unwrap_or(adam.eps),
                ("betas", value) => [adam.b1, adam.b2] = pair(value).unwrap_or([adam.b1, adam.b2]),
                ("weight_decay", value) if value.parse() != Ok(0.0) => {
                    self.warnings
                        .push(format!("{class} has weight_decay {value}; Adam has none here"));
                }
                _ => {}
            }
        }
        if class != "Adam" {
            self.warnings.push(format!("the optimizer is {class}; here it is always Adam"));
        } else if self.adam.is_some_and(|other| other != adam) {
            self.warnings.push(
                "the two Adam differ; here both networks have the first one's settings".to_owned(),
            );
        } else {
            self.adam = Some(adam);
        }
    }

    /// The printed Adam, or the usual one.
    pub(super) fn adam(&self) -> Adam {
        self.adam.unwrap_or(USUAL)
    }

    /// The printed loss function, or the usual one for the discriminator's output.
    pub(super) fn loss(&self, probabilities: bool) -> Loss {
        self.loss.unwrap_or(if probabilities { Loss::Bce } else { Loss::BceLogits })
    }
}

fn setting(line: &str) -> Option<(&str, &str)> {
    line.split_once(": ")
}

/// The numbers in `(0.5, 0.999)`.
fn pair(text: &str) -> Option<[f64; 2]> {
    let (a, b) = text.strip_prefix('(')?.strip_suffix(')')?.split_once(", ")?;
    Some([a.parse().ok()?, b.parse().ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(class: &str, settings: &str) -> Training {
        let mut training = Training::default();
        training.read_optimizer(class, settings.lines());
        training
    }

    #[test]
    fn adam_is_read_as_printed() {
        let training =
            read("Adam", "Parameter Group 0\nbetas: (0.9, 0.99)\neps: 1e-07\nlr: 0.001\n)\nlr: 3");
        assert_eq!(training.adam(), Adam { lr: 0.001, b1: 0.9, b2: 0.99, eps: 1e-7 });
        assert!(training.warnings.is_empty());
    }

    #[test]
    fn other_optimizers_and_weight_decay_are_reported() {
        let training = read("RMSprop", "lr: 0.00005\nweight_decay: 0\n)");
        assert_eq!((training.adam(), training.warnings.len()), (USUAL, 1));
        assert!(read("Adam", "weight_decay: 0.1\n)").warnings[0].contains("weight_decay 0.1"));
    }

    #[test]
    fn second_adam_that_differs_is_reported() {
        let mut training = read("Adam", "lr: 0.1\n)");
        training.read_optimizer("Adam", "lr: 0.1\n)".lines());
        assert!(training.warnings.is_empty());
        training.read_optimizer("Adam", "lr: 0.2\n)".lines());
        assert_eq!((training.adam().lr, training.warnings.len()), (0.1, 1));
    }
}
