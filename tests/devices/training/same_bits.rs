//! Training that must give the same bits on one device.

use gan_cuda::device::{Device, Real};
use gan_cuda::gan::preset::presets;
use gan_cuda::gan::{Gan, Role};
use gan_cuda::nn::Params;
use gan_cuda::run::config::Config;
use gan_cuda_emulator::{Schedule, set_schedule};

use super::{IMAGES, Learner, cases};
use crate::open::Tested;
use crate::runs::{
    NEVER, assert_same, config, left_by, narrow, resume_on, train_on, trained, without_total_epochs,
};

pub fn same_seed_gives_the_same_bits<D: Tested>() {
    for preset in presets() {
        let config = config(preset, 7, 3);
        let train = || {
            let (_runs, _, run) = trained(D::open(true), &config, IMAGES);
            left_by(&run)
        };
        assert_same(&train(), &train(), &preset.name);
    }
}

/// Presets differ in what must be restored: dropout, labels, fresh fakes, BatchNorm, averages, iterations
/// without an update of the generator.
pub fn resumed_run_equals_uninterrupted_run<D: Tested>() {
    // Inside an epoch (for both lengths of epochs), and at the end of one, which is the same for devices
    // outside the host.
    let stops: &[u32] = if D::ON_HOST { &[5, 6] } else { &[5] };
    for preset in presets() {
        for &stop in stops {
            let whole = config(preset, 2 * stop, stop);
            let (runs, data, run) = trained(D::open(true), &whole, IMAGES);
            let mut want = left_by(&run);

            let half = Config { iterations: Some(stop), ..whole.clone() };
            let run = train_on(D::open(true), &half, &data, runs.path());
            let mut trainer = resume_on(D::open(true), &whole, &data, &run, stop.into());
            assert_eq!(trainer.gan().completed(), stop);
            trainer.train(&mut (), &NEVER).unwrap();

            let mut got = left_by(&run);
            without_total_epochs(&mut want);
            without_total_epochs(&mut got);
            assert_same(&got, &want, &format!("{}, stopped at {stop}", preset.name));
        }
    }
}

/// Repeated operations run one by one, then are captured, then launched as a graph; each time they
/// are executed.
pub fn repeated_operations_are_launched_as_a_graph<D: Tested>() {
    for (graphs, want) in [(true, [false, false, true, true]), (false, [false; 4])] {
        let device = D::open(graphs);
        let mut recording = D::Graph::default();
        let [mut count, mut one] = [(); 2].map(|()| device.allocate::<D::Real>(1).unwrap());
        device.constant_fill(D::view_mut(&mut one, 0..1), 1.0);
        let replayed = want.map(|_| {
            let replayed = device.launch_graph(&mut recording);
            if !replayed {
                let (count, one) = (D::view_mut(&mut count, 0..1), || D::view(&one, 0..1));
                device.rows_scale(count, one(), one(), 1, true);
                device.end_capture(&mut recording);
            }
            replayed
        });
        assert_eq!(replayed, want, "with graphs: {graphs}");
        let count = device.download(D::view(&count, 0..1)).unwrap()[0];
        assert_eq!(count.to_f64(), 4.0);
    }
}

/// Epochs of two or three iterations, the last one short if the preset keeps it: one graph for each
/// batch size, launched many times.
pub fn graphs_give_the_same_bits<D: Device<Real = f32>>(
    open: impl Fn(bool) -> D,
    includes: impl Fn(&str) -> bool,
) {
    // Four epochs: for each batch size, iterations that are captured and launched.
    const ITERATIONS: u32 = 12;
    for (name, settings) in cases(narrow).into_iter().filter(|(name, _)| includes(name)) {
        let [one_by_one, graphs] = [false, true].map(|graphs| {
            let mut learner = Learner::of(open(graphs), settings.clone());
            let metrics = format!("{:?}", learner.metrics(ITERATIONS));
            (metrics, bits(&learner.gan))
        });
        assert_eq!(graphs.0, one_by_one.0, "{name}");
        for (network, (got, want)) in graphs.1.iter().zip(&one_by_one.1).enumerate() {
            assert!(got == want, "{name}: different bits in network {network}");
        }
    }
}

/// Weight gradients are computed concurrently with the rest of an iteration. The emulator's schedules
/// run them as early as possible, as late as possible, and in between: their inputs must not be
/// overwritten before, and their outputs must not be read before.
pub fn branches_give_the_same_bits_under_every_schedule<D: Device<Real = f32>>(
    open: impl Fn(bool) -> D,
    includes: impl Fn(&str) -> bool,
) {
    for (name, settings) in cases(narrow).into_iter().filter(|(name, _)| includes(name)) {
        // Without graphs every iteration is alike; with them, some are captured and some launched.
        for (graphs, iterations) in [(false, 4), (true, 8)] {
            let [first, others @ ..] = Schedule::ALL.map(|schedule| {
                let mut learner = Learner::of(open(graphs), settings.clone());
                set_schedule(schedule).unwrap();
                let metrics = format!("{:?}", learner.metrics(iterations));
                (metrics, bits(&learner.gan))
            });
            for other in others {
                assert!(other == first, "{name}, graphs {graphs}: other bits");
            }
        }
    }
}

/// Parameters, statistics and Adam's moments of both networks.
pub fn bits<D: Device<Real = f32>>(gan: &Gan<D>) -> [Vec<u32>; 2] {
    Role::BOTH.map(|role| {
        let (device, trained) = (gan.device(), gan.trained_network(role));
        let read = |params: &Params<D>| {
            let list = params.list().iter();
            list.flat_map(|param| params.read(device, param).unwrap()).collect::<Vec<_>>()
        };
        let network = &trained.network;
        let mut all = [read(network.params()), read(network.statistics())].concat();
        for moment in trained.adam.moments() {
            let list = network.params().list().iter();
            all.extend(list.flat_map(|param| moment.read(device, param).unwrap()));
        }
        all.into_iter().map(f32::to_bits).collect()
    })
}
