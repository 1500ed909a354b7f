//! A training iteration allocates nothing: all memory is allocated before the first one, as planned.
//!
//! A separate binary whose tests run one after the other, since the allocator counts all threads.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gan_cuda::data::Dataset;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::gan::dataset::{DeviceDataset, Schedule};
use gan_cuda::gan::plan::Plan;
use gan_cuda::gan::preset::{Preset, presets};
use gan_cuda::gan::settings::Settings;
use gan_cuda::gan::{Gan, Model, Role};
use gan_cuda::run::checkpoint::Checkpoint;
use gan_cuda::run::config::Config;
use gan_cuda::run::dir::RunDir;
use gan_cuda::run::journal::JournalLengths;
use gan_cuda::run::snapshot::{self, Progress};
use gan_cuda::train::trainer::schedule;

#[allow(dead_code)] // shared with tests of more of a run
#[path = "common/runs.rs"]
mod runs;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
/// Bytes that are currently allocated.
static BYTES: AtomicUsize = AtomicUsize::new(0);
/// The peak of allocated bytes.
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// Held by the test that counts.
static COUNTING: Mutex<()> = Mutex::new(());

/// The system allocator with counters.
struct Counting;

// SAFETY: every method hands its arguments, and the caller's promises about them, to `System`.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, SeqCst);
        grow(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, SeqCst);
        grow(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, SeqCst);
        grow(size);
        BYTES.fetch_sub(layout.size(), SeqCst);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), SeqCst);
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

fn grow(bytes: usize) {
    PEAK.fetch_max(BYTES.fetch_add(bytes, SeqCst) + bytes, SeqCst);
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The preset with its full layer widths, so that matrices are divided into blocks as in real training;
/// with smaller images if the preset's are large.
fn settings(preset: &Preset) -> Settings {
    let rewrite = runs::sizes::sides(preset, 28);
    Settings { batch_size: 64, ..preset.rewritten(&rewrite).unwrap() }
}

/// One iteration on each batch of an epoch, including the short one.
fn epoch(gan: &mut Gan<Cpu<f32>>, images: &DeviceDataset<Cpu<f32>>, schedule: Schedule) {
    for _ in 0..schedule.iterations() {
        gan.iterate(images, schedule.rows(gan.completed()));
    }
}

/// Allocations of an epoch: the minimum of a few, since the test harness may start a thread meanwhile.
fn allocations(preset: &'static Preset, threads: usize) -> usize {
    let model = Model::new(settings(preset)).unwrap();
    let data = Dataset::synthetic(model.settings().image, 64 + 33, 0);
    let schedule = schedule(&model, &data).unwrap();
    let mut gan = Gan::new(Cpu::new(threads), model, 0).unwrap();
    let mut images =
        DeviceDataset::new(gan.device(), &data.images, &data.labels, schedule).unwrap();
    images.shuffle(gan.device(), 0, 0).unwrap();
    epoch(&mut gan, &images, schedule);
    let count = |_| {
        let before = ALLOCATIONS.load(SeqCst);
        epoch(&mut gan, &images, schedule);
        ALLOCATIONS.load(SeqCst) - before
    };
    (0..3).map(count).min().expect("epochs")
}

#[test]
fn iteration_allocates_nothing() {
    let _alone = COUNTING.lock().unwrap();
    let before = ALLOCATIONS.load(SeqCst);
    drop(std::hint::black_box(vec![1, 2, 3]));
    assert!(ALLOCATIONS.load(SeqCst) > before, "the allocator counts");
    for preset in presets() {
        for threads in [1, 2] {
            let count = allocations(preset, threads);
            assert_eq!(count, 0, "allocations of {} with {threads} threads", preset.name);
        }
    }
}

/// A bound for the memory of names, shapes and lists.
const BOOKKEEPING: usize = 64 << 10;

#[test]
fn run_allocates_what_was_planned() {
    let _alone = COUNTING.lock().unwrap();
    for preset in presets() {
        let model = Model::new(settings(preset)).unwrap();
        let data = Dataset::synthetic(model.settings().image, 500, 0);
        let schedule = schedule(&model, &data).unwrap();
        let plan = Plan::new::<Cpu<f32>>(&model, data.len()).total();
        let cpu = Cpu::<f32>::new(1);
        let before = BYTES.load(SeqCst);
        let gan = Gan::new(cpu, model, 0).unwrap();
        let images =
            DeviceDataset::new(gan.device(), &data.images, &data.labels, schedule).unwrap();
        let bytes = BYTES.load(SeqCst) - before;
        drop((gan, images));
        let name = &preset.name;
        assert!((plan..plan + BOOKKEEPING).contains(&bytes), "{name}: {bytes}, planned {plan}");
    }
}

/// The peak of bytes allocated by `work`.
fn peak_of<T>(work: impl FnOnce() -> T) -> usize {
    let before = BYTES.load(SeqCst);
    PEAK.store(before, SeqCst);
    drop(work());
    PEAK.load(SeqCst) - before
}

#[test]
fn checkpoint_is_written_and_read_one_tensor_at_a_time() {
    let _alone = COUNTING.lock().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for preset in presets() {
        let config = Config { gan: settings(preset), ..runs::config(preset, 1, 1) };
        let model = config.model().unwrap();
        let planned = Plan::new::<Cpu<f32>>(&model, 500).checkpoint;
        let mut gan = Gan::new(Cpu::<f32>::new(1), model, 0).unwrap();
        let parameters = Role::BOTH
            .map(|role| gan.trained_network(role).network.params().count())
            .iter()
            .sum::<usize>();
        let copies = |bytes: usize| bytes as f64 / (size_of::<f32>() * parameters) as f64;
        let run = RunDir::create(folder.path(), &preset.name).unwrap();
        let progress =
            Progress { iteration: 1, seconds: 1.0, lengths: JournalLengths::default(), data: 0 };
        let written = peak_of(|| {
            snapshot::checkpoint_writer(
                &gan,
                &config,
                progress,
                &gan.save_metrics(progress.iteration).unwrap(),
            )
            .unwrap()
            .save(&run, 1)
            .unwrap();
        });
        let read = peak_of(|| {
            let checkpoint = Checkpoint::load(&run.checkpoint(1)).unwrap();
            snapshot::restore(&mut gan, &checkpoint, &config).unwrap()
        });
        let (name, [to_write, to_read]) = (&preset.name, [written, read].map(copies));
        println!("{name}: {to_write:.2} copies of the parameters to write, {to_read:.2} to read");
        assert!(to_write <= 3.0, "{name}: {to_write} copies are made to write a checkpoint");
        assert!(to_read <= 2.0, "{name}: {to_read} copies are made to read a checkpoint");
        assert!(written.max(read) <= planned, "{name}: {written}, {read}, planned {planned}");
    }
}
