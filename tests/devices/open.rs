//! The devices that the suite runs on: how each is opened, and what to say when it is not there.

use std::env;
use std::fmt::{self, Display, Formatter};
use std::sync::OnceLock;

use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::cuda::{Cuda, libraries, probe};
use gan_cuda::device::{Device, Memory, Precision};
use gan_cuda_emulator::{Schedule, set_schedule};

/// A kind of device; each has processes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The CPU, in single precision.
    Cpu,
    /// The CUDA device on the emulator, which runs its kernels on the CPU.
    Emulated,
    /// The CUDA device on a GPU.
    Cuda,
}

/// Names the only folder in which CUDA's libraries are looked for.
pub const LIBRARIES: &str = "GAN_CUDA_LIB_DIR";
/// How the names of the emulator's devices begin.
const EMULATED: &str = "Emulated";

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Cpu, Kind::Emulated, Kind::Cuda];

    /// The name that filters and `GAN_CUDA_TEST_DEVICE` use.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Cpu => "cpu",
            Kind::Emulated => "emulated",
            Kind::Cuda => "cuda",
        }
    }

    /// Why there is no such device, if there is none. A process asks for one kind only.
    pub fn absence(self) -> Option<&'static str> {
        static ABSENCE: OnceLock<Option<String>> = OnceLock::new();
        ABSENCE.get_or_init(|| self.find().err()).as_deref()
    }

    /// Only what a machine may lack is an absence. A device that is there and cannot be opened
    /// fails its tests.
    fn find(self) -> Result<(), String> {
        match self {
            Kind::Cpu => Ok(()),
            Kind::Emulated => find_emulator(),
            Kind::Cuda => find_gpu(),
        }
        .map_err(|reason| format!("{}: {reason}", self.nothing()))
    }

    /// What to call its absence.
    pub fn nothing(self) -> &'static str {
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

    /// The device in words, or that it is skipped.
    pub fn describe(self) -> String {
        match self.absence() {
            Some(absence) if self.is_required() => absence.to_owned(),
            Some(absence) => format!("skipped: {absence}"),
            None if self == Kind::Cpu => Cpu::<f32>::open(true).describe(),
            None => Cuda::open(0, Precision::F32, true)
                .map_or_else(|e| e.to_string(), |cuda| cuda.describe()),
        }
    }
}

/// Makes the emulator's libraries the ones that are used: those that were built with it, unless
/// `GAN_CUDA_LIB_DIR` says which.
fn find_emulator() -> Result<(), String> {
    if env::var_os(LIBRARIES).is_none() {
        let folder = gan_cuda_emulator::library_dir()?;
        if !folder.join("libcuda.so.1").is_file() {
            return Err(format!("{} has no libcuda.so.1", folder.display()));
        }
        libraries::load_from(folder);
    }
    // Whatever is found must not be mistaken for it.
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

/// A way to run operations that must give the same bits as every other way.
pub struct Way<D> {
    pub name: &'static str,
    pub device: D,
    /// The order in which the emulator runs threads.
    pub schedule: Option<Schedule>,
}

/// A GPU, or the emulator's.
pub fn open_cuda(precision: Precision, graphs: bool) -> Cuda {
    let cuda = Cuda::open(0, precision, graphs).unwrap();
    if cuda.is_emulated() {
        // For all tests that do not choose.
        set_schedule(Schedule::Ascending).unwrap();
    }
    cuda
}

/// A device that the suite can open.
pub trait Tested: Device<Real = f32> + Sized + 'static {
    /// Opens it; `graphs`: where it can record iterations, it shall.
    fn open(graphs: bool) -> Self;

    /// Ways that must give the same bits, at least two.
    fn ways() -> Vec<Way<Self>>;
}

impl Tested for Cpu<f32> {
    /// With one thread: small networks gain little by two, and tests run side by side.
    fn open(_graphs: bool) -> Self {
        Cpu::new(1)
    }

    fn ways() -> Vec<Way<Self>> {
        [("two threads", 2), ("one thread", 1), ("three threads", 3)]
            .map(|(name, threads)| Way { name, device: Cpu::new(threads), schedule: None })
            .into()
    }
}

impl Tested for Cuda {
    fn open(graphs: bool) -> Self {
        open_cuda(Precision::F32, graphs)
    }

    fn ways() -> Vec<Way<Self>> {
        let way = |name, schedule| Way { name, device: <Self as Tested>::open(false), schedule };
        match <Self as Tested>::open(false).is_emulated() {
            true => vec![
                way("threads ascending", Some(Schedule::Ascending)),
                way("threads descending", Some(Schedule::Descending)),
                way("threads shuffled", Some(Schedule::Shuffled)),
            ],
            false => vec![way("once", None), way("again", None)],
        }
    }
}
