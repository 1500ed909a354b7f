//! NVIDIA's libraries, opened where they were found.
//!
//! cudarc opens libraries by their bare names, which the system's loader resolves in its own few
//! folders or, by soname, among what is open already. So each library is opened here first, by its
//! path. Each is opened once in a process, when it is first asked for, and stays open.
//!
//! `GAN_CUDA_LIB_DIR` names a folder that is then the only one. It is for the driver too, which
//! otherwise is what the system's loader knows: so an emulated driver can take its place, and a real
//! and an emulated one never share a process. Only a folder that has other libraries and no driver,
//! such as a toolkit's, leaves the driver to the loader.

use std::ffi::c_int;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use libloading::Library;
use tracing::debug;

use super::nvrtc::{Nvrtc, Version, address, open};
use super::places::{self, LOADER, MAJORS};

/// The folder that is the only one.
const FOLDER: &str = "GAN_CUDA_LIB_DIR";

/// A library, or where it was looked for and what could not be opened.
pub type Looked<T> = Result<T, Vec<String>>;

/// The open driver.
#[derive(Debug)]
pub struct Driver {
    /// The file.
    pub path: PathBuf,
    /// The newest CUDA that it takes.
    pub version: Version,
}

/// The open cuBLAS.
#[derive(Debug)]
pub struct Cublas {
    /// The file.
    pub path: PathBuf,
    /// Its own version, if it tells.
    pub version: Option<Version>,
}

/// The driver, `libcuda.so.1`.
pub fn driver() -> &'static Looked<Driver> {
    static DRIVER: OnceLock<Looked<Driver>> = OnceLock::new();
    DRIVER.get_or_init(|| logged("the driver", open_driver()))
}

/// cuBLAS, with the cuBLASLt that it needs.
pub fn cublas() -> &'static Looked<Cublas> {
    static CUBLAS: OnceLock<Looked<Cublas>> = OnceLock::new();
    CUBLAS.get_or_init(|| logged("cuBLAS", open_cublas()))
}

/// NVRTC, and the file that it was opened from.
pub fn nvrtc() -> &'static Looked<(PathBuf, Nvrtc)> {
    static NVRTC: OnceLock<Looked<(PathBuf, Nvrtc)>> = OnceLock::new();
    NVRTC.get_or_init(|| logged("NVRTC", open_nvrtc()))
}

/// Tells the log what came of the search for a library.
fn logged<T: Debug>(name: &str, looked: Looked<T>) -> Looked<T> {
    match &looked {
        Ok(found) => debug!(library = name, ?found, "opened"),
        Err(searched) => debug!(library = name, ?searched, "not found"),
    }
    looked
}

/// Makes `folder` the only one, as `GAN_CUDA_LIB_DIR` would. To be called before any library is
/// asked for.
///
/// # Panics
/// When another folder, or none, was settled on before.
pub fn load_from(folder: &Path) {
    let settled = ONLY.get_or_init(|| Some(folder.to_owned()));
    assert_eq!(settled.as_deref(), Some(folder), "libraries have been looked for already");
}

static ONLY: OnceLock<Option<PathBuf>> = OnceLock::new();

/// The only folder to look in, if there is one.
fn only() -> Option<&'static Path> {
    ONLY.get_or_init(|| places::set(FOLDER).map(PathBuf::from)).as_deref()
}

/// Where everything but the driver is looked for.
fn folders() -> Box<dyn Iterator<Item = PathBuf>> {
    match only() {
        Some(folder) => Box::new(std::iter::once(folder.to_owned())),
        None => {
            let program = std::env::current_exe().ok();
            let own = program.and_then(|program| Some(program.parent()?.to_owned()));
            Box::new(own.into_iter().chain(places::folders()))
        }
    }
}

/// The names of a library in the versions that the driver takes.
fn names(stem: &str) -> Vec<String> {
    let newest = driver().as_ref().map_or(u32::MAX, |driver| driver.version.major);
    MAJORS.iter().filter(|&&major| major <= newest).map(|major| format!("{stem}.{major}")).collect()
}

fn open_driver() -> Looked<Driver> {
    let names = ["libcuda.so.1".to_owned()];
    let (path, library) = places::open_first(&names, driver_folders(), open)?;
    // SAFETY: this loads the driver, which is loaded already.
    let present = unsafe { cudarc::driver::sys::is_culib_present() };
    // SAFETY: it is present, so this does not panic.
    let used = present.then(|| unsafe { cudarc::driver::sys::culib() });
    let path = settle(path, library, used, "cuInit")?;
    let silent = || vec![format!("{} (it does not tell its version)", path.display())];
    let version = used.and_then(driver_version).ok_or_else(silent)?;
    Ok(Driver { path, version })
}

/// Where containers get the driver of their host, if the loader is not told.
const HOST_DRIVER: &str = "/usr/local/nvidia/lib64";

/// Where the driver is looked for.
fn driver_folders() -> Vec<PathBuf> {
    let has = |folder: &Path, name: String| folder.join(name).is_file();
    let others = |folder: &Path| {
        let any = |stem| MAJORS.iter().any(|major| has(folder, format!("{stem}.{major}")));
        any("libcublas.so") || any("libnvrtc.so")
    };
    match only() {
        Some(folder) if has(folder, "libcuda.so.1".to_owned()) || !others(folder) => {
            vec![folder.into()]
        }
        _ => vec![LOADER.into(), HOST_DRIVER.into()],
    }
}

fn open_cublas() -> Looked<Cublas> {
    let open_both = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let needed = path.with_file_name(name.replace("libcublas.so", "libcublasLt.so"));
        if needed.is_file() {
            // It must be found by cuBLAS as long as the process runs.
            std::mem::forget(open(&needed)?);
        }
        open(path)
    };
    let (path, library) = places::open_first(&names("libcublas.so"), folders(), open_both)?;
    // SAFETY: this loads cuBLAS, which is loaded already.
    let present = unsafe { cudarc::cublas::sys::is_culib_present() };
    // SAFETY: it is present, so this does not panic.
    let used = present.then(|| unsafe { cudarc::cublas::sys::culib() });
    let path = settle(path, library, used, "cublasCreate_v2")?;
    Ok(Cublas { path, version: used.and_then(cublas_version) })
}

fn open_nvrtc() -> Looked<(PathBuf, Nvrtc)> {
    let (path, nvrtc) = places::open_first(&names("libnvrtc.so"), folders(), Nvrtc::open)?;
    Ok((shown(path, nvrtc.address()), nvrtc))
}

/// Keeps a library open, and gives the file that cudarc uses. That is another one where the loader
/// knows the unversioned name, which cudarc tries first, in a folder of its own. A library of
/// another folder than the only one is refused.
fn settle(
    path: PathBuf,
    library: Library,
    used: Option<&'static Library>,
    function: &str,
) -> Looked<PathBuf> {
    let (found, used) =
        (address(&library, function), used.and_then(|used| address(used, function)));
    std::mem::forget(library);
    let Some(used) = used else {
        return Err(vec![format!("{} (it has no {function})", path.display())]);
    };
    if found != Some(used) && only().is_some_and(|folder| path.starts_with(folder)) {
        let other = shown(PathBuf::from("another"), Some(used));
        return Err(vec![format!("{} (but the loader takes {})", path.display(), other.display())]);
    }
    Ok(shown(path, Some(used)))
}

/// The file that is mapped at `address`, as far as the system tells; else `path`.
fn shown(path: PathBuf, address: Option<usize>) -> PathBuf {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let file = address.and_then(|address| maps.lines().find_map(|line| file_at(line, address)));
    file.map_or(path, PathBuf::from)
}

/// The file in a line such as `7f00-7f80 r-xp 00000000 08:01 42   /usr/lib/libcuda.so.580`, if the
/// address is in its range.
fn file_at(line: &str, address: usize) -> Option<&str> {
    let (start, end) = line.split_whitespace().next()?.split_once('-')?;
    let [start, end] = [start, end].map(|number| usize::from_str_radix(number, 16).ok());
    (start?..end?).contains(&address).then_some(())?;
    line.find('/').map(|path| &line[path..])
}

fn driver_version(library: &Library) -> Option<Version> {
    type Function = unsafe extern "C" fn(*mut c_int) -> c_int;
    let mut version = 0;
    // SAFETY: the type is what cuda.h declares; the place can be written.
    let status = unsafe { library.get::<Function>("cuDriverGetVersion").ok()?(&mut version) };
    // 13020 is 13.2.
    let version = version.unsigned_abs();
    (status == 0).then_some(Version { major: version / 1000, minor: version % 1000 / 10 })
}

fn cublas_version(library: &Library) -> Option<Version> {
    type Function = unsafe extern "C" fn(c_int, *mut c_int) -> c_int;
    // SAFETY: the type is what cublas_api.h declares.
    let property = unsafe { library.get::<Function>("cublasGetProperty") }.ok()?;
    let part = |number| {
        let mut value: c_int = 0;
        // SAFETY: 0 and 1 are MAJOR_VERSION and MINOR_VERSION; the place can be written.
        let status = unsafe { property(number, &mut value) };
        (status == 0).then_some(value.unsigned_abs())
    };
    Some(Version { major: part(0)?, minor: part(1)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_files_are_found_by_address() {
        let line = "7f00-7f80 r-xp 00000000 08:01 42      /usr/lib/a folder/libcuda.so.1";
        assert_eq!(file_at(line, 0x7f00), Some("/usr/lib/a folder/libcuda.so.1"));
        assert_eq!(file_at(line, 0x7f80), None);
        assert_eq!(file_at("7f00-7f80 rw-p 00000000 00:00 0", 0x7f10), None);
        assert_eq!(file_at("", 0), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_program_is_mapped_where_its_functions_are() {
        if fs::metadata("/proc/self/maps").is_err() {
            return eprintln!("skipped: no /proc");
        }
        let here = shown(PathBuf::new(), Some(shown as *const () as usize));
        assert_eq!(here, std::env::current_exe().unwrap());
    }
}
