//! Checkpoints are refused for other networks and configurations.

use gan_cuda::formats::tensor_file::{TensorFile, TensorWriter};
use gan_cuda::gan::{Gan, Role};
use gan_cuda::run;
use gan_cuda::run::checkpoint::CheckpointProblem;
use gan_cuda::run::snapshot;
use gan_cuda::train::trainer::TrainingImages;
use gan_cuda::train::{Error, Result};

use super::*;

/// Tries to resume a run of `preset` with the configuration `other`.
fn resume_as(preset: &Preset, other: &Config) -> Result<()> {
    let config = config(preset, 1, 1);
    let (_runs, _, run) = trained(&config, 16);
    let before = left_by(&run);
    let data = digits(16, other.gan.image);
    let locked = (run.clone(), run.lock().unwrap());
    let checkpoint = Checkpoint::load(&run.checkpoint(1)).unwrap();
    let result = Trainer::resume(
        other.clone(),
        Cpu::<f32>::new(1),
        TrainingImages::of(&data),
        locked,
        &checkpoint,
    );
    assert_same(&left_by(&run), &before, "a refusal must not change the run");
    assert_eq!(Config::read(&run.config()).unwrap(), config);
    result.map(drop)
}

/// Tries to restore networks of `other` from a checkpoint of `preset`.
fn restored(preset: &Preset, other: &Config) -> run::Result<()> {
    let (_runs, _, run) = trained(&config(preset, 1, 1), 16);
    let checkpoint = Checkpoint::load(&run.checkpoint(1))?;
    let mut gan = Gan::new(Cpu::<f32>::new(1), other.model()?, 0)?;
    snapshot::restore(&mut gan, &checkpoint, other).map(drop)
}

#[test]
fn checkpoint_of_another_preset_is_refused_with_both_names() {
    // At these sizes, both presets have the same tensors; activations and losses differ.
    let mut other = config(preset("mlp-batchnorm"), 2, 1);
    let colour = Rewrite { channels: Some(3), ..Rewrite::default() };
    colour.apply("mlp-batchnorm", &mut other.gan).unwrap();
    let error = resume_as(preset("mlp-rgb"), &other).unwrap_err();
    assert!(matches!(&error, Error::ConfigChanged { key } if key == "preset"), "{error}");
    let error = restored(preset("mlp-rgb"), &other).unwrap_err();
    let run::Error::Checkpoint(problem) = &error else { panic!("{error}") };
    let CheckpointProblem::OtherNetworks { key: "preset", got, expected, .. } = problem else {
        panic!("{error}");
    };
    assert_eq!((got.as_str(), expected.as_str()), ("mlp-rgb", "mlp-batchnorm"));
    let message = error.to_string();
    assert!(message.contains("checkpoint-000001/generator.safetensors"), "{message}");
    assert!(message.contains("its preset is mlp-rgb, not mlp-batchnorm"), "{message}");
}

#[test]
fn checkpoint_with_other_layers_is_refused_with_the_difference() {
    let none = Rewrite::default;
    for (key, rewrite) in [
        ("latent_dim", Rewrite { latent_dim: Some(11), ..none() }),
        ("image_shape", Rewrite { image_size: Some(13), ..none() }),
        ("classes", Rewrite { classes: Some(11), ..none() }),
        ("generator", Rewrite { g_hidden: Some(vec![33, 24]), ..none() }),
        ("discriminator", Rewrite { d_hidden: Some(vec![32, 17, 3]), ..none() }),
        // All tensors are the same.
        ("generator", Rewrite { leaky_slope: Some(0.3), ..none() }),
        ("discriminator", Rewrite { dropout: Some(0.3), ..none() }),
    ] {
        let mut other = config(preset("cgan"), 2, 1);
        rewrite.apply("cgan", &mut other.gan).unwrap();
        let error = resume_as(preset("cgan"), &other).unwrap_err();
        assert!(matches!(error, Error::ConfigChanged { .. }), "{key}: {error}");
        let error = restored(preset("cgan"), &other).unwrap_err();
        assert!(error.to_string().contains(&format!("its {key} is ")), "{key}: {error}");
    }
}

#[test]
fn weights_that_are_not_finite_are_not_saved() {
    let config = config(preset("mlp"), 1, 1);
    let cpu = Cpu::<f32>::new(1);
    let mut gan = Gan::new(cpu, config.model().unwrap(), 0).unwrap();
    let progress =
        snapshot::Progress { iteration: 7, seconds: 0.0, lengths: Default::default(), data: 0 };
    let runs = tempfile::tempdir().unwrap();
    let run = RunDir::create(runs.path(), "mlp").unwrap();
    snapshot::checkpoint_writer(
        &gan,
        &config,
        progress,
        &gan.save_metrics(progress.iteration).unwrap(),
    )
    .unwrap()
    .save(&run, 7)
    .unwrap();
    let (device, discriminator) = gan.trained_network_mut(Role::Discriminator);
    let params = discriminator.network.params_mut();
    let mut bias = params.read(device, &params.list()[1]).unwrap();
    bias[3] = f32::INFINITY;
    params.write(device, 1, &bias).unwrap();
    let error = snapshot::checkpoint_writer(
        &gan,
        &config,
        progress,
        &gan.save_metrics(progress.iteration).unwrap(),
    )
    .unwrap()
    .save(&run, 7)
    .unwrap_err();
    let error = error.to_string();
    assert!(error.contains("the discriminator's 0.bias is inf at iteration 7"), "{error}");
    let kept = Checkpoint::load(&run.checkpoint(7)).unwrap();
    assert!(
        kept.discriminator.floats("0.bias", &[32], |x| x as f32).is_ok(),
        "the old one was replaced"
    );
}

#[test]
fn tensor_with_another_shape_is_refused_with_its_name() {
    let config = config(preset("mlp"), 1, 1);
    let (_runs, _, run) = trained(&config, 16);
    let mut checkpoint = Checkpoint::load(&run.checkpoint(1)).unwrap();
    let mut generator = TensorWriter::new();
    generator.metadata.clone_from(checkpoint.generator.metadata());
    generator.push("0.weight", &[2, 3], [Ok(vec![0.0_f32; 6])]);
    let bytes = runs::tensors::bytes(generator);
    checkpoint.generator = TensorFile::from_bytes(Path::new("g"), &bytes).unwrap();
    let cpu = Cpu::<f32>::new(1);
    let mut gan = Gan::new(cpu, config.model().unwrap(), 0).unwrap();
    let error = snapshot::restore(&mut gan, &checkpoint, &config).unwrap_err().to_string();
    assert!(error.contains("0.weight") && error.contains("[2, 3], not [24, 10]"), "{error}");
}
