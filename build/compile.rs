//! Compiles the kernels for the architectures listed here.

use std::sync::Mutex;
use std::thread;

use super::nvrtc::{Nvrtc, Source, Target, Version};
use super::registers::{self, Use};

/// Compute capabilities to compile machine code for, if NVRTC supports them. Code for 8.0 runs on
/// 8.6, but slower than code for 8.6, which does not run on 8.0.
const CUBINS: [u32; 7] = [75, 80, 86, 89, 90, 100, 120];

/// The capability of the PTX: the oldest one, from which the driver can compile for every later one.
const PTX: u32 = 75;

/// The newest NVRTC whose PTX current drivers (580) accept. Machine code has no such limit within a
/// major version.
const NEWEST_PTX: Version = Version { major: 13, minor: 0 };

/// A file of kernels, compiled for one target.
pub struct Image {
    /// The file.
    pub file: String,
    /// The target.
    pub target: Target,
    /// PTX or a cubin.
    pub bytes: Vec<u8>,
}

/// All images, and information about their compilation.
#[derive(Default)]
pub struct Compiled {
    /// By file, then by target.
    pub images: Vec<Image>,
    /// The resource usage of each kernel.
    pub uses: Vec<Use>,
    /// The compiler's warnings, and targets that are left out.
    pub warnings: Vec<String>,
}

/// Compiles `sources`, which may include `headers`, both given as names and texts, on `threads` threads.
///
/// # Errors
/// The first source that does not compile, with the compiler's log.
pub fn compile_all(
    nvrtc: &Nvrtc,
    sources: &[(String, String)],
    headers: &[(String, String)],
    threads: usize,
) -> Result<Compiled, String> {
    let mut compiled = Compiled::default();
    let targets = targets(nvrtc, &mut compiled.warnings)?;
    let headers: Vec<_> =
        headers.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let jobs =
        sources.iter().flat_map(|source| targets.iter().map(move |target| (source, *target)));
    let (jobs, results) = (Mutex::new(jobs.enumerate()), Mutex::new(Vec::new()));
    let work = || {
        let next = || jobs.lock().ok()?.next();
        while let Some((i, ((name, text), target))) = next() {
            let options: &[&str] = match target {
                Target::Ptx(_) => &[],
                Target::Cubin(_) => &[registers::OPTION],
            };
            let result = nvrtc.compile(Source { name, text, headers: &headers }, target, options);
            if let Ok(mut results) = results.lock() {
                results.push((i, name, target, result));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut results = results.into_inner().map_err(|_| "a compiling thread failed")?;
    results.sort_by_key(|(i, ..)| *i);
    for (_, name, target, result) in results {
        let output = result.map_err(|problem| format!("{name} for {target}: {problem}"))?;
        let (uses, warning) = registers::split(&output.log, target);
        compiled.uses.extend(uses);
        // Most warnings are the same for every target.
        if !warning.is_empty() && !compiled.warnings.contains(&warning) {
            compiled.warnings.push(warning);
        }
        compiled.images.push(Image { file: name.clone(), target, bytes: output.image });
    }
    Ok(compiled)
}

/// The targets that this NVRTC supports.
fn targets(nvrtc: &Nvrtc, warnings: &mut Vec<String>) -> Result<Vec<Target>, String> {
    let known = nvrtc.architectures().map_err(|problem| problem.to_string())?;
    let mut targets = Vec::new();
    let version = nvrtc.version();
    if version <= NEWEST_PTX {
        targets.push(Target::Ptx(PTX));
    } else {
        warnings.push(format!(
            "the PTX of NVRTC {version} is too new for current drivers, so GPUs without machine code \
             will compile the kernels at first use; pip install \
             'nvidia-cuda-nvrtc=={NEWEST_PTX}.*' compiles PTX that they accept"
        ));
    }
    targets
        .extend(CUBINS.iter().filter(|number| known.contains(number)).map(|&n| Target::Cubin(n)));
    Ok(targets)
}
