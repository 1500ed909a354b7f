//! Both updates of every preset, at small widths: each loss as a function of the parameters of the
//! network that it trains.

use super::check::{Case, Point};
use super::layers::{feeds_batch_norm, network_sides, scatter};
use super::random::Numbers;
use super::sizes::{is_convolutional, two_layers};
use gan_cuda::choice::Choice;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::ops::AUGMENT_DRAWS;
use gan_cuda::gan::iteration::Step;
use gan_cuda::gan::preset::{Preset, presets};
use gan_cuda::gan::rewrite::Rewrite;
use gan_cuda::gan::settings::{Fakes, Layers, Loss, Order, Settings};
use gan_cuda::gan::{Gan, Model, Role};
use gan_cuda::nn::{Batches, Init, Layer, Matrix, Network, Param};
use rayon::prelude::*;

const CLASSES: usize = 3;
/// Elements of a tensor that are checked where each is slow. The gradients of layers and operations are
/// checked by themselves, with all their elements.
const ELEMENTS: usize = 30;
/// Presets whose networks are those of another one.
const NETWORKS_OF_OTHERS: [&str; 3] = ["cgan-ema", "wgan-gp", "r3gan-small"];

pub fn cases() -> Vec<Case> {
    presets().par_iter().flat_map_iter(preset_cases).collect()
}

/// A preset at several batch sizes, then with variations of its settings.
fn preset_cases(preset: &'static Preset) -> Vec<Case> {
    let own = small(preset);
    if NETWORKS_OF_OTHERS.contains(&preset.name.as_str()) {
        return plain(preset, &own).into();
    }
    if is_convolutional(preset) {
        return convolutional_cases(preset, &own);
    }
    let least = if Model::new(own.clone()).unwrap().normalizes() { 2 } else { 1 };
    let mut cases = Vec::new();
    for rows in [1, 2, 7].into_iter().filter(|&rows| rows >= least) {
        let mut pair = pair(preset, &format!("batch {rows}"));
        check(&mut pair, Settings { batch_size: rows, ..own.clone() }, rows);
        cases.extend(pair);
    }
    let mut others = pair(preset, "other losses, orders, fakes");
    for settings in variations(preset, &own) {
        // A short last batch: one row fewer than the batch size.
        check(&mut others, Settings { batch_size: 4, ..settings }, 3);
    }
    cases.extend(others);
    cases.extend(own_layers(preset, &own));
    cases
}

/// One batch size.
fn plain(preset: &Preset, own: &Settings) -> [Case; 2] {
    let mut pair = sampled(preset, pair(preset, "batch 2"));
    check(&mut pair, Settings { batch_size: 3, ..own.clone() }, 2);
    pair
}

/// One batch size, and custom layers in both update orders: convolutional presets have large images.
fn convolutional_cases(preset: &Preset, own: &Settings) -> Vec<Case> {
    let (pair, others) = rayon::join(|| plain(preset, own), || own_layers(preset, own));
    pair.into_iter().chain(others).collect()
}

/// Layers that no preset has: dropout in the generator, BatchNorm in the discriminator, which normalizes
/// real and generated images as separate batches.
fn own_layers(preset: &Preset, own: &Settings) -> Vec<Case> {
    // Gradients through BatchNorm are not penalized.
    let mut settings = Settings { r1: 0.0, r2: 0.0, gp: 0.0, ..own.clone() };
    let after_first = |layers: &mut Layers, layer: &str| {
        layers.sequences[0].layers.insert(1, layer.parse().unwrap());
    };
    after_first(&mut settings.generator, "Dropout(0.3)");
    after_first(&mut settings.discriminator, &norm_behind_first(&own.discriminator));
    let in_order = |order| {
        let pair = pair(preset, &format!("dropout in G, BatchNorm in D, {order}"));
        let mut pair = sampled(preset, pair);
        check(&mut pair, Settings { batch_size: 4, order, ..settings.clone() }, 3);
        pair
    };
    [Order::DFirst, Order::GFirst].into_par_iter().flat_map_iter(in_order).collect()
}

fn norm_behind_first(layers: &Layers) -> String {
    match layers.sequences[0].layers[0] {
        Layer::Linear { outputs, .. } => format!("BatchNorm1d({outputs}, eps=0.8)"),
        Layer::Conv2d(convolution) => format!("BatchNorm2d({}, eps=0.8)", convolution.outputs),
        layer => panic!("{layer}"),
    }
}

pub fn pair(preset: &Preset, what: &str) -> [Case; 2] {
    ["D", "G"].map(|network| Case::new(format!("{}: update of {network}, {what}", preset.name)))
}

/// Fewer elements of each tensor of a convolutional preset, whose large images make each of them slow.
fn sampled(preset: &Preset, pair: [Case; 2]) -> [Case; 2] {
    if is_convolutional(preset) { pair.map(|case| case.sampling(ELEMENTS)) } else { pair }
}

/// The preset with as many layers, but narrow ones.
pub fn small(preset: &Preset) -> Settings {
    if is_convolutional(preset) {
        let rewrite = Rewrite { latent_dim: Some(2), ..two_layers(preset, 16, [2, 1], [1, 2]) };
        let classes = preset.gan.classes.map(|_| CLASSES);
        let rewrite = Rewrite { classes, ..rewrite };
        return Settings { init: Init::Default, ..preset.rewritten(&rewrite).unwrap() };
    }
    let hidden = |role| {
        let layers = &preset.gan.layers(role).sequences[0].layers;
        let linears = layers.iter().filter(|layer| matches!(layer, Layer::Linear { .. })).count();
        Some((0..linears - 1).map(|i| 9 - i).collect())
    };
    let rewrite = Rewrite {
        latent_dim: Some(5),
        g_hidden: hidden(Role::Generator),
        d_hidden: hidden(Role::Discriminator),
        classes: Some(CLASSES),
        image_size: Some(3),
        ..Rewrite::default()
    };
    Settings { init: Init::Default, ..preset.rewritten(&rewrite).unwrap() }
}

fn variations(preset: &Preset, own: &Settings) -> Vec<Settings> {
    let mut all = Vec::new();
    // That of probabilities is what most presets have as their own.
    for &loss in Loss::ALL.iter().filter(|loss| !loss.takes_probabilities()) {
        for order in [Order::DFirst, Order::GFirst] {
            for fakes in [Fakes::Same, Fakes::Fresh] {
                for d_final_relu in [false, true] {
                    let mut settings = Settings { order, fakes, ..own.clone() };
                    settings.set_loss(loss);
                    let rewrite = Rewrite { d_final_relu, ..Rewrite::default() };
                    rewrite.apply(&preset.name, &mut settings).unwrap();
                    all.push(settings);
                }
            }
        }
    }
    all
}

fn ends_in_relu(settings: &Settings) -> bool {
    settings.discriminator.sequences[0].layers.last() == Some(&Layer::Relu)
}

/// Checks all gradients of both updates.
pub fn check(cases: &mut [Case; 2], settings: Settings, rows: usize) {
    let at = format!(
        "{} {} {} relu={} batch {rows}",
        settings.loss,
        settings.order,
        settings.fakes,
        ends_in_relu(&settings)
    );
    let mut gan = subject(settings, rows);
    run(&mut gan, rows, true);
    for update in [Role::Discriminator, Role::Generator] {
        let trained: Vec<_> = tensors(&gan, update);
        for (i, (name, gradient, values)) in trained.into_iter().enumerate() {
            let (case, tensor) = (&mut cases[update as usize], format!("{at}: {name}"));
            if feeds_batch_norm(&gan.trained_network(update).network, &name) {
                case.check_zero(&tensor, &gradient);
            }
            let weights: &[f64] = if update == Role::Discriminator { &[1.0; 2] } else { &[1.0] };
            case.check(&tensor, &gradient, &values, weights, |values| {
                write(&mut gan, update, i, values);
                let [discriminator, generator] = run(&mut gan, rows, false);
                if update == Role::Discriminator { discriminator } else { generator }
            });
        }
    }
}

/// A GAN with fixed random inputs.
pub fn subject(settings: Settings, rows: usize) -> Gan<Cpu<f64>> {
    let model = Model::new(settings.clone()).unwrap();
    let mut gan = Gan::new(Cpu::<f64>::new(1), model, 6).unwrap();
    let mut numbers = Numbers::new(300 + rows as u64);
    for role in Role::BOTH {
        let (device, trained) = gan.trained_network_mut(role);
        let network = &mut trained.network;
        scatter(device, network, &mut numbers);
        network.normalize(device, true);
        if role == Role::Discriminator && ends_in_relu(&settings) {
            // Below 0 the gradient of this ReLU would be zero.
            lift_last_bias(device, network, 1.5);
        }
    }
    write_inputs(&mut gan, &settings, &mut numbers, rows);
    write_masks(&mut gan, &mut numbers, rows);
    gan
}

fn lift_last_bias(device: &Cpu<f64>, network: &mut Network<Cpu<f64>>, by: f64) {
    let params = network.params_mut();
    let is_bias = |param: &Param| param.name.ends_with(".bias");
    let last = params.list().iter().rposition(is_bias).unwrap();
    let bias = params.read(device, &params.list()[last]).unwrap();
    params.write(device, last, &[bias[0] + by]).unwrap();
}

fn write_inputs(gan: &mut Gan<Cpu<f64>>, settings: &Settings, numbers: &mut Numbers, rows: usize) {
    let labelled = if settings.classes.is_some() { rows } else { 0 };
    let real = numbers.around(0.0, 1.0, rows * settings.image.pixels());
    gan.write_real(&real, &numbers.labels(CLASSES, labelled)).unwrap();
    let (device, inputs) = gan.inputs_mut();
    let fakes = match settings.fakes {
        Fakes::Fresh => vec![Role::Discriminator, Role::Generator],
        Fakes::Same => vec![Role::Discriminator],
    };
    for update in fakes {
        let noise = numbers.normal(rows * settings.latent_dim);
        inputs.write_noise(device, update, &noise).unwrap();
        let labels = numbers.labels(CLASSES, labelled);
        inputs.write_fake_labels(device, update, &labels, rows).unwrap();
    }
    if settings.gp > 0.0 {
        let alpha = numbers.around(0.5, 0.25, rows / settings.pack);
        inputs.write_alpha(device, &alpha).unwrap();
    }
    if !settings.augment.is_empty() {
        let draws = 4 * rows * AUGMENT_DRAWS;
        inputs.write_draws(device, &numbers.around(0.5, 0.5, draws)).unwrap();
    }
}

fn write_masks(gan: &mut Gan<Cpu<f64>>, numbers: &mut Numbers, rows: usize) {
    for pass in gan.inputs_mut().1.dropping_passes() {
        let spec = gan.trained_network(pass.network).network.spec().clone();
        let dropping = spec.stages().iter().filter_map(|stage| Some((stage.dropout()?, stage)));
        let (device, inputs) = gan.inputs_mut();
        for (i, (p, stage)) in dropping.enumerate() {
            let mask = numbers.mask(p, pass.batches * rows * stage.outputs());
            inputs.write_mask(device, pass, i, 0, &mask, rows).unwrap();
        }
    }
}

/// An iteration without optimizer steps, with or without backward passes: the losses of both updates,
/// D's and G's.
///
/// The order matters: with the generator first, the discriminator update may reuse the outputs of the
/// generator update.
pub fn run(gan: &mut Gan<Cpu<f64>>, rows: usize, backward: bool) -> [Point; 2] {
    let mut points = [Point::default(), Point::default()];
    for step in gan.steps().to_vec() {
        match step {
            Step::AdamStep { .. } | Step::SpectralNorm | Step::Average => {}
            Step::BackwardSpectralNorm if !backward => {}
            Step::Backward(_) | Step::BackwardToFakes | Step::BackwardMerged => {
                for &update in updates_before(step) {
                    points[update as usize].sides = sides_of(gan, update, rows);
                }
                if backward {
                    gan.run_on_inputs(step, rows);
                }
            }
            Step::Penalize => {
                let update = Role::Discriminator;
                points[update as usize].sides = sides_of(gan, update, rows);
                gan.run_on_inputs(step, rows);
            }
            Step::BackwardPenalized if !backward => {}
            step => gan.run_on_inputs(step, rows),
        }
    }
    let metrics = gan.metrics(1).unwrap();
    let interval = f64::from(gan.settings().penalty_interval);
    points[Role::Discriminator as usize].outputs = vec![metrics.d_loss, interval * metrics.penalty];
    points[Role::Generator as usize].outputs = vec![metrics.g_loss];
    points
}

/// The updates whose forward passes a backward step follows.
fn updates_before(step: Step) -> &'static [Role] {
    match step {
        Step::Backward(Role::Discriminator) => &[Role::Discriminator],
        Step::BackwardToFakes => &[Role::Generator],
        Step::BackwardMerged => &Role::BOTH,
        _ => &[],
    }
}

/// The sides of the kinks that an update's loss depends on. In a merged pass with dropout, a further
/// batch has the outputs of the generator's update, and for stages before it zeros.
fn sides_of(gan: &Gan<Cpu<f64>>, update: Role, rows: usize) -> Vec<bool> {
    let [images, outputs] = gan.images_and_outputs();
    let of = |role, y, batches: Batches| {
        let trained = gan.trained_network(role);
        network_sides(&trained.network, &trained.activations, y, &batches)
    };
    let settings = gan.settings();
    let packs = rows / settings.pack;
    match update {
        Role::Discriminator => {
            let which = if settings.gp > 0.0 { 0..3 } else { 0..2 };
            let mut sides = of(update, outputs, Batches { rows: packs, which, across: None });
            if settings.loss == Loss::Hinge {
                let outputs = outputs.rows(0..2 * packs).iter().enumerate();
                sides.extend(outputs.map(|(i, &y)| if i < packs { y < 1.0 } else { y > -1.0 }));
            }
            sides
        }
        Role::Generator => {
            let images = images.rows(rows..2 * rows);
            let mut own = Matrix::zeros(gan.device(), rows, images.len() / rows).unwrap();
            own.rows_mut(0..rows).copy_from_slice(images);
            let mut sides = of(update, &own, Batches::one(rows));
            let merged = gan.steps().contains(&Step::Losses);
            let end = if merged { gan.model().discriminator().merged_outputs() } else { 2 };
            let which = 1..end;
            sides.extend(of(
                Role::Discriminator,
                outputs,
                Batches { rows: packs, which, across: None },
            ));
            sides
        }
    }
}

/// Name, gradient and values of all parameters that an update changes.
pub fn tensors(gan: &Gan<Cpu<f64>>, update: Role) -> Vec<(String, Vec<f64>, Vec<f64>)> {
    let (device, trained) = (gan.device(), gan.trained_network(update));
    let params = trained.network.params();
    let tensor = |param| {
        let gradient = trained.gradients.read(device, param).unwrap();
        (param.name.clone(), gradient, params.read(device, param).unwrap())
    };
    params.list().iter().map(tensor).collect()
}

fn write(gan: &mut Gan<Cpu<f64>>, update: Role, index: usize, values: &[f64]) {
    let (device, trained) = gan.trained_network_mut(update);
    let network = &mut trained.network;
    network.params_mut().write(device, index, values).unwrap();
    network.normalize(device, false);
}
