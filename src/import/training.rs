//! The loss function and the optimizer, if they were printed, too.

use crate::device::ops::Adam;
use crate::gan::settings::Loss;

/// Most GANs' Adam: the one of the DCGAN paper.
const USUAL: Adam = Adam::constant(0.0002, [0.5, 0.999], 1e-8);

/// What was printed about training.
#[derive(Default)]
pub(super) struct Training {
    pub(super) loss: Option<Loss>,
    pub(super) adam: Option<Adam>,
    /// What this program does not have.
    pub(super) warnings: Vec<String>,
}

impl Training {
    /// Reads a line that ends with a printed loss function; ignores all others.
    pub(super) fn read_loss(&mut self, line: &str) {
        let printed = line.rsplit([' ', '=', ':']).next().unwrap_or_default();
        let loss = match printed {
            "BCELoss()" => Loss::Bce,
            "BCEWithLogitsLoss()" => Loss::BceLogits,
            "MSELoss()" => Loss::Mse,
            _ if printed.ends_with("Loss()") => {
                self.warnings.push(format!("{printed} is not a loss function of this program"));
                return;
            }
            _ => return,
        };
        if *self.loss.get_or_insert(loss) != loss {
            self.warnings.push(format!("of several loss functions, {printed} is ignored"));
        }
    }

    /// Reads an optimizer's settings.
    pub(super) fn read_optimizer(&mut self, class: &str, settings: &[&str]) {
        if class != "Adam" {
            self.warnings.push(format!("the optimizer is {class}; here it is always Adam"));
            return;
        }
        for group in settings.split(|line| line.starts_with("Parameter Group")).skip(1) {
            let adam = self.read_adam(group);
            if *self.adam.get_or_insert(adam) != adam {
                self.warnings.push("other settings of Adam than the first are ignored".to_owned());
            }
        }
    }

    fn read_adam(&mut self, settings: &[&str]) -> Adam {
        let mut adam = USUAL;
        for &line in settings {
            let Some((key, value)) = line.split_once(": ") else { continue };
            let read = match key {
                "lr" => value.parse().map(|lr| adam.lr = lr).is_ok(),
                "eps" => value.parse().map(|eps| adam.eps = eps).is_ok(),
                "betas" => pair(value).map(|betas| [adam.b1, adam.b2] = betas).is_some(),
                "weight_decay" => value.parse() == Ok(0.0),
                "amsgrad" | "maximize" => value == "False",
                _ => true,
            };
            if !read {
                self.warnings.push(format!("Adam's {line} cannot be used and is ignored"));
            }
        }
        adam
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
        let settings = format!("Parameter Group 0\n{settings}");
        training.read_optimizer(class, &settings.lines().collect::<Vec<_>>());
        training
    }

    #[test]
    fn adam_is_read_as_printed() {
        let training = read("Adam", "betas: (0.9, 0.99)\neps: 1e-07\nlr: 0.001\namsgrad: False");
        assert_eq!(training.adam(), Adam::constant(0.001, [0.9, 0.99], 1e-7));
        assert!(training.warnings.is_empty());
    }

    #[test]
    fn what_this_adam_does_not_have_is_reported() {
        for line in ["weight_decay: 0.1", "amsgrad: True", "lr: tensor(0.1)"] {
            let training = read("Adam", line);
            assert_eq!((training.adam(), training.warnings.len()), (USUAL, 1), "{line}");
            assert!(training.warnings[0].contains(line));
        }
        assert_eq!(read("RMSprop", "lr: 0.1").warnings.len(), 1);
    }

    #[test]
    fn second_group_or_adam_that_differs_is_reported() {
        let training = read("Adam", "lr: 0.1\nParameter Group 1\nlr: 0.2");
        assert_eq!((training.adam().lr, training.warnings.len()), (0.1, 1));
        let training = read("Adam", "lr: 0.1\nParameter Group 1\nlr: 0.1");
        assert!(training.warnings.is_empty());
    }

    #[test]
    fn first_loss_is_taken_and_others_are_reported() {
        let mut training = Training::default();
        for line in ["loss: MSELoss()", "epoch 3", "criterion = MSELoss()"] {
            training.read_loss(line);
        }
        assert!(training.loss == Some(Loss::Mse) && training.warnings.is_empty());
        training.read_loss("BCELoss()");
        training.read_loss("L1Loss()");
        assert_eq!((training.loss, training.warnings.len()), (Some(Loss::Mse), 2));
    }
}
