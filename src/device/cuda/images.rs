//! The kernels as machine code, and which of it a GPU takes.
//!
//! The build embeds what it compiled ([`BUILT`]). A GPU takes machine code of its own capability,
//! else of a lower one with the same major number, else PTX, which its driver compiles. Where none
//! of these fits, the embedded sources are compiled here, if there is an NVRTC.

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

/// What the build made of the kernels.
pub struct Build {
    /// The NVRTC that compiled them; none if there was none.
    pub nvrtc: Option<Version>,
    /// What every file includes.
    pub header: &'static str,
    /// The files, by name.
    pub files: &'static [KernelFile],
}

/// A file of kernels.
pub struct KernelFile {
    /// As `kernels/linear.cu`.
    pub name: &'static str,
    /// Its text.
    pub source: &'static str,
    /// PTX and machine code, each compressed by zlib; each file has the same targets.
    pub images: &'static [(Target, &'static [u8])],
}

/// Where the kernels of a GPU come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// From the program itself.
    Embedded(Target),
    /// From an NVRTC on this machine.
    Compiled {
        /// Its version.
        by: Version,
        /// What it compiles for.
        target: Target,
    },
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

/// What a compiler makes, or has made.
struct Offer {
    by: Version,
    targets: Vec<Target>,
}

/// Where the kernels for a GPU of this capability come from, with a driver for this CUDA.
///
/// # Errors
/// When nothing that is embedded fits, and there is no NVRTC that could help.
pub fn choose(capability: Version, driver: Version) -> Result<Choice, Unavailable> {
    choose_from(BUILT.offer(), compiler, capability, driver).map_err(|searched| {
        Unavailable::NoImage { capability, driver, built_by: BUILT.nvrtc, searched }
    })
}

/// The kernels of `file` for the GPU that `choice` was made for, as the driver loads them.
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
    fn offer(&self) -> Option<Offer> {
        let first = self.files.first()?;
        let targets = first.images.iter().map(|(target, _)| *target).collect();
        Some(Offer { by: self.nvrtc?, targets })
    }
}

/// What this machine's NVRTC can make.
fn compiler() -> Result<Offer, Vec<String>> {
    let (path, nvrtc) = libraries::nvrtc().as_ref().map_err(Clone::clone)?;
    let known = nvrtc.architectures();
    let known = known.map_err(|problem| vec![format!("{}: {problem}", path.display())])?;
    let both = |number| [Target::Cubin(number), Target::Ptx(number)];
    Ok(Offer { by: nvrtc.version(), targets: known.into_iter().flat_map(both).collect() })
}

fn compile(file: &KernelFile, target: Target) -> Result<Vec<u8>, Problem> {
    let missing = |searched: &Vec<String>| Problem::Missing { searched: searched.clone() };
    let (_, nvrtc) = libraries::nvrtc().as_ref().map_err(missing)?;
    let source =
        Source { name: file.name, text: file.source, header: ("common.cuh", BUILT.header) };
    let begun = Instant::now();
    let image = nvrtc.compile(source, target, &[])?.image;
    debug!(file = file.name, %target, bytes = image.len(), elapsed = ?begun.elapsed(), "compiled");
    Ok(image)
}

/// The compiler is asked only if nothing embedded fits: it takes time to load.
fn choose_from(
    embedded: Option<Offer>,
    compiler: impl FnOnce() -> Result<Offer, Vec<String>>,
    capability: Version,
    driver: Version,
) -> Result<Choice, Vec<String>> {
    if let Some(target) = embedded.and_then(|offer| best(&offer, capability, driver)) {
        return Ok(Choice::Embedded(target));
    }
    let offer = compiler()?;
    match best(&offer, capability, driver) {
        Some(target) => Ok(Choice::Compiled { by: offer.by, target }),
        None => Err(vec![format!("NVRTC {} is here, but what it makes does not fit", offer.by)]),
    }
}

/// The best of an offer for a GPU. A driver takes machine code from any compiler of its own major
/// version or an older one, but PTX only from one that is not newer than itself.
fn best(offer: &Offer, capability: Version, driver: Version) -> Option<Target> {
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

    fn offer(by: Version, numbers: &[u32]) -> Offer {
        let cubins = numbers.iter().map(|&number| Target::Cubin(number));
        Offer { by, targets: [Target::Ptx(75)].into_iter().chain(cubins).collect() }
    }

    /// The choice for a program built by NVRTC 13.0, on a machine without NVRTC.
    fn chosen(own: u32, driver: Version) -> Option<Choice> {
        let embedded = offer(V13, &[75, 80, 86, 90]);
        let capability = Version { major: own / 10, minor: own % 10 };
        choose_from(Some(embedded), || Err(Vec::new()), capability, driver).ok()
    }

    #[test]
    fn own_machine_code_is_taken_first() {
        for own in [75, 80, 86, 90] {
            assert_eq!(chosen(own, V13), Some(Choice::Embedded(Target::Cubin(own))));
        }
    }

    #[test]
    fn the_highest_lower_code_of_the_same_major_is_taken_next() {
        assert_eq!(chosen(89, V13), Some(Choice::Embedded(Target::Cubin(86))));
        assert_eq!(chosen(82, V13), Some(Choice::Embedded(Target::Cubin(80))));
    }

    #[test]
    fn ptx_is_for_all_later_capabilities() {
        for own in [100, 103, 120, 130] {
            assert_eq!(chosen(own, V13), Some(Choice::Embedded(Target::Ptx(75))));
        }
        assert_eq!(chosen(70, V13), None);
    }

    #[test]
    fn an_older_driver_takes_neither_newer_ptx_nor_code_of_a_newer_major() {
        assert_eq!(chosen(90, V12), None);
        let capability = Version { major: 12, minor: 0 };
        let newer = || Some(offer(V13_1, &[80, 90]));
        let none = || Err(Vec::new());
        assert!(choose_from(newer(), none, capability, V13).is_err());
        let capability = Version { major: 9, minor: 0 };
        let taken = choose_from(newer(), none, capability, V13);
        assert_eq!(taken, Ok(Choice::Embedded(Target::Cubin(90))));
    }

    #[test]
    fn the_compiler_is_asked_last_and_only_if_needed() {
        let capability = Version { major: 9, minor: 0 };
        let compiler = || Ok(offer(V12, &[80, 90]));
        let taken = choose_from(None, compiler, capability, V12);
        assert_eq!(taken, Ok(Choice::Compiled { by: V12, target: Target::Cubin(90) }));
        let never = || unreachable!("asked though something fits");
        assert!(choose_from(Some(offer(V13, &[90])), never, capability, V13).is_ok());
        let told = choose_from(None, || Ok(offer(V13, &[90])), capability, V12);
        assert_eq!(
            told,
            Err(vec!["NVRTC 13.0 is here, but what it makes does not fit".to_owned()])
        );
    }

    #[test]
    fn choices_are_described_for_people() {
        for (choice, words) in [
            (Choice::Embedded(Target::Cubin(90)), "cubin sm_90"),
            (Choice::Embedded(Target::Ptx(75)), "PTX compute_75"),
            (
                Choice::Compiled { by: V13, target: Target::Cubin(90) },
                "compiled here by NVRTC 13.0 for sm_90",
            ),
        ] {
            assert_eq!(choice.to_string(), words);
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
    fn every_embedded_image_is_decompressed() {
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
    fn sources_compile_here_where_there_is_an_nvrtc() {
        let Ok((_, nvrtc)) = libraries::nvrtc() else {
            println!("skipped: no NVRTC");
            return;
        };
        let choice = Choice::Compiled { by: nvrtc.version(), target: Target::Cubin(80) };
        for file in BUILT.files {
            assert!(image(choice, file).unwrap().starts_with(b"\x7fELF"), "{}", file.name);
        }
    }

    #[test]
    fn what_does_not_compile_is_told_with_its_line() {
        let Ok((_, nvrtc)) = libraries::nvrtc() else {
            println!("skipped: no NVRTC");
            return;
        };
        let source = Source {
            name: "kernels/a.cu",
            text: "\n__device__ int f() { return x; }\n",
            header: ("a.cuh", ""),
        };
        let problem = nvrtc.compile(source, Target::Ptx(75), &[]).unwrap_err();
        assert!(problem.to_string().contains("kernels/a.cu(2): error"), "{problem}");
    }
}
