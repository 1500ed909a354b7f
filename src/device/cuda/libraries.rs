//! Opening NVIDIA's libraries.
//!
//! cudarc opens libraries by their bare names, which the dynamic loader resolves in its own few
//! folders or, by soname, among the libraries already open. So each library is opened here first, by
//! its path. Each is opened once per process, at first use, and stays open.
//!
//! If `GAN_CUDA_LIB_DIR` is set, it is the only folder that is searched, for the driver too, which is
//! otherwise found by the loader: so an emulated driver can replace the real one, and the two never
//! share a process. Only a folder that has other libraries but no driver, such as a toolkit's, leaves
//! the driver to the loader.

use std::ffi::c_int;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use libloading::Library;
use tracing::debug;

use super::nccl::Nccl;
use super::nvrtc::{Nvrtc, Version, address, open};
use super::search_paths::{self, LOADER, MAJORS};

/// Names the only folder to search.
const FOLDER: &str = "GAN_CUDA_LIB_DIR";

/// A library; or the folders that were searched and what could not be opened.
pub type SearchResult<T> = Result<T, Vec<String>>;

/// The open driver.
#[derive(Debug)]
pub struct Driver {
    /// The file.
    pub path: PathBuf,
    /// The newest CUDA version that it supports.
    pub version: Version,
}

/// The open cuBLAS.
#[derive(Debug)]
pub struct Cublas {
    /// The file.
    pub path: PathBuf,
    /// Its own version, if it reports one.
    pub version: Option<Version>,
}

/// The driver, `libcuda.so.1`.
pub fn driver() -> &'static SearchResult<Driver> {
    static DRIVER: OnceLock<SearchResult<Driver>> = OnceLock::new();
    DRIVER.get_or_init(|| logged("the driver", open_driver()))
}

/// cuBLAS, with the cuBLASLt that it needs.
pub fn cublas() -> &'static SearchResult<Cublas> {
    static CUBLAS: OnceLock<SearchResult<Cublas>> = OnceLock::new();
    CUBLAS.get_or_init(|| logged("cuBLAS", open_cublas()))
}

/// NVRTC, and the file that it was opened from.
pub fn nvrtc() -> &'static SearchResult<(PathBuf, Nvrtc)> {
    static NVRTC: OnceLock<SearchResult<(PathBuf, Nvrtc)>> = OnceLock::new();
    NVRTC.get_or_init(|| logged("NVRTC", open_nvrtc()))
}

/// NCCL, and the file that it was opened from.
pub fn nccl() -> &'static SearchResult<(PathBuf, Nccl)> {
    static NCCL: OnceLock<SearchResult<(PathBuf, Nccl)>> = OnceLock::new();
    NCCL.get_or_init(|| logged("NCCL", open_nccl()))
}

/// Logs the result of the search for a library.
fn logged<T: Debug>(name: &str, result: SearchResult<T>) -> SearchResult<T> {
    match &result {
        Ok(found) => debug!(library = name, ?found, "opened"),
        Err(searched) => debug!(library = name, ?searched, "not found"),
    }
    result
}

/// Makes `folder` the only one to search, like `GAN_CUDA_LIB_DIR`. To be called before any library
/// is opened.
///
/// # Panics
/// When libraries have already been searched for in another folder.
pub fn load_from(folder: &Path) {
    let only = ONLY.get_or_init(|| Some(folder.to_owned()));
    assert_eq!(only.as_deref(), Some(folder), "libraries have already been searched for");
}

static ONLY: OnceLock<Option<PathBuf>> = OnceLock::new();

/// The only folder to search, if there is one.
fn only_folder() -> Option<&'static Path> {
    ONLY.get_or_init(|| search_paths::env_var(FOLDER).map(PathBuf::from)).as_deref()
}

/// The folders to search for everything but the driver.
fn folders() -> Box<dyn Iterator<Item = PathBuf>> {
    match only_folder() {
        Some(folder) => Box::new(std::iter::once(folder.to_owned())),
        None => {
            let program = std::env::current_exe().ok();
            let own = program.and_then(|program| Some(program.parent()?.to_owned()));
            Box::new(own.into_iter().chain(search_paths::folders()))
        }
    }
}

/// The file names of a library in the versions that the driver supports.
fn names(stem: &str) -> Vec<String> {
    let newest = driver().as_ref().map_or(u32::MAX, |driver| driver.version.major);
    MAJORS.iter().filter(|&&major| major <= newest).map(|major| format!("{stem}.{major}")).collect()
}

fn open_driver() -> SearchResult<Driver> {
    let names = ["libcuda.so.1".to_owned()];
    let (path, library) = search_paths::open_first(&names, driver_folders(), open)?;
    // SAFETY: this loads the driver, which is loaded already.
    let present = unsafe { cudarc::driver::sys::is_culib_present() };
    // SAFETY: it is present, so this does not panic.
    let used = present.then(|| unsafe { cudarc::driver::sys::culib() });
    let path = keep_open(path, library, used, "cuInit")?;
    let no_version = || vec![format!("{} (it does not report its version)", path.display())];
    let version = used.and_then(driver_version).ok_or_else(no_version)?;
    Ok(Driver { path, version })
}

/// Where containers mount their host's driver, if it is not on the loader's path.
const HOST_DRIVER: &str = "/usr/local/nvidia/lib64";

/// The folders to search for the driver.
fn driver_folders() -> Vec<PathBuf> {
    let has = |folder: &Path, name: String| folder.join(name).is_file();
    let others = |folder: &Path| {
        let any = |stem| MAJORS.iter().any(|major| has(folder, format!("{stem}.{major}")));
        any("libcublas.so") || any("libnvrtc.so")
    };
    match only_folder() {
        Some(folder) if has(folder, "libcuda.so.1".to_owned()) || !others(folder) => {
            vec![folder.into()]
        }
        _ => vec![LOADER.into(), HOST_DRIVER.into()],
    }
}

fn open_cublas() -> SearchResult<Cublas> {
    let open_both = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let needed = path.with_file_name(name.replace("libcublas.so", "libcublasLt.so"));
        if needed.is_file() {
            // It stays open, so that cuBLAS finds it for as long as the process runs.
            std::mem::forget(open(&needed)?);
        }
        open(path)
    };
    let (path, library) = search_paths::open_first(&names("libcublas.so"), folders(), open_both)?;
    // SAFETY: this loads cuBLAS, which is loaded already.
    let present = unsafe { cudarc::cublas::sys::is_culib_present() };
    // SAFETY: it is present, so this does not panic.
    let used = present.then(|| unsafe { cudarc::cublas::sys::culib() });
    let path = keep_open(path, library, used, "cublasCreate_v2")?;
    Ok(Cublas { path, version: used.and_then(cublas_version) })
}

fn open_nvrtc() -> SearchResult<(PathBuf, Nvrtc)> {
    let (path, nvrtc) = search_paths::open_first(&names("libnvrtc.so"), folders(), Nvrtc::open)?;
    Ok((mapped_file(path, nvrtc.address()), nvrtc))
}

fn open_nccl() -> SearchResult<(PathBuf, Nccl)> {
    let names = ["libnccl.so.2".to_owned()];
    let (path, nccl) = search_paths::open_first(&names, folders(), Nccl::open)?;
    Ok((mapped_file(path, Some(nccl.address())), nccl))
}

/// Keeps a library open, and returns the file that cudarc uses. It is a different file if the loader
/// finds the unversioned name, which cudarc tries first, in one of its own folders. If there is an
/// only folder, a library from another one is an error.
fn keep_open(
    path: PathBuf,
    library: Library,
    used: Option<&'static Library>,
    function: &str,
) -> SearchResult<PathBuf> {
    let (found, used) =
        (address(&library, function), used.and_then(|used| address(used, function)));
    std::mem::forget(library);
    let Some(used) = used else {
        return Err(vec![format!("{} (it has no {function})", path.display())]);
    };
    if found != Some(used) && only_folder().is_some_and(|folder| path.starts_with(folder)) {
        let other = mapped_file(PathBuf::from("another"), Some(used));
        return Err(vec![format!("{} (but the loader takes {})", path.display(), other.display())]);
    }
    Ok(mapped_file(path, Some(used)))
}

/// The file that is mapped at `address`, if the system reports it; else `path`.
fn mapped_file(path: PathBuf, address: Option<usize>) -> PathBuf {
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
    // SAFETY: the type is what cuda.h declares; `version` is writable.
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
        // SAFETY: 0 and 1 are MAJOR_VERSION and MINOR_VERSION; `value` is writable.
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
    fn this_executable_is_mapped_at_the_address_of_its_functions() {
        if fs::metadata("/proc/self/maps").is_err() {
            return eprintln!("skipped: no /proc");
        }
        let here = mapped_file(PathBuf::new(), Some(mapped_file as *const () as usize));
        assert_eq!(here, std::env::current_exe().unwrap());
    }
}
