//! Runs with penalties, averages, schedules and other techniques.

use gan_cuda::gan::Role;
use gan_cuda::gan::settings::Fakes;

use super::*;

/// With batches of 16, an epoch has three iterations, the last of which is short.
const IMAGES: usize = 40;

/// Iterations without an update of the generator or without penalties are among those that are resumed
/// from.
#[test]
fn resumed_run_with_every_technique_equals_uninterrupted_run() {
    for name in ["mlp", "cgan"] {
        let whole = Config { gan: with_everything(preset(name)), ..config(preset(name), 14, 1) };
        let (_runs, data, run) = trained(&whole, IMAGES);
        let want = left_by(&run);
        assert!(want.keys().any(|name| name.ends_with("/generator_ema")), "{:?}", want.keys());
        for checkpoint in [13, 12, 11] {
            let mut trainer = resume(&whole, &data, &run, checkpoint);
            trainer.train(&mut (), &NEVER).unwrap();
            assert_same(&left_by(&run), &want, &format!("{name}, from {checkpoint}"));
        }
    }
}

#[test]
fn average_starts_from_the_initial_weights_and_follows_the_generator() {
    let mut one = config(preset("mlp"), 1, 1);
    one.gan.ema = Some(0.75);
    let (_runs, data, run) = trained(&one, IMAGES);
    let model = Model::new(one.gan.clone()).unwrap();
    let initial = gan_cuda::gan::Gan::new(Cpu::<f32>::new(1), model, one.seed).unwrap();
    let network = &initial.trained_network(Role::Generator).network;
    let trainer = resume(&one, &data, &run, 1);
    let gan = trainer.gan();
    let trained = &gan.trained_network(Role::Generator).network;
    for param in network.params().list() {
        let [before, after, average] = [network, trained, gan.average().unwrap()]
            .map(|network| network.params().read(gan.device(), param).unwrap());
        for ((before, after), average) in before.into_iter().zip(after).zip(average) {
            assert!((0.75 * before + 0.25 * after - average).abs() < 1e-6, "{}", param.name);
        }
    }
}

#[test]
fn batches_are_counted_in_iterations_with_and_without_an_update_of_the_generator() {
    let mut whole = config(preset("mlp"), 7, 1);
    (whole.gan.n_critic, whole.gan.fakes) = (3, Fakes::Fresh);
    let (_runs, data, run) = trained(&whole, IMAGES);
    // From the last, as resuming removes what comes later.
    for done in (1..=7).rev() {
        let trainer = resume(&whole, &data, &run, done);
        let updates = done.div_ceil(3);
        // Fakes for the discriminator's update; real images and fakes.
        for (role, of_d) in [(Role::Generator, 1), (Role::Discriminator, 2)] {
            assert_eq!(trainer.gan().batches_tracked(role), of_d * done + updates, "{done}");
        }
    }
}

#[test]
fn generator_is_updated_in_every_third_iteration_only() {
    let mut settings = config(preset("mlp"), 7, 1);
    settings.gan.n_critic = 3;
    let (_runs, _, run) = trained(&settings, IMAGES);
    let files = left_by(&run);
    let weights =
        |iteration: u32, network: &str| &files[&format!("checkpoint-{iteration:06}/{network}")];
    for iteration in 2..=7 {
        let moved = |network| weights(iteration - 1, network) != weights(iteration, network);
        assert!(moved("discriminator"), "iteration {iteration}");
        assert_eq!(moved("generator"), iteration % 3 == 1, "iteration {iteration}");
    }
}
