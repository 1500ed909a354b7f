//! NCCL's functions, with results that have its messages.

use crate::common::{load, stand_ins};
use cudarc::driver::sys::CUstream;
use libloading::Library;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::ptr;
use std::sync::OnceLock;

/// A communicator's unique ID, which NCCL passes by value.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct UniqueId(pub [u8; 128]);

type Handle = *mut c_void;
type Address = u64;

/// Codes of results.
pub const UNHANDLED_CUDA_ERROR: c_int = 1;
pub const SYSTEM_ERROR: c_int = 2;
pub const INVALID_ARGUMENT: c_int = 4;
pub const INVALID_USAGE: c_int = 5;
pub const REMOTE_ERROR: c_int = 6;

/// Codes of types and reductions.
pub const UINT8: c_int = 1;
pub const INT32: c_int = 2;
pub const UINT32: c_int = 3;
pub const FLOAT16: c_int = 6;
pub const FLOAT32: c_int = 7;
pub const SUM: c_int = 0;
pub const MAX: c_int = 2;

/// The functions, as NCCL declares them.
struct Functions {
    version: extern "C" fn(*mut c_int) -> c_int,
    unique_id: extern "C" fn(*mut UniqueId) -> c_int,
    init: extern "C" fn(*mut Handle, c_int, UniqueId, c_int) -> c_int,
    destroy: extern "C" fn(Handle) -> c_int,
    abort: extern "C" fn(Handle) -> c_int,
    async_error: extern "C" fn(Handle, *mut c_int) -> c_int,
    error_string: extern "C" fn(c_int) -> *const c_char,
    last_error: extern "C" fn(Handle) -> *const c_char,
    all_reduce: extern "C" fn(Address, Address, usize, c_int, c_int, Handle, CUstream) -> c_int,
    all_gather: extern "C" fn(Address, Address, usize, c_int, Handle, CUstream) -> c_int,
    broadcast: extern "C" fn(Address, Address, usize, c_int, c_int, Handle, CUstream) -> c_int,
}

fn functions() -> &'static Functions {
    static LOADED: OnceLock<Functions> = OnceLock::new();
    LOADED.get_or_init(|| {
        load();
        // SAFETY: the emulator's libraries do nothing when they are loaded.
        let library = unsafe { Library::new(stand_ins().join("libnccl.so.2")) }.unwrap();
        let library: &'static Library = Box::leak(Box::new(library));
        macro_rules! get {
            ($name:literal) => {
                // SAFETY: NCCL declares the function so.
                *unsafe { library.get($name) }.unwrap()
            };
        }
        Functions {
            version: get!("ncclGetVersion"),
            unique_id: get!("ncclGetUniqueId"),
            init: get!("ncclCommInitRank"),
            destroy: get!("ncclCommDestroy"),
            abort: get!("ncclCommAbort"),
            async_error: get!("ncclCommGetAsyncError"),
            error_string: get!("ncclGetErrorString"),
            last_error: get!("ncclGetLastError"),
            all_reduce: get!("ncclAllReduce"),
            all_gather: get!("ncclAllGather"),
            broadcast: get!("ncclBroadcast"),
        }
    })
}

/// An error: its code and the last message.
#[derive(Debug)]
pub struct Failure {
    pub code: c_int,
    pub text: String,
}

impl Failure {
    /// Asserts the code, and that the message has these words.
    #[track_caller]
    pub fn is(&self, code: c_int, words: &str) {
        assert!(self.code == code && self.text.contains(words), "{self}, not {code}: {words}");
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.code, self.text, error_string(self.code))
    }
}

fn result(code: c_int) -> Result<(), Failure> {
    let text = || text((functions().last_error)(ptr::null_mut()));
    if code == 0 { Ok(()) } else { Err(Failure { code, text: text() }) }
}

fn text(text: *const c_char) -> String {
    // SAFETY: the library's texts live until its next call.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned()
}

pub fn error_string(code: c_int) -> String {
    text((functions().error_string)(code))
}

pub fn version() -> c_int {
    let mut version = 0;
    result((functions().version)(&mut version)).unwrap();
    version
}

pub fn unique_id() -> UniqueId {
    let mut id = UniqueId([0; 128]);
    result((functions().unique_id)(&mut id)).unwrap();
    id
}

/// A communicator. It is not destroyed by itself, as its process may end without it.
#[derive(Clone, Copy)]
pub struct Communicator(Handle);

// SAFETY: NCCL's communicators may be aborted by any thread.
unsafe impl Send for Communicator {}
// SAFETY: as above.
unsafe impl Sync for Communicator {}

impl Communicator {
    /// Of the device whose context is current, when all ranks have come.
    pub fn new(id: UniqueId, rank: usize, ranks: usize) -> Result<Self, Failure> {
        let mut handle = ptr::null_mut();
        let code = (functions().init)(&mut handle, ranks as c_int, id, rank as c_int);
        result(code).map(|()| Self(handle))
    }

    pub fn destroy(self) -> Result<(), Failure> {
        result((functions().destroy)(self.0))
    }

    pub fn abort(self) -> Result<(), Failure> {
        result((functions().abort)(self.0))
    }

    pub fn async_error(self) -> Result<c_int, Failure> {
        let mut error = -1;
        result((functions().async_error)(self.0, &mut error)).map(|()| error)
    }

    /// A collective that this rank calls, on `stream`.
    pub fn call(self, call: Call, stream: CUstream) -> Result<(), Failure> {
        let Call { kind, from, to, count, data } = call;
        result(match kind {
            Kind::Reduce(operation) => {
                (functions().all_reduce)(from, to, count, data, operation, self.0, stream)
            }
            Kind::Gather => (functions().all_gather)(from, to, count, data, self.0, stream),
            Kind::Broadcast(root) => {
                (functions().broadcast)(from, to, count, data, root, self.0, stream)
            }
        })
    }
}

/// A collective: its kind, and its reduction or root.
#[derive(Clone, Copy)]
pub enum Kind {
    Reduce(c_int),
    Gather,
    Broadcast(c_int),
}

/// The arguments of a collective: addresses, number and type of the elements.
#[derive(Clone, Copy)]
pub struct Call {
    pub kind: Kind,
    pub from: u64,
    pub to: u64,
    pub count: usize,
    pub data: c_int,
}

impl Call {
    /// A sum of single-precision numbers.
    pub fn sum(from: u64, to: u64, count: usize) -> Self {
        Self { kind: Kind::Reduce(SUM), from, to, count, data: FLOAT32 }
    }
}
