//! CUDA on the CPU, for tests without a GPU: stand-ins for `libcuda.so.1`, `libcublas.so.13` and
//! `libnvrtc.so.13` that run gan-cuda's own kernels, compiled by the system's C++ compiler.
//!
//! With `GAN_CUDA_LIB_DIR` set to [`library_dir`], the unmodified program uses them. README.md
//! beside this crate says what they check and what they cannot.

#![warn(missing_docs)]

mod compiler;
mod generate;
#[path = "../../../build/signature.rs"]
#[allow(dead_code)] // Messages and launchers use more of it.
mod signature;
mod stand_ins;

pub use compiler::{Problem, sanitizer_runtime};
pub use stand_ins::StandIns;

use libloading::os::unix::{Library, RTLD_NOW};
use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The environment variable that overrides the folder built with this crate.
pub const FOLDER: &str = "GAN_CUDA_EMULATOR_DIR";

/// The folder with the stand-ins: that of [`FOLDER`] at run time, or the one built with this crate.
///
/// # Errors
/// Why there are none: this machine has no C++ compiler, or is not Linux.
pub fn library_dir() -> Result<&'static Path, &'static str> {
    static CHOSEN: OnceLock<Option<PathBuf>> = OnceLock::new();
    if let Some(folder) = CHOSEN.get_or_init(|| env::var_os(FOLDER).map(PathBuf::from)) {
        return Ok(folder);
    }
    match option_env!("GAN_CUDA_EMULATOR_BUILT") {
        Some(folder) if Path::new(folder).is_dir() => Ok(Path::new(folder)),
        Some(_) => Err("its folder is missing on this machine"),
        None => Err(option_env!("GAN_CUDA_EMULATOR_PROBLEM").unwrap_or("it was not built")),
    }
}

/// The folder with gan-cuda's kernels.
pub fn kernel_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernels")
}

/// The folder with the compiled files of [`library_dir`], for other sets of [`StandIns`].
pub fn object_dir() -> &'static Path {
    Path::new(env!("GAN_CUDA_EMULATOR_OBJECTS"))
}

/// The order in which threads and blocks run between barriers, and independent nodes of graphs. A
/// correct kernel gives the same results under every schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// In ascending order.
    Ascending,
    /// In descending order.
    Descending,
    /// In a shuffled order, the same one each time.
    Shuffled,
}

impl Schedule {
    /// All schedules.
    pub const ALL: [Self; 3] = [Self::Ascending, Self::Descending, Self::Shuffled];
}

/// Sets the schedule of all further work in the whole process.
///
/// # Errors
/// The libcuda of this process is not the emulator's.
pub fn set_schedule(schedule: Schedule) -> Result<(), String> {
    // SAFETY: the emulator declares this function so.
    let set = unsafe { function::<extern "C" fn(i32)>("emulator_set_schedule") }?;
    set(schedule as i32);
    Ok(())
}

/// The number of bytes currently allocated on a device.
///
/// # Errors
/// As [`set_schedule`].
pub fn allocated(device: i32) -> Result<usize, String> {
    // SAFETY: the emulator declares this function so.
    let count = unsafe { function::<extern "C" fn(i32) -> usize>("emulator_allocated") }?;
    Ok(count(device))
}

/// The number of streams with this priority in the calling thread's context.
///
/// # Errors
/// As [`set_schedule`].
pub fn streams(priority: i32) -> Result<usize, String> {
    // SAFETY: the emulator declares this function so.
    let count = unsafe { function::<extern "C" fn(i32) -> usize>("emulator_streams") }?;
    Ok(count(priority))
}

/// The number of executable graphs in the calling thread's context that were instantiated with these
/// flags.
///
/// # Errors
/// As [`set_schedule`].
pub fn executables(flags: u64) -> Result<usize, String> {
    // SAFETY: the emulator declares this function so.
    let count = unsafe { function::<extern "C" fn(u64) -> usize>("emulator_executables") }?;
    Ok(count(flags))
}

/// A function of the emulator's libcuda.
///
/// # Safety
/// `F` is what the emulator declares.
unsafe fn function<F: Copy>(name: &str) -> Result<F, String> {
    static DRIVER: OnceLock<Result<Library, String>> = OnceLock::new();
    let driver = DRIVER.get_or_init(driver).as_ref()?;
    // SAFETY: the function has this type, and its library stays loaded.
    let found = unsafe { driver.get::<F>(name) };
    found.map(|found| *found).map_err(|error| format!("not the emulator's libcuda: {error}"))
}

/// The libcuda that this process has loaded; or, if none is loaded, the one that it will load.
fn driver() -> Result<Library, String> {
    const NAME: &str = "libcuda.so.1";
    // Linux's value, which libloading does not define.
    const RTLD_NOLOAD: i32 = 4;
    // SAFETY: the library is already loaded, so no initializer runs.
    if let Ok(library) = unsafe { Library::open(Some(NAME), RTLD_NOW | RTLD_NOLOAD) } {
        return Ok(library);
    }
    let folder = match env::var_os("GAN_CUDA_LIB_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => library_dir()?.to_owned(),
    };
    // SAFETY: loading the emulator only registers its kernels.
    unsafe { Library::open(Some(folder.join(NAME)), RTLD_NOW) }.map_err(|error| error.to_string())
}
