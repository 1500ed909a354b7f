//! Several ranks on threads of one process train as one does, whatever their number.

use std::thread;

use gan_cuda::device::cpu::{Cpu, CpuReal, Member};
use gan_cuda::device::ops::Collective;
use gan_cuda::gan::dataset::{DeviceDataset, Schedule};
use gan_cuda::gan::preset::presets;
use gan_cuda::gan::{Gan, Metrics, Role};

use super::*;

const ITERATIONS: u32 = 10;
/// Epochs of 16, 16 and 3 images: with four ranks, the last batch leaves one of them without images.
const IMAGES: usize = 35;
const SIZES: [usize; 2] = [2, 4];

/// A rank after training: the metrics of its share, and its weights.
struct Trained<T> {
    metrics: Vec<Metrics>,
    weights: Vec<Vec<T>>,
}

fn train_rank<T: CpuReal>(device: Cpu<T>, settings: &Settings) -> Trained<T> {
    let model = Model::new(settings.clone()).unwrap();
    let data = digits(IMAGES, settings.image);
    let least = match settings.drop_last {
        true => settings.batch_size,
        false => model.least_batch_of(device.ranks()),
    };
    let schedule = Schedule { images: IMAGES, batch_size: settings.batch_size, least };
    let mut gan = Gan::new(device, model, 7).unwrap();
    let mut images =
        DeviceDataset::new(gan.device(), &data.images, &data.labels, schedule).unwrap();
    for done in 0..ITERATIONS {
        if (done as usize).is_multiple_of(schedule.iterations()) {
            images.shuffle(gan.device(), 7, schedule.epoch(done)).unwrap();
        }
        gan.iterate(&images, schedule.rows(done));
    }
    let metrics = (1..=ITERATIONS).map(|iteration| gan.metrics(iteration).unwrap()).collect();
    let weights = Role::BOTH.into_iter().flat_map(|role| {
        let network = &gan.trained_network(role).network;
        let all = [network.params(), network.statistics()].into_iter();
        all.flat_map(|params| params.list().iter().map(|one| params.read(gan.device(), one)))
            .collect::<Vec<_>>()
    });
    Trained { metrics, weights: weights.map(Result::unwrap).collect() }
}

/// Trains on so many ranks.
fn train_on_ranks<T: CpuReal>(settings: &Settings, size: usize) -> Vec<Trained<T>> {
    thread::scope(|scope| {
        let spawn =
            |member| scope.spawn(move || train_rank(Cpu::<T>::new(1).member(member), settings));
        let threads: Vec<_> = Member::group(size).into_iter().map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// The numbers of an iteration, of all ranks together.
fn totals<T>(ranks: &[Trained<T>], iteration: usize) -> [f64; 5] {
    let numbers = |metrics: &Metrics| {
        let &Metrics { d_loss, g_loss, penalty, d_real, d_fake } = metrics;
        [d_loss, g_loss, penalty, d_real, d_fake]
    };
    ranks.iter().fold([0.0; 5], |sums, rank| {
        let own = numbers(&rank.metrics[iteration]);
        std::array::from_fn(|i| sums[i] + own[i])
    })
}

/// All presets at small sizes, and two of them with all techniques.
fn cases() -> Vec<(String, Settings)> {
    let plain = presets().iter().map(|preset| (preset.name.clone(), small(preset)));
    let everything = ["cgan", "r3gan-small"]
        .map(|name| (format!("{name} with everything"), with_everything(preset(name))));
    plain.chain(everything).collect()
}

/// The largest difference between the metrics of two trainings, relative where they are above 1.
fn difference<T, U>(ranks: &[Trained<T>], others: &[Trained<U>]) -> f64 {
    let differences = (0..ITERATIONS as usize).flat_map(|iteration| {
        let (got, want) = (totals(ranks, iteration), totals(others, iteration));
        std::array::from_fn::<_, 5, _>(|i| (got[i] - want[i]).abs() / want[i].abs().max(1.0))
    });
    differences.fold(0.0, f64::max)
}

/// The difference between a training on so many ranks and one on a single rank.
fn difference_from_one<T: CpuReal>(settings: &Settings, size: usize, one: &[Trained<T>]) -> f64 {
    let ranks = train_on_ranks::<T>(settings, size);
    for (rank, other) in ranks.iter().enumerate() {
        assert!(other.weights == ranks[0].weights, "rank {rank} of {size} has other weights");
    }
    difference(&ranks, one)
}

#[test]
fn any_number_of_ranks_trains_like_one() {
    for (name, settings) in cases() {
        let (single, double) = (train_on_ranks::<f32>(&settings, 1), train_on_ranks(&settings, 1));
        // WGAN-GP amplifies rounding errors: single precision alone differs by more from double.
        let most = f64::max(1e-5, 2.0 * difference(&single, &double));
        for size in SIZES {
            let in_f32 = difference_from_one::<f32>(&settings, size, &single);
            println!("{name}, {size} ranks: {in_f32:.1e}, at most {most:.1e}");
            assert!(in_f32 <= most, "{name}, {size} ranks: {in_f32}");
        }
        let in_f64 = difference_from_one::<f64>(&settings, 3, &double);
        assert!(in_f64 < 1e-10, "{name}, 3 ranks: {in_f64}");
    }
}

#[test]
fn as_many_ranks_give_the_same_bits_again() {
    for name in ["mlp-batchnorm", "dcgan-rgb", "cgan"] {
        let settings = small(preset(name));
        let [first, second] = [(); 2].map(|()| train_on_ranks::<f32>(&settings, 3));
        for (first, second) in first.iter().zip(&second) {
            assert!(first.weights == second.weights, "{name}: other bits");
            assert_eq!(first.metrics, second.metrics, "{name}");
        }
    }
}

/// With statistics of their own, ranks train differently from one, but all with the same weights.
#[test]
fn local_batch_norm_normalizes_each_share() {
    let settings = small(preset("dcgan"));
    let local = Settings { local_batch_norm: true, ..settings.clone() };
    let one = train_on_ranks::<f64>(&settings, 1);
    assert!(
        train_on_ranks::<f64>(&local, 1)[0].weights == one[0].weights,
        "one rank has all images"
    );
    let two = train_on_ranks::<f64>(&local, 2);
    let far = difference(&two, &one);
    assert!(far > 1e-6, "{far}");
    let params = |of_rank: &Trained<f64>| of_rank.weights.clone();
    let [first, second] = [0, 1].map(|rank| params(&two[rank]));
    // Running statistics are each rank's own.
    let same = first.iter().zip(&second).filter(|(a, b)| a == b).count();
    assert!((1..first.len()).contains(&same), "{same} of {} tensors agree", first.len());
}

#[test]
fn collectives_add_gather_and_copy_in_the_order_of_ranks() {
    thread::scope(|scope| {
        for member in Member::group(3) {
            scope.spawn(move || {
                let device = Cpu::<f32>::new(1).member(member);
                let rank = device.ranks().rank;
                let own = [rank as f32, 0.5];
                let (mut sum, mut all) = (own, [0.0; 6]);
                device.all_reduce(&mut sum);
                device.all_gather(&mut all, &own);
                let mut numbers = [rank as u32 + 7; 2];
                device.broadcast(&mut numbers);
                device.barrier().unwrap();
                assert_eq!(
                    (sum, all, numbers),
                    ([3.0, 1.5], [0.0, 0.5, 1.0, 0.5, 2.0, 0.5], [7; 2])
                );
            });
        }
    });
    let alone = Cpu::<f64>::new(1);
    let (mut own, mut all) = ([1.0, 2.0], [0.0; 2]);
    alone.all_reduce(&mut own);
    alone.all_gather(&mut all, &own);
    assert_eq!((own, all), ([1.0, 2.0], [1.0, 2.0]));
}
