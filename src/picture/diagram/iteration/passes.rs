//! The boxes of forward and backward passes, of losses and penalties.

use super::{IMAGES, INPUTS, IterationPanel, LOSS, Phase, WEIGHT_GRADIENTS, letter};
use crate::gan::Role;
use crate::gan::iteration::Images;
use crate::gan::settings::{Fakes, Order};
use crate::nn::MERGED_BATCHES;
use crate::picture::diagram::{Flow, Kind, formulas, shape};

impl IterationPanel<'_> {
    /// New fakes from new noise.
    pub(super) fn generate(&mut self) {
        let (batch, settings, row) = (self.settings.batch_size, self.settings, self.row);
        self.generated += 1;
        let (new, again, number) = match self.generated {
            1 => ("", "", 1),
            number => ("new ", " again", number),
        };
        self.lane(format!("G generates{again}"), 1);
        let latent = settings.latent;
        let mut lines = vec![
            format!("{new}noise z"),
            format!("{}, {latent}", shape(&[batch, settings.latent_dim])),
        ];
        if let Some(classes) = settings.classes {
            lines.push(format!("classes y {}, 0 to {}", shape(&[batch]), classes - 1));
        }
        let noise = self.node(format!("noise_{number}"), Kind::Input, lines, INPUTS, row);
        let mut lines = vec!["G forward".to_owned(), format!("{batch} rows")];
        lines.extend(self.in_training(Role::Generator));
        let pass = self.pass(Role::Generator, Phase::Forward, lines, row);
        let mut lines = vec![
            format!("{new}fakes {}", formulas::fake(self.settings)),
            shape(&[batch, self.pixels]),
        ];
        if settings.classes.is_some() {
            lines.push(format!("of classes y {}", shape(&[batch])));
        }
        self.fakes = self.node(format!("fakes_{number}"), Kind::Tensor, lines, IMAGES, row);
        self.forward(&noise, &pass, vec![]);
        self.panel.edge(&pass, &self.fakes, Flow::Forward, vec![]);
        self.row += 1;
    }

    /// A forward pass of the discriminator. If the generator's update includes real images, both
    /// updates share the pass, or its loss pairs real images and fakes.
    pub(super) fn discriminate(&mut self, update: Role, images: Images) {
        self.start_update(update);
        let count = images.outputs().len() * self.packs();
        let rows = match images {
            Images::Fake => format!("{count} rows: fake"),
            Images::RealAndFake => format!("{count} rows: real, then fake"),
            Images::FakeTwice => format!("{count} rows: real, fake, fake"),
            Images::WithInterpolated => format!("{count} rows: real, fake, x̂"),
        };
        let paired = self.settings.loss.is_paired();
        let (input, lines) = match (update, images) {
            (Role::Generator, Images::Fake) => (self.fakes.clone(), vec![rows]),
            (Role::Generator, _) if !paired || self.settings.order == Order::GFirst => {
                let both = vec![format!("{rows},"), "for both updates".to_owned()];
                (self.gather(Flow::Forward, images), both)
            }
            (Role::Generator, _) => (self.gather(Flow::Forward, images), vec![rows]),
            (Role::Discriminator, _) => (self.gather(Flow::Detached, images), vec![rows]),
        };
        self.discriminator_forward(&input, lines);
    }

    /// Rows of the discriminator for a batch of images.
    fn packs(&self) -> usize {
        self.settings.batch_size / self.settings.pack
    }

    pub(super) fn loss(&mut self, update: Role) {
        self.start_update(update);
        let (packs, row) = (self.packs(), self.row);
        let (lines, rows) = match update {
            Role::Discriminator => (formulas::of_discriminator(self.settings), 2 * packs),
            Role::Generator if self.settings.loss.is_paired() => {
                (formulas::of_generator(self.settings), 2 * packs)
            }
            Role::Generator => (formulas::of_generator(self.settings), packs),
        };
        let id = format!("loss_{}", letter(update));
        // Beside all passes that it has arrows to.
        let penalized = update == Role::Discriminator && self.settings.is_penalized();
        let end = if penalized { row + 3 } else { row + 2 };
        let loss = self.panel.node(id, Kind::Loss, lines, LOSS, row..end);
        let outputs = self.outputs(rows);
        self.forward(&self.d_forward.clone(), &loss, outputs);
        self.loss = (loss, rows);
    }

    /// Both losses, of the outputs of one pass.
    pub(super) fn losses(&mut self) {
        let (packs, row, settings) = (self.packs(), self.row, self.settings);
        let lines =
            [formulas::of_discriminator(settings), formulas::of_generator(settings)].concat();
        let loss = self.panel.node("losses".to_owned(), Kind::Loss, lines, LOSS, row..row + 2);
        let outputs = self.outputs(self.model.discriminator().merged_outputs() * packs);
        self.forward(&self.d_forward.clone(), &loss, outputs);
        self.loss = (loss, MERGED_BATCHES * packs);
    }

    pub(super) fn backward_discriminator(&mut self) {
        let lines = [WEIGHT_GRADIENTS, "no input gradient"];
        self.backward_losses(Phase::BackwardWeights, &lines);
    }

    pub(super) fn backward_to_fakes(&mut self) {
        self.loss.1 = self.packs();
        let lines = ["input gradient", "no weight gradients"];
        self.backward_to_fakes = self.backward_losses(Phase::BackwardInput, &lines);
    }

    pub(super) fn backward_merged(&mut self) {
        let lines = ["weight gradients,", "from D's loss;", "gradient of fakes,", "from G's loss"];
        self.backward_to_fakes = self.backward_losses(Phase::BackwardWeights, &lines);
    }

    /// A backward pass of the discriminator from the latest loss.
    fn backward_losses(&mut self, phase: Phase, lines: &[&str]) -> String {
        let (row, (loss, rows)) = (self.row + 1, self.loss.clone());
        let lines = [&["D backward"], lines].concat().into_iter().map(str::to_owned).collect();
        let pass = self.pass(Role::Discriminator, phase, lines, row);
        self.gradient(&loss, &pass, rows, 1);
        pass
    }

    pub(super) fn backward_generator(&mut self) {
        let row = self.row + 1;
        let lines = vec!["G backward".to_owned(), WEIGHT_GRADIENTS.to_owned()];
        let pass = self.pass(Role::Generator, Phase::BackwardWeights, lines, row);
        let from = self.backward_to_fakes.clone();
        self.gradient(&from, &pass, self.settings.batch_size, self.pixels);
    }

    /// A backward pass to the images, and the penalties on the gradients with respect to them.
    pub(super) fn penalize(&mut self) {
        let row = self.row + 1;
        let lines = ["D backward from ones", "gradients of images", "and of biases"];
        let lines = lines.map(str::to_owned).to_vec();
        let pass = self.pass(Role::Discriminator, Phase::BackwardInput, lines, row);
        let lines = formulas::of_penalties(self.settings);
        let id = "penalties".to_owned();
        let penalties = self.panel.node(id, Kind::Loss, lines, IMAGES, row..row + 2);
        let rows = self.settings.penalized_batches().len() * self.packs();
        self.gradient(&pass, &penalties, rows, self.settings.pack * self.pixels);
        self.penalties = (penalties, rows);
        self.row += 1;
    }

    /// The gradients of the discriminator's weights, from loss and penalties together.
    pub(super) fn backward_penalized(&mut self) {
        let ((loss, rows), (penalties, penalized)) = (self.loss.clone(), self.penalties.clone());
        let lines = ["D tangents forward", WEIGHT_GRADIENTS, "of loss and penalties"];
        let lines = lines.map(str::to_owned).to_vec();
        let row = self.row + 1;
        let pass = self.pass(Role::Discriminator, Phase::BackwardWeights, lines, row);
        self.gradient(&loss, &pass, rows, 1);
        self.gradient(&penalties, &pass, penalized, self.settings.pack * self.pixels);
    }

    /// Real images and the latest fakes as one batch, with points between them if there are three
    /// batches.
    fn gather(&mut self, fakes: Flow, images: Images) -> String {
        let (batch, row) = (self.settings.batch_size, self.row);
        let all = images.batches().len() * batch;
        if self.gathered > 0 && self.settings.fakes == Fakes::Same {
            return self.both.clone();
        }
        let mut lines = vec!["real images x".to_owned(), shape(&[batch, self.pixels])];
        if self.settings.classes.is_some() {
            lines.push(format!("of classes c {}", shape(&[batch])));
        }
        self.gathered += 1;
        let number = if self.gathered == 1 { String::new() } else { format!("_{}", self.gathered) };
        let real_images = self.node(format!("reals{number}"), Kind::Input, lines, INPUTS, row);
        let words = match images {
            Images::WithInterpolated => "real, fake, x̂ between",
            _ => "real, then fake",
        };
        let mut lines = vec![words.to_owned(), shape(&[all, self.pixels])];
        if self.settings.classes.is_some() {
            lines.push(format!("with classes {}", shape(&[all])));
        }
        if !self.settings.augment.is_empty() {
            lines.push("augmented at random".to_owned());
        }
        if self.settings.pack > 1 {
            lines.push(format!("in packs of {}", self.settings.pack));
        }
        let both = self.node(format!("both{number}"), Kind::Tensor, lines, IMAGES, row);
        let label = if fakes == Flow::Detached { vec!["detached".to_owned()] } else { vec![] };
        self.panel.edge(&self.fakes, &both, fakes, label);
        self.forward(&real_images, &both, vec![]);
        self.both.clone_from(&both);
        both
    }

    fn discriminator_forward(&mut self, input: &str, rows: Vec<String>) {
        let mut lines = vec!["D forward".to_owned()];
        lines.extend(rows);
        lines.extend(self.in_training(Role::Discriminator));
        self.d_forward = self.pass(Role::Discriminator, Phase::Forward, lines, self.row);
        self.forward(input, &self.d_forward.clone(), vec![]);
    }
}
