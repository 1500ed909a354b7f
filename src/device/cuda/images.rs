//! The kernels as machine code, and the choice of an image for a GPU.
//!
//! The build embeds what it compiled ([`BUILT`]). A GPU runs machine code for its own compute
//! capability, else for a lower one with the same major version, else PTX, which its driver compiles.
//! If none of these fits, the embedded sources are compiled at run time, if there is an NVRTC.

use std::fmt;
use std::io::Read;
use std::time::Instant;

use flate2::read::ZlibDecoder;
use tracing::debug;

use super::nvrtc::{Problem, Source, Target, Version};
use super::unavailable::Unavailable;
use super::{CudaProblem, libraries};
use crate::device::Result;

include!(concat!(env!("OUT_DIR"), "/images.rs"));

/// The kernels as the build embedded them.
pub struct Build {
    /// The NVRTC that compiled them, if there was one.
    pub nvrtc: Option<Version>,
    /// Name and text of each header that files include.
    pub headers: &'static [(&'static str, &'static str)],
    /// The files, by name.
    pub files: &'static [KernelFile],
}

/// A kernel file.
pub struct KernelFile {
    /// Such as `kernels/linear.cu`.
    pub name: &'static str,
    /// Its text.
    pub source: &'static str,
    /// PTX and machine code, each compressed by zlib; each file has the same targets.
    pub images: &'static [(Target, &'static [u8])],
}

/// Where a GPU's kernels come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Embedded in the program.
    Embedded(Target),
    /// Compiled by an NVRTC on this machine.
    Compiled {
        /// Its version.
        by: Version,
        /// The target it compiles for.
        target: Target,
    },
}

impl Choice {
    /// The compute capability that the kernels are compiled for: 90 is 9.0.
    pub fn architecture(self) -> u32 {
        let (Choice::Embedded(target) | Choice::Compiled { target, .. }) = self;
        let (Target::Cubin(number) | Target::Ptx(number)) = target;
        number
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Choice::Embedded(target @ Target::Cubin(_)) => write!(f, "cubin {target}"),
            Choice::Embedded(target @ Target::Ptx(_)) => write!(f, "PTX {target}"),
            Choice::Compiled { by, target } => {
                write!(f, "compiled here by NVRTC {by} for {target}")
            }
        }
    }
}

/// The targets that a compiler supports, or that it has compiled.
struct Available {
    by: Version,
    targets: Vec<Target>,
}

/// Chooses the kernels for a GPU of this compute capability and a driver for this CUDA version.
///
/// # Errors
/// When no embedded image fits, and there is no suitable NVRTC.
pub fn choose(capability: Version, driver: Version) -> Result<Choice, Unavailable> {
    choose_from(BUILT.available(), compiler, capability, driver).map_err(|searched| {
        Unavailable::NoImage { capability, driver, built_by: BUILT.nvrtc, searched }
    })
}

/// The image of `file` that the driver loads, according to `choice`.
///
/// # Errors
/// When they must be compiled, and that fails.
pub fn image(choice: Choice, file: &KernelFile) -> Result<Vec<u8>> {
    let target = match choice {
        Choice::Embedded(target) => target,
        Choice::Compiled { target, .. } => {
            let failed = |source| CudaProblem::Compile { file: file.name, source };
            return Ok(compile(file, target).map_err(failed)?);
        }
    };
    let image = file.images.iter().find(|(embedded, _)| *embedded == target);
    let Some((_, bytes)) = image else { panic!("{} was not embedded as {choice}", file.name) };
    Ok(decompressed(bytes))
}

fn decompressed(bytes: &[u8]) -> Vec<u8> {
    let mut image = Vec::new();
    match ZlibDecoder::new(bytes).read_to_end(&mut image) {
        Ok(_) => image,
        Err(error) => panic!("the program's own kernels are damaged: {error}"),
    }
}

impl Build {
    fn available(&self) -> Option<Available> {
        let first = self.files.first()?;
        let targets = first.images.iter().map(|(target, _)| *target).collect();
        Some(Available { by: self.nvrtc?, targets })
    }
}

/// The targets of this machine's NVRTC.
fn compiler() -> Result<Available, Vec<String>> {
    let (path, nvrtc) = libraries::nvrtc().as_ref().map_err(Clone::clone)?;
    let known = nvrtc.architectures();
    let known = known.map_err(|problem| vec![format!("{}: {problem}", path.display())])?;
    let both = |number| [Target::Cubin(number), Target::Ptx(number)];
    Ok(Available { by: nvrtc.version(), targets: known.into_iter().flat_map(both).collect() })
}

fn compile(file: &KernelFile, target: Target) -> Result<Vec<u8>, Problem> {
    let missing = |searched: &Vec<String>| Problem::Missing { searched: searched.clone() };
    let (_, nvrtc) = libraries::nvrtc().as_ref().map_err(missing)?;
    let source = Source { name: file.name, text: file.source, headers: BUILT.headers };
    let begun = Instant::now();
    let image = nvrtc.compile(source, target, &[])?.image;
    debug!(file = file.name, %target, bytes = image.len(), elapsed = ?begun.elapsed(), "compiled");
    Ok(image)
}

/// The compiler is queried only if no embedded image fits: it takes time to load.
fn choose_from(
    embedded: Option<Available>,
    compiler: impl FnOnce() -> Result<Available, Vec<String>>,
    capability: Version,
    driver: Version,
) -> Result<Choice, Vec<String>> {
    if let Some(target) = embedded.and_then(|offer| best(&offer, capability, driver)) {
        return Ok(Choice::Embedded(target));
    }
    let offer = compiler()?;
    match best(&offer, capability, driver) {
        Some(target) => Ok(Choice::Compiled { by: offer.by, target }),
        None => Err(vec![format!("NVRTC {} is installed, but none of its targets fits", offer.by)]),
    }
}

/// The best available target for a GPU. A driver loads machine code from any compiler of its own
/// major version or an older one, but PTX only from a compiler that is not newer than itself.
fn best(offer: &Available, capability: Version, driver: Version) -> Option<Target> {
    let own = capability.major * 10 + capability.minor;
    let fits = |&target: &Target| match target {
        Target::Cubin(number) => {
            number <= own && number / 10 == capability.major && offer.by.major <= driver.major
        }
        Target::Ptx(number) => number <= own && offer.by <= driver,
    };
    offer.targets.iter().copied().filter(fits).max_by_key(|target| match target {
        Target::Cubin(number) => (true, *number),
        Target::Ptx(number) => (false, *number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const V12: Version = Version { major: 12, minor: 4 };
    const V13: Version = Version { major: 13, minor: 0 };
    const V13_1: Version = Version { major: 13, minor: 1 };

    fn available(by: Version, numbers: &[u32]) -> Available {
        let cubins = numbers.iter().map(|&number| Target::Cubin(number));
        Available { by, targets: [Target::Ptx(75)].into_iter().chain(cubins).collect() }
    }

    /// The choice for a program built by NVRTC 13.0, on a machine without NVRTC.
    fn chosen(own: u32, driver: Version) -> Option<Choice> {
        let embedded = available(V13, &[75, 80, 86, 90]);
        let capability = Version { major: own / 10, minor: own % 10 };
        choose_from(Some(embedded), || Err(Vec::new()), capability, driver).ok()
    }

    #[test]
    fn machine_code_for_the_gpus_own_capability_comes_first() {
        for own in [75, 80, 86, 90] {
            assert_eq!(chosen(own, V13), Some(Choice::Embedded(Target::Cubin(own))));
        }
    }

    #[test]
    fn machine_code_for_a_lower_capability_of_the_same_major_version_comes_second() {
        assert_eq!(chosen(89, V13), Some(Choice::Embedded(Target::Cubin(86))));
        assert_eq!(chosen(82, V13), Some(Choice::Embedded(Target::Cubin(80))));
    }

    #[test]
    fn ptx_is_used_for_all_later_capabilities() {
        for own in [100, 103, 120, 130] {
            assert_eq!(chosen(own, V13), Some(Choice::Embedded(Target::Ptx(75))));
        }
        assert_eq!(chosen(70, V13), None);
    }

    #[test]
    fn older_drivers_load_neither_newer_ptx_nor_code_of_a_newer_major_version() {
        assert_eq!(chosen(90, V12), None);
        let capability = Version { major: 12, minor: 0 };
        let newer = || Some(available(V13_1, &[80, 90]));
        let none = || Err(Vec::new());
        assert!(choose_from(newer(), none, capability, V13).is_err());
        let capability = Version { major: 9, minor: 0 };
        let taken = choose_from(newer(), none, capability, V13);
        assert_eq!(taken, Ok(Choice::Embedded(Target::Cubin(90))));
    }

    #[test]
    fn nvrtc_is_queried_last_and_only_if_needed() {
        let capability = Version { major: 9, minor: 0 };
        let compiler = || Ok(available(V12, &[80, 90]));
        let taken = choose_from(None, compiler, capability, V12);
        assert_eq!(taken, Ok(Choice::Compiled { by: V12, target: Target::Cubin(90) }));
        let never = || unreachable!("queried although an image fits");
        assert!(choose_from(Some(available(V13, &[90])), never, capability, V13).is_ok());
        let refused = choose_from(None, || Ok(available(V13, &[90])), capability, V12);
        assert_eq!(
            refused,
            Err(vec!["NVRTC 13.0 is installed, but none of its targets fits".to_owned()])
        );
    }

    #[test]
    fn choices_have_readable_descriptions() {
        for (choice, description) in [
            (Choice::Embedded(Target::Cubin(90)), "cubin sm_90"),
            (Choice::Embedded(Target::Ptx(75)), "PTX compute_75"),
            (
                Choice::Compiled { by: V13, target: Target::Cubin(90) },
                "compiled here by NVRTC 13.0 for sm_90",
            ),
        ] {
            assert_eq!(choice.to_string(), description);
        }
    }

    #[test]
    fn every_embedded_file_has_the_same_targets() {
        let targets = |file: &KernelFile| -> Vec<Target> {
            file.images.iter().map(|(target, _)| *target).collect()
        };
        let first = targets(&BUILT.files[0]);
        assert!(BUILT.files.iter().all(|file| targets(file) == first));
        assert_eq!(first.is_empty(), BUILT.nvrtc.is_none());
    }

    #[test]
    fn every_embedded_target_has_an_image() {
        for file in BUILT.files {
            for &(target, _) in file.images {
                let image = image(Choice::Embedded(target), file).unwrap();
                let start: &[u8] = match target {
                    Target::Cubin(_) => b"\x7fELF",
                    Target::Ptx(_) => b"//",
                };
                assert!(image.trim_ascii_start().starts_with(start), "{} {target}", file.name);
            }
        }
    }

    #[test]
    fn sources_compile_at_run_time_if_nvrtc_is_installed() {
        let Ok((_, nvrtc)) = libraries::nvrtc() else {
            println!("skipped: no NVRTC");
            return;
        };
        let choice = Choice::Compiled { by: nvrtc.version(), target: Target::Cubin(80) };
        for file in BUILT.files {
            assert!(image(choice, file).unwrap().starts_with(b"\x7fELF"), "{}", file.name);
        }
    }

    /// Kernels that may start early read nothing before they wait, and nothing through the cache for
    /// constants.
    #[test]
    fn early_kernels_wait_before_they_read() {
        let Ok((_, nvrtc)) = libraries::nvrtc() else {
            println!("skipped: no NVRTC");
            return;
        };
        let mut count = 0;
        for file in BUILT.files {
            let source = Source { name: file.name, text: file.source, headers: BUILT.headers };
            let image = nvrtc.compile(source, Target::Ptx(90), &[]).unwrap().image;
            let text = String::from_utf8(image).unwrap();
            for kernel in text.split(".entry ").filter(|kernel| kernel.starts_with("gemm_")) {
                let (before, after) = kernel.split_once("griddepcontrol.wait;").unwrap();
                assert!(!before.contains("ld.global"), "{before}");
                assert!(after.contains("ld.global.f32"), "{after}");
                assert!(!after.contains("ld.global.nc"), "{after}");
                count += 1;
            }
        }
        assert_eq!(count, 5);
    }

    #[test]
    fn compile_errors_name_the_line() {
        let Ok((_, nvrtc)) = libraries::nvrtc() else {
            println!("skipped: no NVRTC");
            return;
        };
        let source = Source {
            name: "kernels/a.cu",
            text: "\n__device__ int f() { return x; }\n",
            headers: &[],
        };
        let problem = nvrtc.compile(source, Target::Ptx(75), &[]).unwrap_err();
        assert!(problem.to_string().contains("kernels/a.cu(2): error"), "{problem}");
    }
}
