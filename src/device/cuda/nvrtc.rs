//! NVRTC, NVIDIA's compiler of CUDA C++ in a library: it needs no GPU, no driver and no headers.
//!
//! The build compiles the kernels with it, and the program itself where the build could not; so
//! this module uses nothing of the crate. It says nothing about where the library is.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::{fmt, ptr};

use libloading::Library;

pub use super::target::{Target, Version};

/// A loaded NVRTC.
#[derive(Debug)]
pub struct Nvrtc {
    library: Library,
    version: Version,
    /// Kept open. NVRTC opens it by its bare name when it compiles, and the system's loader
    /// resolves that only in the system's folders, or if the library is open already.
    _builtins: Option<Library>,
}

/// A file to compile.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What it is called in messages.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Name and text of what it includes.
    pub header: (&'a str, &'a str),
}

/// What came out.
#[derive(Debug)]
pub struct Compiled {
    /// The PTX, with the zero byte that a driver expects at its end, or the cubin.
    pub image: Vec<u8>,
    /// What the compiler said, if anything.
    pub log: String,
}

/// What can go wrong.
#[derive(Debug)]
pub enum Problem {
    /// The library cannot be opened.
    Open {
        /// The file, or the name that the system's loader was given.
        path: PathBuf,
        /// The loader's word.
        source: libloading::Error,
    },
    /// The library lacks a function: it is too old, or something else.
    Function {
        /// The function.
        name: &'static str,
        /// The loader's word.
        source: libloading::Error,
    },
    /// A function failed.
    Call {
        /// The function.
        name: &'static str,
        /// NVRTC's word.
        message: String,
    },
    /// There is none on this machine.
    Missing {
        /// Where it was looked for, and what could not be opened.
        searched: Vec<String>,
    },
    /// The source does not compile.
    Compile {
        /// What the compiler said.
        log: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Open { path, .. } => write!(f, "cannot open {}", path.display()),
            Problem::Function { name, .. } => write!(f, "NVRTC has no function {name}"),
            Problem::Call { name, message } => write!(f, "NVRTC's {name} failed: {message}"),
            Problem::Missing { searched } => {
                write!(f, "NVRTC not found (searched: {})", searched.join(", "))
            }
            Problem::Compile { log } => write!(f, "NVRTC cannot compile it:\n{}", log.trim_end()),
        }
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Problem::Open { source, .. } | Problem::Function { source, .. } => Some(source),
            Problem::Call { .. } | Problem::Missing { .. } | Problem::Compile { .. } => None,
        }
    }
}

/// A program that NVRTC holds.
type Program = *mut c_void;
/// NVRTC's result; 0 is success.
type Status = c_int;

impl Nvrtc {
    /// Opens the library at `path`, or what the system's loader knows by a bare name.
    ///
    /// # Errors
    /// When it cannot be opened or is no NVRTC.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        const NONE: Version = Version { major: 0, minor: 0 };
        let mut nvrtc = Self { library: open(path)?, version: NONE, _builtins: None };
        nvrtc.version = nvrtc.asked_version()?;
        let builtins = format!("libnvrtc-builtins.so.{}", nvrtc.version);
        let builtins = path.with_file_name(builtins);
        if builtins.is_file() {
            nvrtc._builtins = Some(open(&builtins)?);
        }
        Ok(nvrtc)
    }

    /// Its version, which is that of its CUDA.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where it is in memory, so that its file can be told from its neighbours.
    pub fn address(&self) -> Option<usize> {
        address(&self.library, "nvrtcVersion")
    }

    fn asked_version(&self) -> Result<Version, Problem> {
        let (mut major, mut minor) = (0, 0);
        self.call::<unsafe extern "C" fn(*mut c_int, *mut c_int) -> Status>(
            "nvrtcVersion",
            // SAFETY: the signature is NVRTC's; both places can be written.
            |version| unsafe { version(&mut major, &mut minor) },
        )?;
        Ok(Version { major: major.unsigned_abs(), minor: minor.unsigned_abs() })
    }

    /// The capabilities that it compiles for, as 90 for 9.0, ascending.
    ///
    /// # Errors
    /// When NVRTC fails.
    pub fn architectures(&self) -> Result<Vec<u32>, Problem> {
        let mut count = 0;
        self.call::<unsafe extern "C" fn(*mut c_int) -> Status>(
            "nvrtcGetNumSupportedArchs",
            // SAFETY: the signature is NVRTC's; the place can be written.
            |number| unsafe { number(&mut count) },
        )?;
        let mut all: Vec<c_int> = vec![0; count.unsigned_abs() as usize];
        self.call::<unsafe extern "C" fn(*mut c_int) -> Status>(
            "nvrtcGetSupportedArchs",
            // SAFETY: the signature is NVRTC's; there are as many places as it asked for.
            |list| unsafe { list(all.as_mut_ptr()) },
        )?;
        Ok(all.into_iter().map(c_int::unsigned_abs).collect())
    }

    /// Compiles `source`; `options` are added to the target's.
    ///
    /// # Errors
    /// When the source does not compile, or NVRTC fails.
    pub fn compile(
        &self,
        source: Source<'_>,
        target: Target,
        options: &[&str],
    ) -> Result<Compiled, Problem> {
        let program = self.create(source)?;
        let architecture = format!("--gpu-architecture={target}");
        // Line numbers are for NVIDIA's tools; they cost some bytes and no time.
        let mut all = vec![architecture.as_str(), "--std=c++17", "--generate-line-info"];
        all.extend(options);
        let compiled = self.compile_program(program, &all);
        let log = self.text(program, ["nvrtcGetProgramLogSize", "nvrtcGetProgramLog"]);
        let image = compiled.and_then(|()| match target {
            Target::Ptx(_) => self.bytes(program, ["nvrtcGetPTXSize", "nvrtcGetPTX"]),
            Target::Cubin(_) => self.bytes(program, ["nvrtcGetCUBINSize", "nvrtcGetCUBIN"]),
        });
        self.destroy(program)?;
        let log = log?;
        match image {
            Ok(image) => Ok(Compiled { image, log }),
            Err(_) if !log.trim().is_empty() => Err(Problem::Compile { log }),
            Err(problem) => Err(problem),
        }
    }

    fn create(&self, Source { name, text, header }: Source<'_>) -> Result<Program, Problem> {
        let [text, name, header_name, header] = [text, name, header.0, header.1].map(c_string);
        let (headers, names) = ([header.as_ptr()], [header_name.as_ptr()]);
        let mut program = ptr::null_mut();
        type Create = unsafe extern "C" fn(
            *mut Program,
            *const c_char,
            *const c_char,
            c_int,
            *const *const c_char,
            *const *const c_char,
        ) -> Status;
        self.call::<Create>("nvrtcCreateProgram", |create| {
            let (headers, names) = (headers.as_ptr(), names.as_ptr());
            // SAFETY: the signature is NVRTC's; the texts end in zero bytes, and NVRTC copies them.
            unsafe { create(&mut program, text.as_ptr(), name.as_ptr(), 1, headers, names) }
        })?;
        Ok(program)
    }

    fn compile_program(&self, program: Program, options: &[&str]) -> Result<(), Problem> {
        let options: Vec<CString> = options.iter().map(|option| c_string(option)).collect();
        let pointers: Vec<_> = options.iter().map(|option| option.as_ptr()).collect();
        self.call::<unsafe extern "C" fn(Program, c_int, *const *const c_char) -> Status>(
            "nvrtcCompileProgram",
            // SAFETY: the signature is NVRTC's; the program is alive, and there are so many options.
            |compile| unsafe { compile(program, pointers.len() as c_int, pointers.as_ptr()) },
        )
    }

    fn text(&self, program: Program, functions: [&'static str; 2]) -> Result<String, Problem> {
        let mut bytes = self.bytes(program, functions)?;
        bytes.retain(|&byte| byte != 0);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What the second function writes, which is as long as the first one says.
    fn bytes(&self, program: Program, functions: [&'static str; 2]) -> Result<Vec<u8>, Problem> {
        let [size, get] = functions;
        let mut length = 0usize;
        self.call::<unsafe extern "C" fn(Program, *mut usize) -> Status>(
            size,
            // SAFETY: the signature is NVRTC's; the program is alive.
            |size| unsafe { size(program, &mut length) },
        )?;
        let mut bytes = vec![0u8; length];
        self.call::<unsafe extern "C" fn(Program, *mut c_char) -> Status>(
            get,
            // SAFETY: the signature is NVRTC's; there is room for what it asked for.
            |get| unsafe { get(program, bytes.as_mut_ptr().cast()) },
        )?;
        Ok(bytes)
    }

    fn destroy(&self, mut program: Program) -> Result<(), Problem> {
        self.call::<unsafe extern "C" fn(*mut Program) -> Status>(
            "nvrtcDestroyProgram",
            // SAFETY: the signature is NVRTC's; the program is not used again.
            |destroy| unsafe { destroy(&mut program) },
        )
    }

    /// Calls the function of this name and type.
    fn call<F: Copy>(
        &self,
        name: &'static str,
        with: impl FnOnce(F) -> Status,
    ) -> Result<(), Problem> {
        // SAFETY: every caller names the type that nvrtc.h declares.
        let function = unsafe { self.library.get::<F>(name) };
        let function = function.map_err(|source| Problem::Function { name, source })?;
        match with(*function) {
            0 => Ok(()),
            status => Err(Problem::Call { name, message: self.message(status) }),
        }
    }

    /// NVRTC's words for a result.
    fn message(&self, status: Status) -> String {
        type Words = unsafe extern "C" fn(Status) -> *const c_char;
        // SAFETY: the type is what nvrtc.h declares.
        match unsafe { self.library.get::<Words>("nvrtcGetErrorString") } {
            // SAFETY: NVRTC gives a text of its own for every number, known or not.
            Ok(words) => unsafe { CStr::from_ptr(words(status)) }.to_string_lossy().into_owned(),
            Err(_) => format!("error {status}"),
        }
    }
}

/// Opens any library of NVIDIA's.
///
/// # Errors
/// [`Problem::Open`].
pub fn open(path: &Path) -> Result<Library, Problem> {
    // SAFETY: loading runs the library's initialisers; NVIDIA's have no conditions.
    let library = unsafe { Library::new(path) };
    library.map_err(|source| Problem::Open { path: path.to_owned(), source })
}

/// Where a function of a library is in memory.
pub fn address(library: &Library, function: &str) -> Option<usize> {
    // SAFETY: the symbol is only looked at as an address.
    let symbol = unsafe { library.get::<*const c_void>(function) };
    symbol.ok().map(|symbol| *symbol as usize)
}

/// What is not text up to a zero byte is cut there; NVRTC would read no further.
fn c_string(text: &str) -> CString {
    let text = text.split('\0').next().unwrap_or_default();
    CString::new(text).unwrap_or_default()
}
