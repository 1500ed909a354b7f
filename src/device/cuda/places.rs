//! Where NVIDIA's libraries are looked for.
//!
//! They come with the CUDA toolkit or with Python packages (`pip install nvidia-cublas`), and the
//! second kind lies where the system's loader does not look. The build and the program look in the
//! same places, so this module uses nothing of the crate.

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::{env, fs};

/// The environment variables that [`folders`] reads.
#[allow(dead_code)] // The build tells cargo; nobody else needs to know.
pub const VARIABLES: [&str; 4] = ["CUDA_HOME", "CUDA_PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV"];

/// The folders to look in, in order. [`LOADER`] is one of them. The last ones are python3's, which
/// is asked only if an iterator gets that far: it takes longer than all the rest.
pub fn folders() -> impl Iterator<Item = PathBuf> {
    let python = std::iter::once_with(python_folders).flatten();
    toolkits().into_iter().chain([PathBuf::from(LOADER)]).chain(python)
}

/// The major versions of CUDA whose libraries can be used, the newest first.
pub const MAJORS: [u32; 2] = [13, 12];

/// Stands for the places that the system's loader looks in by itself: a bare name is in no folder.
pub const LOADER: &str = "";

/// Opens the first library that can be opened, trying all of `names` in a folder before the next
/// folder, and says where it was.
///
/// # Errors
/// Where there was none, and what could not be opened, in words.
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
                // What the loader says of a name that it does not know is no news.
                Err(_) if in_loader => {}
                Err(problem) => failures.push(with_cause(&problem)),
            }
        }
        let place =
            if in_loader { "the system's loader".to_owned() } else { folder.display().to_string() };
        let told = if failures.is_empty() { place } else { failures.join(", ") };
        if !searched.contains(&told) {
            searched.push(told);
        }
    }
    Err(searched)
}

/// An error and what lies behind it.
fn with_cause(problem: &dyn Error) -> String {
    match problem.source() {
        Some(cause) => format!("{problem}: {}", with_cause(cause)),
        None => problem.to_string(),
    }
}

/// Those that cost nothing to find.
fn toolkits() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for variable in ["CUDA_HOME", "CUDA_PATH"] {
        if let Some(home) = set(variable).map(PathBuf::from) {
            folders.extend([home.join("lib64"), home.join("lib")]);
        }
    }
    folders.extend(set("LD_LIBRARY_PATH").iter().flat_map(env::split_paths));
    folders.push("/usr/local/cuda/lib64".into());
    if let Some(environment) = set("VIRTUAL_ENV") {
        let pythons = subfolders(&Path::new(&environment).join("lib"));
        folders.extend(pythons.iter().flat_map(|python| wheels(&python.join("site-packages"))));
    }
    folders.retain(|folder| folder.as_os_str() != LOADER);
    folders
}

/// The value of an environment variable that is set to something.
pub fn set(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|value| !value.is_empty())
}

/// The folders of python3's packages, asked for once.
fn python_folders() -> Vec<PathBuf> {
    static FOLDERS: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let ask = || site_packages().iter().flat_map(|site| wheels(site)).collect();
    FOLDERS.get_or_init(ask).clone()
}

/// Where python3 has its packages; nothing where there is no python3.
fn site_packages() -> Vec<PathBuf> {
    const ASK: &str = "import site; print(*site.getsitepackages(), site.getusersitepackages(), \
                       sep='\\n')";
    let mut command = Command::new("python3");
    let output = command.args(["-c", ASK]).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().map(PathBuf::from).collect()
}

/// The folders in `site` where NVIDIA's packages have libraries: `nvidia/cu13/lib` for CUDA 13,
/// `nvidia/cublas/lib` and others for CUDA 12. Where there are none, the pattern stands for them in
/// the list of what was searched.
fn wheels(site: &Path) -> Vec<PathBuf> {
    let packages = subfolders(&site.join("nvidia")).into_iter();
    let folders: Vec<_> =
        packages.map(|package| package.join("lib")).filter(|f| f.is_dir()).collect();
    if folders.is_empty() { vec![site.join("nvidia/*/lib")] } else { folders }
}

/// The folders in a folder, by name.
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

    /// Folders `a`, which is empty, `b` and `c`, which have files of these names.
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
    fn the_first_folder_counts_more_than_the_first_name() {
        let (_root, folders) = folders_with(&["old"], &["new", "old"]);
        assert_eq!(opened(&folders, "none").unwrap(), folders[1].join("old"));
        assert_eq!(opened(&folders[2..], "none").unwrap(), folders[2].join("new"));
    }

    #[test]
    fn what_cannot_be_opened_is_told_and_the_search_goes_on() {
        let (_root, folders) = folders_with(&["old"], &["new"]);
        assert_eq!(opened(&folders, "b/old").unwrap(), folders[2].join("new"));
        let searched = opened(&folders[..2], "b/old").unwrap_err();
        assert_eq!(searched, [folders[0].display().to_string(), "b/old is broken".to_owned()]);
    }

    #[test]
    fn the_folders_of_pythons_packages_are_those_with_libraries() {
        let site = tempfile::tempdir().unwrap();
        assert_eq!(wheels(site.path()), [site.path().join("nvidia/*/lib")]);
        let libraries = ["nvidia/cublas/lib", "nvidia/cu13/lib"].map(|name| site.path().join(name));
        for folder in libraries.iter().chain(&[site.path().join("nvidia/no_libraries")]) {
            fs::create_dir_all(folder).unwrap();
        }
        assert_eq!(wheels(site.path()), [libraries[1].clone(), libraries[0].clone()]);
    }
}
