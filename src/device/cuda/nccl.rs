//! NCCL, NVIDIA's library of sums and copies between GPUs: the functions that are used, and a
//! communicator.
//!
//! cudarc's bindings look for `libnccl.so`, which Python's packages do not have, and panic without it;
//! so these are our own.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use cudarc::driver::sys::{CUdeviceptr, CUstream};
use libloading::Library;

use super::nvrtc::{Problem, Version, open};
use crate::device::Ranks;

/// Bytes of an `ncclUniqueId`.
const ID_BYTES: usize = 128;
/// The codes of `ncclDataType_t` and `ncclRedOp_t` that are used.
const UINT8: c_int = 1;
const FLOAT32: c_int = 7;
const SUM: c_int = 0;

/// What NCCL should do, unless the user has set it: the order of its sums must depend on nothing but
/// sizes and the GPUs' connections. NVLink's switches add in no fixed order; rings do. Without
/// registration, a captured sum is that of the same call without a graph.
const DETERMINISTIC: [(&str, &str); 3] =
    [("NCCL_NVLS_ENABLE", "0"), ("NCCL_ALGO", "Ring"), ("NCCL_GRAPH_REGISTER", "0")];

/// Sets NCCL's environment variables. To be called before NCCL is loaded, and before there are other
/// threads.
pub fn prefer_fixed_order() {
    for (name, value) in DETERMINISTIC {
        if std::env::var_os(name).is_none() {
            // SAFETY: there are no other threads, which could read the environment meanwhile.
            unsafe { std::env::set_var(name, value) };
        }
    }
}

/// An `ncclResult_t`; 0 is success.
type Status = c_int;
/// An `ncclComm_t`.
type Handle = *mut c_void;

/// What the ranks of a communicator have in common, made by one of them: an `ncclUniqueId`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct UniqueId(pub [u8; ID_BYTES]);

impl Default for UniqueId {
    fn default() -> Self {
        Self([0; ID_BYTES])
    }
}

/// NCCL's functions.
struct Functions {
    version: unsafe extern "C" fn(*mut c_int) -> Status,
    unique_id: unsafe extern "C" fn(*mut UniqueId) -> Status,
    init: unsafe extern "C" fn(*mut Handle, c_int, UniqueId, c_int) -> Status,
    abort: unsafe extern "C" fn(Handle) -> Status,
    async_error: unsafe extern "C" fn(Handle, *mut Status) -> Status,
    last_error: unsafe extern "C" fn(Handle) -> *const c_char,
    error_string: unsafe extern "C" fn(Status) -> *const c_char,
    all_reduce: unsafe extern "C" fn(
        *const c_void,
        *mut c_void,
        usize,
        c_int,
        c_int,
        Handle,
        CUstream,
    ) -> Status,
    all_gather:
        unsafe extern "C" fn(*const c_void, *mut c_void, usize, c_int, Handle, CUstream) -> Status,
    broadcast: unsafe extern "C" fn(
        *const c_void,
        *mut c_void,
        usize,
        c_int,
        c_int,
        Handle,
        CUstream,
    ) -> Status,
}

/// A loaded NCCL.
pub struct Nccl {
    functions: Functions,
    version: Version,
    /// Its address in memory, by which its file can be identified.
    address: usize,
    /// Keeps the functions valid.
    _library: Library,
}

/// An error of NCCL.
#[derive(Clone, Debug, thiserror::Error)]
#[error("NCCL's {function} failed: {message}")]
pub struct NcclError {
    function: &'static str,
    message: String,
}

type Result<T, E = NcclError> = std::result::Result<T, E>;

impl std::fmt::Debug for Nccl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NCCL {}", self.version)
    }
}

impl Nccl {
    /// Opens the library at `path`, which may be a bare name for the dynamic loader.
    ///
    /// # Errors
    /// When it cannot be opened or is not NCCL.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let library = open(path)?;
        let functions = Functions {
            version: function(&library, "ncclGetVersion")?,
            unique_id: function(&library, "ncclGetUniqueId")?,
            init: function(&library, "ncclCommInitRank")?,
            abort: function(&library, "ncclCommAbort")?,
            async_error: function(&library, "ncclCommGetAsyncError")?,
            last_error: function(&library, "ncclGetLastError")?,
            error_string: function(&library, "ncclGetErrorString")?,
            all_reduce: function(&library, "ncclAllReduce")?,
            all_gather: function(&library, "ncclAllGather")?,
            broadcast: function(&library, "ncclBroadcast")?,
        };
        let address = functions.version as usize;
        let mut number = 0;
        // SAFETY: the number is writable.
        unsafe { (functions.version)(&mut number) };
        // 22809 is 2.28.9.
        let number = number.unsigned_abs();
        let version = Version { major: number / 10_000, minor: number / 100 % 100 };
        Ok(Self { functions, version, address, _library: library })
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The address of one of its functions.
    pub fn address(&self) -> usize {
        self.address
    }

    /// A new ID, for the ranks of one communicator.
    ///
    /// # Errors
    /// When NCCL finds no way to communicate.
    pub fn unique_id(&self) -> Result<UniqueId> {
        let mut id = UniqueId::default();
        // SAFETY: the ID is writable.
        let status = unsafe { (self.functions.unique_id)(&mut id) };
        self.check("ncclGetUniqueId", ptr::null_mut(), status)?;
        Ok(id)
    }

    fn check(&self, function: &'static str, handle: Handle, status: Status) -> Result<()> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: both functions return a text that ends in 0, for whatever arguments.
        let texts = unsafe {
            let texts =
                [(self.functions.error_string)(status), (self.functions.last_error)(handle)];
            texts.map(|text| if text.is_null() { c"" } else { CStr::from_ptr(text) })
        };
        let [error, last] = texts.map(CStr::to_string_lossy);
        let message = if last.is_empty() { error.into_owned() } else { format!("{error}: {last}") };
        Err(NcclError { function, message })
    }
}

/// A function of NCCL.
fn function<F: Copy>(library: &Library, name: &'static str) -> Result<F, Problem> {
    // SAFETY: every caller names the type that nccl.h declares.
    let found = unsafe { library.get::<F>(name) };
    found.map(|found| *found).map_err(|source| Problem::Function { name, source })
}

/// The connection of a GPU with those of the other ranks.
pub struct Communicator {
    nccl: &'static Nccl,
    /// Null once it is aborted.
    handle: AtomicPtr<c_void>,
    /// Held while NCCL is asked for errors, so that it is not asked about a freed communicator.
    asking: Mutex<()>,
    /// The error that NCCL has found by itself.
    failure: Mutex<Option<NcclError>>,
    /// This GPU's place.
    pub ranks: Ranks,
}

impl Communicator {
    /// Connects the GPU of the calling thread's context; waits until all ranks do so.
    ///
    /// # Errors
    /// When a rank cannot be reached, or two use the same GPU.
    pub fn new(nccl: &'static Nccl, ranks: Ranks, id: UniqueId) -> Result<Self> {
        let mut handle = ptr::null_mut();
        let [rank, size] = [ranks.rank, ranks.size].map(|n| n as c_int);
        // SAFETY: the handle is writable, and the calling thread has a context.
        let status = unsafe { (nccl.functions.init)(&mut handle, size, id, rank) };
        nccl.check("ncclCommInitRank", ptr::null_mut(), status)?;
        let handle = AtomicPtr::new(handle);
        Ok(Self { nccl, handle, asking: Mutex::default(), failure: Mutex::default(), ranks })
    }

    /// Ends all communication: operations that wait for other ranks end, without a result. May be called
    /// by any thread, also while another one waits for these operations. Returns when all graphs that
    /// have captured communication are gone.
    ///
    /// Another thread may be about to use the handle: that is as dangerous as it is rare, but a lock would
    /// keep this from ending what holds it, and a run that is aborted is over anyway.
    pub fn abort(&self) {
        let _guard = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = self.handle.swap(ptr::null_mut(), Ordering::SeqCst);
        if !handle.is_null() {
            // SAFETY: the handle is alive; nobody finds it from now on.
            unsafe { (self.nccl.functions.abort)(handle) };
        }
    }

    /// Ends all communication if NCCL has found an error by itself, such as a broken connection.
    ///
    /// # Errors
    /// That error.
    pub fn check(&self) -> Result<()> {
        let checked = self.async_error();
        if let Err(error) = &checked {
            self.failure
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(error.clone());
            self.abort();
        }
        checked
    }

    /// Whether communication was aborted.
    ///
    /// # Errors
    /// Why it was.
    pub fn aborted(&self) -> Result<()> {
        self.handle().map(drop)
    }

    fn async_error(&self) -> Result<()> {
        let _guard = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = self.handle()?;
        let mut found = 0;
        // SAFETY: the handle is alive, and the number writable.
        let status = unsafe { (self.nccl.functions.async_error)(handle, &mut found) };
        const IN_PROGRESS: Status = 7;
        let found = if found == IN_PROGRESS { 0 } else { found };
        self.nccl.check("communication", handle, if status == 0 { found } else { status })
    }

    fn handle(&self) -> Result<Handle> {
        let handle = self.handle.load(Ordering::SeqCst);
        if !handle.is_null() {
            return Ok(handle);
        }
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let aborted =
            || NcclError { function: "communication", message: "it was aborted".to_owned() };
        Err(failure.unwrap_or_else(aborted))
    }

    /// Queues x ← Σ x over the ranks.
    ///
    /// # Safety
    /// `x` is that of `n` numbers in memory that outlives the operation.
    pub unsafe fn all_reduce(&self, x: CUdeviceptr, n: usize, stream: CUstream) -> Result<()> {
        let (handle, x) = (self.handle()?, x as *mut c_void);
        // SAFETY: the handle is alive; the rest is the caller's promise.
        let status =
            unsafe { (self.nccl.functions.all_reduce)(x, x, n, FLOAT32, SUM, handle, stream) };
        self.nccl.check("ncclAllReduce", handle, status)
    }

    /// Queues a copy of every rank's `n` numbers to all.
    ///
    /// # Safety
    /// As above, with `n` numbers for each rank in `all`.
    pub unsafe fn all_gather(
        &self,
        all: CUdeviceptr,
        own: CUdeviceptr,
        n: usize,
        stream: CUstream,
    ) -> Result<()> {
        let handle = self.handle()?;
        let (own, all) = (own as *const c_void, all as *mut c_void);
        // SAFETY: the handle is alive; the rest is the caller's promise.
        let status =
            unsafe { (self.nccl.functions.all_gather)(own, all, n, FLOAT32, handle, stream) };
        self.nccl.check("ncclAllGather", handle, status)
    }

    /// Queues a copy of rank 0's bytes to all.
    ///
    /// # Safety
    /// As above.
    pub unsafe fn broadcast(&self, x: CUdeviceptr, bytes: usize, stream: CUstream) -> Result<()> {
        let (handle, x) = (self.handle()?, x as *mut c_void);
        // SAFETY: the handle is alive; the rest is the caller's promise.
        let status =
            unsafe { (self.nccl.functions.broadcast)(x, x, bytes, UINT8, 0, handle, stream) };
        self.nccl.check("ncclBroadcast", handle, status)
    }
}

impl Drop for Communicator {
    /// Not by `ncclCommDestroy`, which waits for the other ranks: they may wait for this one, which has
    /// failed. After a run that has not failed, all ranks have met, and nothing is left to be aborted.
    fn drop(&mut self) {
        self.abort();
    }
}
