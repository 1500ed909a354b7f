//! NVRTC, NVIDIA's runtime compiler for CUDA C++: it needs no GPU, no driver and no headers.
//!
//! The build script compiles the kernels with it, or the program itself if the build could not; so
//! this module uses nothing of the crate. Finding the library is not its task.

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
    /// Kept open. NVRTC opens it by its bare name when it compiles, which the dynamic loader resolves
    /// only in the system's folders, or if the library is open already.
    _builtins: Option<Library>,
}

/// A source file to compile.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its name in messages.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Name and text of each header that it may include, by its name without the folder.
    pub headers: &'a [(&'a str, &'a str)],
}

/// The output of a compilation.
#[derive(Debug)]
pub struct Compiled {
    /// The PTX, with the terminating zero byte that a driver expects, or the cubin.
    pub image: Vec<u8>,
    /// The compiler's log.
    pub log: String,
}

/// Errors of NVRTC.
#[derive(Debug)]
pub enum Problem {
    /// The library cannot be opened.
    Open {
        /// The file, or the bare name given to the dynamic loader.
        path: PathBuf,
        /// The loader's error.
        source: libloading::Error,
    },
    /// The library lacks a function: it is too old, or a different library.
    Function {
        /// The function.
        name: &'static str,
        /// The loader's error.
        source: libloading::Error,
    },
    /// A function failed.
    Call {
        /// The function.
        name: &'static str,
        /// NVRTC's message.
        message: String,
    },
    /// There is no NVRTC on this machine.
    Missing {
        /// The folders that were searched, and what could not be opened.
        searched: Vec<String>,
    },
    /// The source does not compile.
    Compile {
        /// The compiler's log.
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

/// An `nvrtcProgram` handle.
type Program = *mut c_void;
/// An `nvrtcResult`; 0 is success.
type Status = c_int;

impl Nvrtc {
    /// Opens the library at `path`, which may be a bare name for the dynamic loader.
    ///
    /// # Errors
    /// When it cannot be opened or is not NVRTC.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        const NONE: Version = Version { major: 0, minor: 0 };
        let mut nvrtc = Self { library: open(path)?, version: NONE, _builtins: None };
        nvrtc.version = nvrtc.query_version()?;
        let builtins = format!("libnvrtc-builtins.so.{}", nvrtc.version);
        let builtins = path.with_file_name(builtins);
        if builtins.is_file() {
            nvrtc._builtins = Some(open(&builtins)?);
        }
        Ok(nvrtc)
    }

    /// Its version, which is its CUDA version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Its address in memory, by which its file can be identified.
    pub fn address(&self) -> Option<usize> {
        address(&self.library, "nvrtcVersion")
    }

    fn query_version(&self) -> Result<Version, Problem> {
        let (mut major, mut minor) = (0, 0);
        self.call::<unsafe extern "C" fn(*mut c_int, *mut c_int) -> Status>(
            "nvrtcVersion",
            // SAFETY: the signature is NVRTC's; both numbers are writable.
            |version| unsafe { version(&mut major, &mut minor) },
        )?;
        Ok(Version { major: major.unsigned_abs(), minor: minor.unsigned_abs() })
    }

    /// The compute capabilities that it compiles for, ascending; 90 is 9.0.
    ///
    /// # Errors
    /// When NVRTC fails.
    pub fn architectures(&self) -> Result<Vec<u32>, Problem> {
        let mut count = 0;
        self.call::<unsafe extern "C" fn(*mut c_int) -> Status>(
            "nvrtcGetNumSupportedArchs",
            // SAFETY: the signature is NVRTC's; `count` is writable.
            |number| unsafe { number(&mut count) },
        )?;
        let mut all: Vec<c_int> = vec![0; count.unsigned_abs() as usize];
        self.call::<unsafe extern "C" fn(*mut c_int) -> Status>(
            "nvrtcGetSupportedArchs",
            // SAFETY: the signature is NVRTC's; the list has as many elements as it requested.
            |list| unsafe { list(all.as_mut_ptr()) },
        )?;
        Ok(all.into_iter().map(c_int::unsigned_abs).collect())
    }

    /// Compiles `source` for `target`, with additional `options`.
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
        // Line numbers are for NVIDIA's tools; they cost some bytes but no time.
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

    fn create(&self, Source { name, text, headers }: Source<'_>) -> Result<Program, Problem> {
        let [text, name] = [text, name].map(c_string);
        let without_folder = |path: &str| c_string(path.rsplit('/').next().unwrap_or_default());
        let names: Vec<_> = headers.iter().map(|(name, _)| without_folder(name)).collect();
        let headers: Vec<_> = headers.iter().map(|(_, text)| c_string(text)).collect();
        let pointers = |of: &[CString]| of.iter().map(|text| text.as_ptr()).collect::<Vec<_>>();
        let (name_pointers, header_pointers) = (pointers(&names), pointers(&headers));
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
            let (headers, names) = (header_pointers.as_ptr(), name_pointers.as_ptr());
            let count = header_pointers.len() as c_int;
            // SAFETY: the signature is NVRTC's; the texts are zero-terminated, and NVRTC copies them.
            unsafe { create(&mut program, text.as_ptr(), name.as_ptr(), count, headers, names) }
        })?;
        Ok(program)
    }

    fn compile_program(&self, program: Program, options: &[&str]) -> Result<(), Problem> {
        let options: Vec<CString> = options.iter().map(|option| c_string(option)).collect();
        let pointers: Vec<_> = options.iter().map(|option| option.as_ptr()).collect();
        self.call::<unsafe extern "C" fn(Program, c_int, *const *const c_char) -> Status>(
            "nvrtcCompileProgram",
            // SAFETY: the signature is NVRTC's; the program is alive, and the number of options is
            // right.
            |compile| unsafe { compile(program, pointers.len() as c_int, pointers.as_ptr()) },
        )
    }

    fn text(&self, program: Program, functions: [&'static str; 2]) -> Result<String, Problem> {
        let mut bytes = self.bytes(program, functions)?;
        bytes.retain(|&byte| byte != 0);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The bytes that the second function writes; the first one returns their number.
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
            // SAFETY: the signature is NVRTC's; the vector has the requested length.
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

    /// Calls the function with this name and type.
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

    /// NVRTC's message for a result.
    fn message(&self, status: Status) -> String {
        type GetErrorString = unsafe extern "C" fn(Status) -> *const c_char;
        // SAFETY: the type is what nvrtc.h declares.
        match unsafe { self.library.get::<GetErrorString>("nvrtcGetErrorString") } {
            // SAFETY: NVRTC returns a static text for every number, known or not.
            Ok(get) => unsafe { CStr::from_ptr(get(status)) }.to_string_lossy().into_owned(),
            Err(_) => format!("error {status}"),
        }
    }
}

/// Opens one of NVIDIA's libraries.
///
/// # Errors
/// [`Problem::Open`].
pub fn open(path: &Path) -> Result<Library, Problem> {
    // SAFETY: loading runs the library's initializers; NVIDIA's have no preconditions.
    let library = unsafe { Library::new(path) };
    library.map_err(|source| Problem::Open { path: path.to_owned(), source })
}

/// The address of a function of a library.
pub fn address(library: &Library, function: &str) -> Option<usize> {
    // SAFETY: the symbol is only used as an address.
    let symbol = unsafe { library.get::<*const c_void>(function) };
    symbol.ok().map(|symbol| *symbol as usize)
}

/// A C string, cut at the first zero byte; NVRTC would read no further.
fn c_string(text: &str) -> CString {
    let text = text.split('\0').next().unwrap_or_default();
    CString::new(text).unwrap_or_default()
}
