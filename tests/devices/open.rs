//! The devices on which the suite runs: opening them, and the message if one is missing.

use std::env;
use std::fmt::{self, Display, Formatter};
use std::sync::OnceLock;

use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::cuda::{Cuda, CudaOptions, libraries, probe};
use gan_cuda::device::{Device, Gemm, Memory};
use gan_cuda_emulator::{Schedule, set_schedule};

/// A kind of device; each has its own processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The CPU, in single precision.
    Cpu,
    /// The CUDA device on the emulator, which runs its kernels on the CPU.
    Emulated,
    /// The CUDA device on a GPU.
    Cuda,
}

/// Names the only folder to search for CUDA's libraries.
pub const LIBRARIES: &str = "GAN_CUDA_LIB_DIR";
/// If set to 1, operations run under one schedule of the emulator: with sanitizers, which are slow and for
/// which the order does not matter.
const ONE_SCHEDULE: &str = "GAN_CUDA_TEST_ONE_SCHEDULE";
/// The prefix of the names of the emulator's devices.
const EMULATED: &str = "Emulated";

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Cpu, Kind::Emulated, Kind::Cuda];

    /// The name in filters and in `GAN_CUDA_TEST_DEVICE`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Cpu => "cpu",
            Kind::Emulated => "emulated",
            Kind::Cuda => "cuda",
        }
    }

    /// Why there is no such device, if there is none. A process uses only one kind.
    pub fn absence(self) -> Option<&'static str> {
        static ABSENCE: OnceLock<Option<String>> = OnceLock::new();
        ABSENCE.get_or_init(|| self.find().err()).as_deref()
    }

    /// Only a missing device counts as absent. A device that exists but cannot be opened fails its
    /// tests.
    fn find(self) -> Result<(), String> {
        match self {
            Kind::Cpu => Ok(()),
            Kind::Emulated => find_emulator(),
            Kind::Cuda => find_gpu(),
        }
        .map_err(|reason| format!("{}: {reason}", self.absent_name()))
    }

    /// The message for its absence.
    pub fn absent_name(self) -> &'static str {
        match self {
            Kind::Cpu => "no CPU",
            Kind::Emulated => "no emulator",
            Kind::Cuda => "no CUDA device",
        }
    }

    /// Whether its absence is a failure.
    pub fn is_required(self) -> bool {
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        match self {
            Kind::Cpu => true,
            Kind::Emulated => set("GAN_CUDA_REQUIRE_EMULATOR"),
            Kind::Cuda => set("GAN_CUDA_REQUIRE_GPU"),
        }
    }

    /// A description of the device, or that it is skipped.
    pub fn describe(self) -> String {
        match self.absence() {
            Some(absence) if self.is_required() => absence.to_owned(),
            Some(absence) => format!("skipped: {absence}"),
            None if self == Kind::Cpu => Cpu::<f32>::open(true).describe(),
            None => Cuda::open(0, CudaOptions::default())
                .map_or_else(|e| e.to_string(), |cuda| cuda.describe()),
        }
    }
}

/// Selects the emulator's libraries: those that were built with it, unless `GAN_CUDA_LIB_DIR` is set.
fn find_emulator() -> Result<(), String> {
    if env::var_os(LIBRARIES).is_none() {
        let folder = gan_cuda_emulator::library_dir()?;
        if !folder.join("libcuda.so.1").is_file() {
            return Err(format!("{} has no libcuda.so.1", folder.display()));
        }
        libraries::load_from(folder);
    }
    // A real GPU must not be mistaken for the emulator.
    if let Ok(gpu) = probe::probe(0) {
        assert!(gpu.name.starts_with(EMULATED), "{LIBRARIES} leads to {}, a real GPU", gpu.name);
    }
    Ok(())
}

fn find_gpu() -> Result<(), String> {
    match probe::probe(0) {
        Ok(gpu) if gpu.name.starts_with(EMULATED) => {
            Err("the only one is the emulator's".to_owned())
        }
        Ok(_) => Ok(()),
        Err(reason) => Err(reason.to_string()),
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Cpu => "cpu",
            Kind::Emulated => "emulated CUDA",
            Kind::Cuda => "CUDA",
        })
    }
}

/// A configuration of a device; all configurations must give the same bits.
pub struct Configuration<D> {
    pub name: &'static str,
    pub device: D,
    /// The order in which the emulator runs threads.
    pub schedule: Option<Schedule>,
}

/// Opens a GPU, or the emulator's.
pub fn open_cuda(options: CudaOptions) -> Cuda {
    let cuda = Cuda::open(0, options).unwrap();
    if cuda.is_emulated() {
        // The default for tests that do not choose a schedule.
        set_schedule(Schedule::Ascending).unwrap();
    }
    cuda
}

/// The same, multiplying by our own kernels.
pub fn open_own(graphs: bool) -> Cuda {
    open_cuda(CudaOptions { gemm: Gemm::Own, graphs, ..CudaOptions::default() })
}

/// Configurations of a GPU, or the emulator's, that multiply by our own kernels, and must give the same
/// bits.
pub fn own_gemm() -> Vec<Configuration<Cuda>> {
    configurations(CudaOptions { gemm: Gemm::Own, graphs: false, ..CudaOptions::default() })
}

fn configurations(options: CudaOptions) -> Vec<Configuration<Cuda>> {
    let configuration =
        |name, schedule| Configuration { name, device: open_cuda(options), schedule };
    match open_cuda(options).is_emulated() {
        true if one_schedule() => {
            vec![configuration("threads ascending", Some(Schedule::Ascending))]
        }
        true => vec![
            configuration("threads ascending", Some(Schedule::Ascending)),
            configuration("threads descending", Some(Schedule::Descending)),
            configuration("threads shuffled", Some(Schedule::Shuffled)),
        ],
        false => vec![configuration("once", None), configuration("again", None)],
    }
}

/// Whether operations run under one schedule of the emulator.
pub fn one_schedule() -> bool {
    env::var_os(ONE_SCHEDULE).is_some_and(|value| value == "1")
}

/// A device that the suite can open.
pub trait Tested: Device<Real = f32> + Sized + 'static {
    /// Opens it; with `graphs`, it captures iterations as graphs if it can.
    fn open(graphs: bool) -> Self;

    /// Configurations that must give the same bits: at least two, unless one is asked for.
    fn configurations() -> Vec<Configuration<Self>>;
}

impl Tested for Cpu<f32> {
    /// With one thread: small networks gain little from two, and tests run in parallel.
    fn open(_graphs: bool) -> Self {
        Cpu::new(1)
    }

    fn configurations() -> Vec<Configuration<Self>> {
        [("two threads", 2), ("one thread", 1), ("three threads", 3)]
            .map(|(name, threads)| Configuration {
                name,
                device: Cpu::new(threads),
                schedule: None,
            })
            .into()
    }
}

impl Tested for Cuda {
    fn open(graphs: bool) -> Self {
        open_cuda(CudaOptions { graphs, ..CudaOptions::default() })
    }

    fn configurations() -> Vec<Configuration<Self>> {
        configurations(CudaOptions { graphs: false, ..CudaOptions::default() })
    }
}
