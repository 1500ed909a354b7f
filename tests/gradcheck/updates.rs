//! Both updates of every preset, at small widths: each loss as a function of the parameters of
//! the network that learns from it.

use super::check::{Case, Point};
use super::layers::{feeds_batch_norm, network_sides, scatter};
use super::random::Numbers;
use gan_cuda::data::ImageShape;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::gan::preset::{Preset, presets};
use gan_cuda::gan::settings::{Fakes, Loss, Order, Settings};
use gan_cuda::gan::{Gan, Update};
use gan_cuda::nn::{Init, Network, Param};

const CLASSES: usize = 3;

pub fn cases() -> Vec<Case> {
    presets().iter().flat_map(preset_cases).collect()
}

/// A preset as it is at several batch sizes, then with everything else that settings allow.
fn preset_cases(preset: &'static Preset) -> Vec<Case> {
    let own = small(&preset.settings);
    let least = if own.bn_eps.is_some() { 2 } else { 1 };
    let mut cases = Vec::new();
    for rows in [1, 2, 7].into_iter().filter(|&rows| rows >= least) {
        let mut pair = pair(preset, &format!("batch {rows}"));
        check(&mut pair, preset, Settings { batch_size: rows, ..own.clone() }, rows);
        cases.extend(pair);
    }
    let mut others = pair(preset, "other losses, orders, fakes");
    for settings in variations(&own) {
        // A short last batch: one row less than there is room for.
        check(&mut others, preset, Settings { batch_size: 4, ..settings }, 3);
    }
    cases.extend(others);
    cases
}

fn pair(preset: &Preset, what: &str) -> [Case; 2] {
    ["D", "G"].map(|network| Case::new(format!("{}: update of {network}, {what}", preset.name)))
}

/// The settings with the layers as many as they are, and narrow.
fn small(settings: &Settings) -> Settings {
    let widths = |layers: usize| (0..layers).map(|i| 9 - i).collect();
    let channels = settings.image.channels;
    Settings {
        latent_dim: 5,
        g_hidden: widths(settings.g_hidden.len()),
        d_hidden: widths(settings.d_hidden.len()),
        classes: settings.classes.and(Some(CLASSES)),
        init: Init::Default,
        image: ImageShape { channels, height: 3, width: if channels == 1 { 4 } else { 2 } },
        ..settings.clone()
    }
}

fn variations(own: &Settings) -> Vec<Settings> {
    let mut all = Vec::new();
    // `Loss::Bce` is what most presets have as their own.
    for loss in [Loss::BceLogits, Loss::Mse] {
        for order in [Order::DFirst, Order::GFirst] {
            for fakes in [Fakes::Same, Fakes::Fresh] {
                for d_final_relu in [false, true] {
                    all.push(Settings { loss, order, fakes, d_final_relu, ..own.clone() });
                }
            }
        }
    }
    all
}

/// Checks all gradients of both updates.
fn check(cases: &mut [Case; 2], preset: &'static Preset, settings: Settings, rows: usize) {
    let at = format!(
        "{} {} {} relu={} batch {rows}",
        settings.loss, settings.order, settings.fakes, settings.d_final_relu
    );
    let mut gan = subject(preset, settings, rows);
    run(&mut gan, rows);
    for update in [Update::Discriminator, Update::Generator] {
        let learnt: Vec<_> = tensors(&gan, update);
        for (i, (name, gradient, values)) in learnt.into_iter().enumerate() {
            let (case, tensor) = (&mut cases[update as usize], format!("{at}: {name}"));
            if feeds_batch_norm(network(&gan, update), &name) {
                case.check_zero(&tensor, &gradient);
            }
            case.check(&tensor, &gradient, &values, &[1.0], |values| {
                write(&mut gan, update, i, values);
                let [discriminator, generator] = run(&mut gan, rows);
                if update == Update::Discriminator { discriminator } else { generator }
            });
        }
    }
}

/// A GAN with everything fixed that an iteration draws.
fn subject(preset: &'static Preset, settings: Settings, rows: usize) -> Gan<Cpu<f64>> {
    let mut gan = Gan::new(Cpu::<f64>::new(1), preset, settings.clone(), 6).unwrap();
    let mut numbers = Numbers::new(90 + rows as u64);
    let (device, generator, discriminator) = gan.networks_mut();
    scatter(device, generator, &mut numbers);
    scatter(device, discriminator, &mut numbers);
    if settings.d_final_relu {
        // Below 0 this ReLU would leave nothing to check.
        lift_last_bias(device, discriminator, 1.5);
    }
    write_draws(&mut gan, &settings, &mut numbers, rows);
    write_masks(&mut gan, &settings, &mut numbers, rows);
    gan
}

fn lift_last_bias(device: &Cpu<f64>, network: &mut Network<Cpu<f64>>, by: f64) {
    let params = network.params_mut();
    let is_bias = |param: &Param| param.name.ends_with(".bias");
    let last = params.list().iter().rposition(is_bias).unwrap();
    let bias = params.read(device, &params.list()[last]).unwrap();
    params.write(device, last, &[bias[0] + by]).unwrap();
}

fn write_draws(gan: &mut Gan<Cpu<f64>>, settings: &Settings, numbers: &mut Numbers, rows: usize) {
    let labelled = if settings.classes.is_some() { rows } else { 0 };
    let real = numbers.around(0.0, 1.0, rows * settings.image.pixels());
    gan.write_real(&real, &numbers.labels(CLASSES, labelled)).unwrap();
    let (device, draws) = gan.draws_mut();
    let fakes = match settings.fakes {
        Fakes::Fresh => vec![Update::Discriminator, Update::Generator],
        Fakes::Same => vec![Update::Discriminator],
    };
    for update in fakes {
        let noise = numbers.normal(rows * settings.latent_dim);
        draws.write_noise(device, update, &noise).unwrap();
        let labels = numbers.labels(CLASSES, labelled);
        draws.write_fake_labels(device, update, &labels, rows).unwrap();
    }
}

fn write_masks(gan: &mut Gan<Cpu<f64>>, settings: &Settings, numbers: &mut Numbers, rows: usize) {
    let Some(p) = settings.dropout else { return };
    let blocks = gan.discriminator().spec().blocks.clone();
    let (device, draws) = gan.draws_mut();
    for (i, block) in blocks.iter().enumerate().filter(|(_, block)| block.drops()) {
        let (both, fakes) = (2 * rows * block.outputs, rows * block.outputs);
        let mask = numbers.mask(p, both);
        draws.write_mask(device, Update::Discriminator, i, 0, &mask, rows).unwrap();
        let mask = numbers.mask(p, fakes);
        draws.write_mask(device, Update::Generator, i, rows, &mask, rows).unwrap();
    }
}

/// An iteration as it is, but that nobody learns: the losses of both updates, D's and G's.
///
/// The order matters: with the generator first the discriminator may take up the outputs that
/// the generator's update left.
fn run(gan: &mut Gan<Cpu<f64>>, rows: usize) -> [Point; 2] {
    let updates = match gan.settings().order {
        Order::DFirst => [Update::Discriminator, Update::Generator],
        Order::GFirst => [Update::Generator, Update::Discriminator],
    };
    let mut points = [Point::default(), Point::default()];
    for (i, update) in updates.into_iter().enumerate() {
        if i == 0 || gan.settings().fakes == Fakes::Fresh {
            gan.generate(update, rows);
        }
        points[update as usize].sides = match update {
            Update::Discriminator => {
                gan.discriminator_gradients(rows);
                network_sides(gan.discriminator(), 0..2 * rows)
            }
            Update::Generator => {
                gan.generator_gradients(rows);
                let mut sides = network_sides(gan.generator(), rows..2 * rows);
                sides.extend(network_sides(gan.discriminator(), rows..2 * rows));
                sides
            }
        };
    }
    let metrics = gan.metrics(1).unwrap();
    points[Update::Discriminator as usize].outputs = vec![metrics.d_loss];
    points[Update::Generator as usize].outputs = vec![metrics.g_loss];
    points
}

fn network(gan: &Gan<Cpu<f64>>, update: Update) -> &Network<Cpu<f64>> {
    match update {
        Update::Discriminator => gan.discriminator(),
        Update::Generator => gan.generator(),
    }
}

/// Name, gradient and values of everything that an update moves.
fn tensors(gan: &Gan<Cpu<f64>>, update: Update) -> Vec<(String, Vec<f64>, Vec<f64>)> {
    let (device, params) = (gan.device(), network(gan, update).params());
    let tensor = |param| {
        let gradient = params.read_gradient(device, param).unwrap();
        (param.name.clone(), gradient, params.read(device, param).unwrap())
    };
    params.list().iter().map(tensor).collect()
}

fn write(gan: &mut Gan<Cpu<f64>>, update: Update, index: usize, values: &[f64]) {
    let (device, generator, discriminator) = gan.networks_mut();
    let network = match update {
        Update::Discriminator => discriminator,
        Update::Generator => generator,
    };
    network.params_mut().write(device, index, values).unwrap();
}
