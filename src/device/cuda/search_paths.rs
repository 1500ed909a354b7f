//! The search paths of NVIDIA's libraries.
//!
//! They come with the CUDA toolkit or with Python packages (`pip install nvidia-cublas`); the latter
//! are not on the dynamic loader's search path. The build script and the program search the same
//! paths, so this module uses nothing of the crate.

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::{env, fs};

/// The environment variables that [`folders`] reads.
#[allow(dead_code)] // Only the build script uses it.
pub const VARIABLES: [&str; 4] = ["CUDA_HOME", "CUDA_PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV"];

/// The folders to search, in order. [`LOADER`] is one of them. The last ones are python3's; it is
/// run only if the iterator gets that far, since it takes longer than all the rest.
pub fn folders() -> impl Iterator<Item = PathBuf> {
    let python = std::iter::once_with(python_folders).flatten();
    toolkits().into_iter().chain([PathBuf::from(LOADER)]).chain(python)
}

/// The supported major versions of CUDA's libraries, newest first.
pub const MAJORS: [u32; 2] = [13, 12];

/// Stands for the dynamic loader's own search path: a bare file name without a folder.
pub const LOADER: &str = "";

/// Opens the first library that can be opened, trying all of `names` in a folder before the next
/// folder; returns its path too.
///
/// # Errors
/// The folders without the library, and the messages of libraries that could not be opened.
pub fn open_first<T, E: Error>(
    names: &[String],
    folders: impl IntoIterator<Item = PathBuf>,
    mut open: impl FnMut(&Path) -> Result<T, E>,
) -> Result<(PathBuf, T), Vec<String>> {
    let mut searched = Vec::new();
    for folder in folders {
        let in_loader = folder.as_os_str() == LOADER;
        let mut failures = Vec::new();
        for path in names.iter().map(|name| folder.join(name)) {
            if !in_loader && !path.is_file() {
                continue;
            }
            match open(&path) {
                Ok(library) => return Ok((path, library)),
                // The loader's message for an unknown name adds nothing.
                Err(_) if in_loader => {}
                Err(problem) => failures.push(with_cause(&problem)),
            }
        }
        let folder =
            if in_loader { "the system's loader".to_owned() } else { folder.display().to_string() };
        let entry = if failures.is_empty() { folder } else { failures.join(", ") };
        if !searched.contains(&entry) {
            searched.push(entry);
        }
    }
    Err(searched)
}

/// An error followed by its causes.
fn with_cause(problem: &dyn Error) -> String {
    match problem.source() {
        Some(cause) => format!("{problem}: {}", with_cause(cause)),
        None => problem.to_string(),
    }
}

/// The folders of toolkits and of the active virtual environment, which are cheap to find.
fn toolkits() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for variable in ["CUDA_HOME", "CUDA_PATH"] {
        if let Some(home) = env_var(variable).map(PathBuf::from) {
            folders.extend([home.join("lib64"), home.join("lib")]);
        }
    }
    folders.extend(env_var("LD_LIBRARY_PATH").iter().flat_map(env::split_paths));
    folders.push("/usr/local/cuda/lib64".into());
    if let Some(environment) = env_var("VIRTUAL_ENV") {
        let pythons = subfolders(&Path::new(&environment).join("lib"));
        folders.extend(pythons.iter().flat_map(|python| wheels(&python.join("site-packages"))));
    }
    folders.retain(|folder| folder.as_os_str() != LOADER);
    folders
}

/// The value of an environment variable, if it is set and not empty.
pub fn env_var(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|value| !value.is_empty())
}

/// The library folders of python3's packages; python3 is run once.
fn python_folders() -> Vec<PathBuf> {
    static FOLDERS: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let find = || site_packages().iter().flat_map(|site| wheels(site)).collect();
    FOLDERS.get_or_init(find).clone()
}

/// The site-packages folders of python3; none without python3.
fn site_packages() -> Vec<PathBuf> {
    const SCRIPT: &str = "import site; print(*site.getsitepackages(), site.getusersitepackages(), \
                       sep='\\n')";
    let mut command = Command::new("python3");
    let output = command.args(["-c", SCRIPT]).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().map(PathBuf::from).collect()
}

/// The library folders of NVIDIA's packages in `site`: `nvidia/cu13/lib` for CUDA 13,
/// `nvidia/cublas/lib` and others for CUDA 12. If there are none, the pattern itself, for the list of
/// searched folders.
fn wheels(site: &Path) -> Vec<PathBuf> {
    let packages = subfolders(&site.join("nvidia")).into_iter();
    let folders: Vec<_> =
        packages.map(|package| package.join("lib")).filter(|f| f.is_dir()).collect();
    if folders.is_empty() { vec![site.join("nvidia/*/lib")] } else { folders }
}

/// The subfolders of a folder, sorted by name.
fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut folders: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// The empty folder `a`, and `b` and `c` with files of these names.
    fn folders_with(b: &[&str], c: &[&str]) -> (tempfile::TempDir, [PathBuf; 3]) {
        let root = tempfile::tempdir().unwrap();
        let folders = ["a", "b", "c"].map(|name| root.path().join(name));
        for (folder, names) in folders.iter().zip([&[], b, c]) {
            fs::create_dir(folder).unwrap();
            for name in names {
                fs::write(folder.join(name), "").unwrap();
            }
        }
        (root, folders)
    }

    fn opened(folders: &[PathBuf], broken: &str) -> Result<PathBuf, Vec<String>> {
        let names = ["new".to_owned(), "old".to_owned()];
        let open = |path: &Path| match path.ends_with(broken) {
            true => Err(io::Error::other(format!("{broken} is broken"))),
            false => Ok(()),
        };
        open_first(&names, folders.iter().cloned(), open).map(|(path, ())| path)
    }

    #[test]
    fn folder_order_takes_precedence_over_name_order() {
        let (_root, folders) = folders_with(&["old"], &["new", "old"]);
        assert_eq!(opened(&folders, "none").unwrap(), folders[1].join("old"));
        assert_eq!(opened(&folders[2..], "none").unwrap(), folders[2].join("new"));
    }

    #[test]
    fn broken_libraries_are_reported_and_the_search_continues() {
        let (_root, folders) = folders_with(&["old"], &["new"]);
        assert_eq!(opened(&folders, "b/old").unwrap(), folders[2].join("new"));
        let searched = opened(&folders[..2], "b/old").unwrap_err();
        assert_eq!(searched, [folders[0].display().to_string(), "b/old is broken".to_owned()]);
    }

    #[test]
    fn only_package_folders_with_libraries_are_searched() {
        let site = tempfile::tempdir().unwrap();
        assert_eq!(wheels(site.path()), [site.path().join("nvidia/*/lib")]);
        let libraries = ["nvidia/cublas/lib", "nvidia/cu13/lib"].map(|name| site.path().join(name));
        for folder in libraries.iter().chain(&[site.path().join("nvidia/no_libraries")]) {
            fs::create_dir_all(folder).unwrap();
        }
        assert_eq!(wheels(site.path()), [libraries[1].clone(), libraries[0].clone()]);
    }
}
