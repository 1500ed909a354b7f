//! Compiles the stand-ins of CUDA's libraries: the emulator's C++ and a folder of kernels.
//!
//! The build script and the library share this file.

use crate::compiler::{self, Compiler, Problem};
use crate::{generate, signature};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{env, fs, thread};

/// The folder of the emulator's C++.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cpp");

/// A library: its name, which is its SONAME, and its sources.
struct Library {
    name: &'static str,
    sources: &'static [&'static str],
    /// Whether it contains the kernels.
    kernels: bool,
    needs: Option<&'static str>,
}

impl Library {
    /// The unversioned name.
    fn plain_name(&self) -> &'static str {
        self.name.split_inclusive(".so").next().unwrap_or(self.name)
    }
}

const LIBRARIES: [Library; 4] = [
    Library {
        name: "libcuda.so.1",
        sources: &[
            "capture",
            "copy",
            "device",
            "errors",
            "event",
            "fiber",
            "grid",
            "image",
            "environment",
            "launch",
            "memory",
            "services",
            "stream",
        ],
        kernels: true,
        needs: None,
    },
    Library {
        name: "libcublas.so.13",
        sources: &["blas", "gemm"],
        kernels: false,
        needs: Some("libcuda.so.1"),
    },
    Library { name: "libnvrtc.so.13", sources: &["nvrtc"], kernels: false, needs: None },
    Library {
        name: "libnccl.so.2",
        sources: &["communicator", "environment", "meeting", "nccl", "transport"],
        kernels: false,
        needs: Some("libcuda.so.1"),
    },
];

/// Makes libraries find each other in their own folder first.
const NEED: [&str; 3] = ["-Wl,--no-as-needed", "-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN"];

/// How to build a set of stand-ins.
pub struct StandIns<'a> {
    /// The folder with the kernels.
    pub kernels: &'a Path,
    /// The folder for object files. Several sets may share it: unchanged sources are not compiled again.
    pub objects: &'a Path,
    /// Whether to compile with sanitizers. A program that loads such libraries needs
    /// [`compiler::sanitizer_runtime`] in `LD_PRELOAD`.
    pub sanitize: bool,
}

/// A source and its object file.
#[derive(Clone)]
struct Unit {
    source: PathBuf,
    object: PathBuf,
}

impl StandIns<'_> {
    /// Builds the libraries in the folder `out`, and returns it.
    ///
    /// # Errors
    /// There is no compiler, a file cannot be accessed, a signature is invalid, or a source does not
    /// compile.
    pub fn build(&self, out: &Path) -> Result<PathBuf, Problem> {
        let compiler = Compiler::find()?;
        create_folder(self.objects)?;
        create_folder(out)?;
        let kernels = self.kernel_units(&compiler)?;
        let headers = contents(Path::new(SOURCES), "h")?;
        for library in &LIBRARIES {
            let plain_name = out.join(library.plain_name());
            link_plain_name(&compiler, &plain_name, None)?;
            let mut units = Vec::new();
            for stem in library.sources {
                let source = Path::new(SOURCES).join(stem).with_extension("cpp");
                let key = format!("{}{headers}", read(&source)?);
                units.push(self.unit(&compiler, stem, &key, Some(source)));
            }
            if library.kernels {
                units.extend(kernels.iter().cloned());
            }
            self.compile(&compiler, &units)?;
            self.link(&compiler, out, library, &units)?;
            link_plain_name(&compiler, &plain_name, Some(&out.join(library.name)))?;
        }
        Ok(out.to_owned())
    }

    /// Writes the generated source of each kernel file.
    fn kernel_units(&self, compiler: &Compiler) -> Result<Vec<Unit>, Problem> {
        let files = files(self.kernels, "cu")?;
        let mut sources = Vec::new();
        for file in &files {
            sources.push((name(file), read(file)?));
        }
        let pairs = sources.iter().map(|(file, source)| (&**file, &**source));
        let kernels = signature::parse_all(pairs).map_err(Problem::Signature)?;
        let shared = contents(self.kernels, "cuh")?
            + &read(&Path::new(SOURCES).join("kernel.h"))?
            + &read(&Path::new(SOURCES).join("grid.h"))?;
        let mut units = Vec::new();
        for (file, source) in &sources {
            let of_file: Vec<_> = kernels.iter().filter(|kernel| kernel.file == *file).collect();
            let generated = generate::entries(file, &of_file);
            let unit = self.unit(compiler, file, &format!("{generated}{source}{shared}"), None);
            write(&unit.source, &generated)?;
            units.push(unit);
        }
        Ok(units)
    }

    /// The unit whose object depends on `key`; without a source file, the source is written next to the
    /// object.
    fn unit(&self, compiler: &Compiler, stem: &str, key: &str, source: Option<PathBuf>) -> Unit {
        let mut hasher = DefaultHasher::new();
        (compiler, format!("{:?}", compiler.command(self.sanitize)), key).hash(&mut hasher);
        let base = format!("{stem}-{:016x}", hasher.finish());
        let source = source.unwrap_or_else(|| self.objects.join(format!("{base}.cpp")));
        Unit { source, object: self.objects.join(format!("{base}.o")) }
    }

    /// Compiles missing objects, in as many parallel jobs as cargo allows; where cargo does not say,
    /// one for each processor.
    fn compile(&self, compiler: &Compiler, units: &[Unit]) -> Result<(), Problem> {
        let allowed = env::var("NUM_JOBS").ok().and_then(|jobs| jobs.parse().ok());
        let jobs =
            allowed.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        let left = Mutex::new(units.iter().filter(|unit| !unit.object.exists()));
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        thread::scope(|scope| {
            let work = || -> Result<(), Problem> {
                while let Some(unit) = next() {
                    self.compile_unit(compiler, unit)?;
                }
                Ok(())
            };
            let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        })
    }

    fn compile_unit(&self, compiler: &Compiler, unit: &Unit) -> Result<(), Problem> {
        let part = part_of(&unit.object);
        let mut command = compiler.command(self.sanitize);
        command.arg("-c").arg(&unit.source).arg("-o").arg(&part);
        command.arg("-I").arg(SOURCES).arg("-I").arg(self.kernels);
        // Messages name a kernel file without its folder.
        command.arg(format!("-fmacro-prefix-map={}/=", self.kernels.display()));
        compiler::run(command)?;
        rename(&part, &unit.object)
    }

    fn link(
        &self,
        compiler: &Compiler,
        out: &Path,
        library: &Library,
        units: &[Unit],
    ) -> Result<(), Problem> {
        let path = out.join(library.name);
        let part = part_of(&path);
        let mut command = compiler.command(self.sanitize);
        command.arg("-shared").arg(format!("-Wl,-soname,{}", library.name));
        command.arg("-o").arg(&part);
        command.args(units.iter().map(|unit| &unit.object)).args(NEED);
        command.arg(out.join(library.plain_name()));
        command.args(library.needs.map(|needed| out.join(needed)));
        compiler::run(command)?;
        rename(&part, &path)
    }
}

/// Links an empty library at `path` that depends on `library`, and vice versa, so that loading one loads
/// both. cudarc tries the unversioned names first; if CUDA is installed, these would be NVIDIA's unless
/// they are already loaded.
fn link_plain_name(
    compiler: &Compiler,
    path: &Path,
    library: Option<&Path>,
) -> Result<(), Problem> {
    let part = part_of(path);
    let mut command = compiler.command(false);
    command.args(["-shared", "-x", "c++", "/dev/null", "-x", "none", "-o"]).arg(&part);
    command.arg(format!("-Wl,-soname,{}", name(path))).args(NEED).args(library);
    compiler::run(command)?;
    rename(&part, path)
}

/// A temporary path at which a file is written before it is renamed, so that it is never read
/// incomplete; unique, since threads and processes may write the same file concurrently.
fn part_of(path: &Path) -> PathBuf {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{number}.part", std::process::id()));
    name.into()
}

fn rename(from: &Path, to: &Path) -> Result<(), Problem> {
    fs::rename(from, to).map_err(|error| Problem::File(to.to_owned(), error))
}

/// The files with an extension in a folder, sorted by name.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Problem> {
    let problem = |error| Problem::File(folder.to_owned(), error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(problem)? {
        found.push(entry.map_err(problem)?.path());
    }
    found.retain(|path| path.extension().is_some_and(|of| of == extension));
    found.sort();
    Ok(found)
}

/// The concatenated text of all files with an extension in a folder.
fn contents(folder: &Path, extension: &str) -> Result<String, Problem> {
    files(folder, extension)?.iter().map(|path| read(path)).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(path: &Path) -> Result<String, Problem> {
    fs::read_to_string(path).map_err(|error| Problem::File(path.to_owned(), error))
}

fn write(path: &Path, text: &str) -> Result<(), Problem> {
    let part = part_of(path);
    fs::write(&part, text).map_err(|error| Problem::File(part.clone(), error))?;
    rename(&part, path)
}

fn create_folder(path: &Path) -> Result<(), Problem> {
    fs::create_dir_all(path).map_err(|error| Problem::File(path.to_owned(), error))
}
