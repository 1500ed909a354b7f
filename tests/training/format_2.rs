//! Runs in the older format 2, whose files do not contain the networks' layers.

use gan_cuda::run::checkpoint::CheckpointWriter;
use gan_cuda::run::snapshot;
use runs::tensors;
use toml::{Table, Value};

use super::*;

const IMAGES: usize = 40;

/// The keys of `[gan]` that described a preset's layers in format 2, and their values.
fn numbers(preset: &str, widths: [&[i64]; 2]) -> Vec<(&'static str, Value)> {
    let [generator, discriminator] = widths.map(|widths| Value::try_from(widths).unwrap());
    let mut numbers = vec![
        ("g_hidden", generator),
        ("d_hidden", discriminator),
        ("d_final_relu", Value::Boolean(false)),
    ];
    let [leaky, dropout, norm] = match preset {
        "mlp" => [true, false, false],
        "mlp-dropout" => [false, true, false],
        "cgan" => [true, true, true],
        _ => [true, false, true],
    };
    // The presets' values.
    let rate = if preset == "cgan" { 0.4 } else { 0.3 };
    numbers.extend(leaky.then_some(("leaky_slope", Value::Float(0.2))));
    numbers.extend(dropout.then_some(("dropout", Value::Float(rate))));
    numbers.extend(norm.then_some(("bn_eps", Value::Float(0.8))));
    numbers.extend(norm.then_some(("bn_momentum", Value::Float(0.1))));
    numbers
}

/// A configuration as text in format 2.
fn config_in_format_2(config: &Config, widths: [&[i64]; 2]) -> String {
    let mut table: Table = toml::from_str(&config.to_text().unwrap()).unwrap();
    for key in ["summary", "source", "notes", "sample_grid"] {
        table.remove(key).unwrap();
    }
    let gan = table["gan"].as_table_mut().unwrap();
    for key in ["generator", "discriminator", "drop_last"] {
        gan.remove(key).unwrap();
    }
    for (key, value) in numbers(&config.preset, widths) {
        gan.insert(key.to_owned(), value);
    }
    toml::to_string(&table).unwrap()
}

/// Converts a run's configuration and checkpoint to format 2.
fn convert_to_format_2(run: &RunDir, iteration: u64, text: &str, widths: [&[i64]; 2]) {
    fs::write(run.config(), text).unwrap();
    let folder = run.checkpoint(iteration);
    let checkpoint = Checkpoint::load(&folder).unwrap();
    let network = |file| {
        let mut copy = tensors::copy(file);
        for key in ["generator", "discriminator"] {
            copy.metadata.remove(key).unwrap();
        }
        for (key, widths) in ["g_hidden", "d_hidden"].into_iter().zip(widths) {
            copy.metadata.insert(key.to_owned(), format!("{widths:?}"));
        }
        copy
    };
    let mut state = tensors::copy(&checkpoint.state);
    for key in ["generator_steps", "discriminator_steps"] {
        state.metadata.remove(key).unwrap();
    }
    state.metadata.insert("config".to_owned(), text.to_owned());
    let [generator, discriminator] =
        [&checkpoint.generator, &checkpoint.discriminator].map(network);
    CheckpointWriter { generator, average: None, discriminator, state }
        .save(run, iteration)
        .unwrap();
    let version = |number| format!("\"format_version\":\"{number}\"");
    forge::forge(&folder.join("state.safetensors"), &version(3), &version(2));
}

/// The widths of [`small`], and a single hidden layer for each network, which may leave no
/// BatchNorm or dropout.
const WIDTHS: [[&[i64]; 2]; 2] = [[&[24, 33], &[32, 17]], [&[24], &[32]]];

#[test]
fn resumed_run_in_format_2_equals_uninterrupted_run() {
    // Format 2 had no convolutions and no averages.
    let presets = gan_cuda::gan::preset::presets().iter();
    let is_newer =
        |preset: &Preset| runs::sizes::is_convolutional(preset) || preset.gan.ema.is_some();
    for preset in presets.filter(|preset| !is_newer(preset)) {
        for widths in WIDTHS {
            let mut whole = config(preset, 4, 2);
            let [g_hidden, d_hidden] =
                widths.map(|widths| Some(widths.iter().map(|&width| width as usize).collect()));
            let hidden = Rewrite { g_hidden, d_hidden, ..Rewrite::default() };
            hidden.apply(&preset.name, &mut whole.gan).unwrap();
            let data = digits(IMAGES, whole.gan.image);
            let runs = tempfile::tempdir().unwrap();
            let mut want = left_by(&train(&whole, &data, runs.path()));

            let half = Config { iterations: Some(2), ..whole.clone() };
            let run = train(&half, &data, runs.path());
            convert_to_format_2(&run, 2, &config_in_format_2(&half, widths), widths);
            let read = Config::read(&run.config()).unwrap();
            assert_eq!(read.gan, whole.gan, "{} {widths:?}", preset.name);
            let loaded = Checkpoint::load(&run.checkpoint(2)).unwrap();
            assert_eq!(loaded.state.metadata_value("format_version").unwrap(), "2");
            assert_eq!(snapshot::config(&loaded).unwrap(), read);
            snapshot::sampler(Cpu::<f32>::new(1), &loaded, &read, 4).unwrap();

            let longer = Config { iterations: Some(4), ..read };
            resume(&longer, &data, &run, 2).train(&mut (), &NEVER).unwrap();
            let mut got = left_by(&run);
            for files in [&mut got, &mut want] {
                without_total_epochs(files);
                // It is in format 2 in one of the runs only.
                files.retain(|name, _| !name.starts_with("checkpoint-000002"));
            }
            assert_same(&got, &want, &format!("{} {widths:?}", preset.name));
        }
    }
}
