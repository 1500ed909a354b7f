//! Compiles the kernels for every architecture that is listed here.

use std::sync::Mutex;
use std::thread;

use super::nvrtc::{Nvrtc, Source, Target, Version};
use super::registers::{self, Use};

/// Compute capabilities that machine code is made for, as far as NVRTC knows them. Code for 8.0
/// runs on 8.6, but not the other way round, and worse than its own.
const CUBINS: [u32; 7] = [75, 80, 86, 89, 90, 100, 120];

/// The oldest capability, for the PTX that every later one can be compiled from.
const PTX: u32 = 75;

/// The newest NVRTC whose PTX the drivers in use (580) take. Machine code has no such bound within
/// a major version.
const NEWEST_PTX: Version = Version { major: 13, minor: 0 };

/// A file of kernels, compiled for one target.
pub struct Image {
    /// The file.
    pub file: String,
    /// What it is for.
    pub target: Target,
    /// PTX or a cubin.
    pub bytes: Vec<u8>,
}

/// All images, and what is worth knowing of how they were made.
#[derive(Default)]
pub struct Compiled {
    /// By file, then by target.
    pub images: Vec<Image>,
    /// What each kernel takes of a processor.
    pub uses: Vec<Use>,
    /// What the compiler said, and what is left out and why.
    pub warnings: Vec<String>,
}

/// Compiles `sources`, which are names and texts, with as many threads as cargo allows.
///
/// # Errors
/// What does not compile, with the compiler's log.
pub fn compile_all(
    nvrtc: &Nvrtc,
    sources: &[(String, String)],
    header: (&str, &str),
    threads: usize,
) -> Result<Compiled, String> {
    let mut compiled = Compiled::default();
    let targets = targets(nvrtc, &mut compiled.warnings)?;
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
            let result = nvrtc.compile(Source { name, text, header }, target, options);
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
        let (uses, said) = registers::split(&output.log, target);
        compiled.uses.extend(uses);
        // Much the same is said for every target.
        if !said.is_empty() && !compiled.warnings.contains(&said) {
            compiled.warnings.push(said);
        }
        compiled.images.push(Image { file: name.clone(), target, bytes: output.image });
    }
    Ok(compiled)
}

/// What this NVRTC can make of what is wanted.
fn targets(nvrtc: &Nvrtc, warnings: &mut Vec<String>) -> Result<Vec<Target>, String> {
    let known = nvrtc.architectures().map_err(|problem| problem.to_string())?;
    let mut targets = Vec::new();
    let version = nvrtc.version();
    if version <= NEWEST_PTX {
        targets.push(Target::Ptx(PTX));
    } else {
        warnings.push(format!(
            "the PTX of NVRTC {version} is too new for the drivers in use, so GPUs that no \
             machine code is for will compile the kernels at first use; pip install \
             'nvidia-cuda-nvrtc=={NEWEST_PTX}.*' makes PTX that they take"
        ));
    }
    targets
        .extend(CUBINS.iter().filter(|number| known.contains(number)).map(|&n| Target::Cubin(n)));
    Ok(targets)
}
