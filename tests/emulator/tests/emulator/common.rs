//! A device for a test, and its kernels.

use cudarc::driver::sys::CUresult;
use cudarc::driver::{
    CudaContext, CudaFunction, CudaModule, CudaSlice, CudaStream, DevicePtr, DriverError,
    LaunchArgs, LaunchConfig, PushKernelArg,
};
use gan_cuda_emulator::{FOLDER, StandIns, object_dir};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// A separate device for each test, so that a failed kernel does not affect other tests.
pub struct Device {
    pub context: Arc<CudaContext>,
    pub stream: Arc<CudaStream>,
    module: Arc<CudaModule>,
}

/// Whether the tests run on a real device.
pub fn on_gpu() -> bool {
    std::env::var("GAN_CUDA_EMULATOR_TESTS_ON_GPU").is_ok_and(|value| value == "1")
}

/// The folder with the tests' kernels.
pub fn kernel_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels")
}

impl Device {
    /// A device for a test of CUDA's rules.
    pub fn new() -> Self {
        static TAKEN: AtomicUsize = AtomicUsize::new(0);
        Self::numbered(if on_gpu() { 0 } else { TAKEN.fetch_add(1, Ordering::Relaxed) })
    }

    /// The device with this number, for a test in a process of its own.
    pub fn numbered(ordinal: usize) -> Self {
        load();
        let context = CudaContext::new(ordinal).unwrap();
        // SAFETY: each test orders its own work.
        unsafe { context.disable_event_tracking() };
        let stream = context.new_stream().unwrap();
        let module = context.load_module(cudarc::nvrtc::compile_ptx(sources()).unwrap()).unwrap();
        Self { context, stream, module }
    }

    /// A device for a test of emulator-specific behaviour; none on a real GPU.
    pub fn emulated() -> Option<Self> {
        (!on_gpu()).then(Self::new)
    }

    pub fn kernel(&self, name: &str) -> CudaFunction {
        self.module.load_function(name).unwrap()
    }

    pub fn upload(&self, values: &[f32]) -> CudaSlice<f32> {
        self.stream.clone_htod(values).unwrap()
    }

    /// `n` numbers 0, 1, 2, …
    pub fn numbers(&self, n: usize) -> CudaSlice<f32> {
        self.upload(&(0..n).map(|i| i as f32).collect::<Vec<_>>())
    }

    pub fn zeros(&self, n: usize) -> CudaSlice<f32> {
        self.stream.alloc_zeros(n).unwrap()
    }

    pub fn download(&self, values: &CudaSlice<f32>) -> Vec<f32> {
        let values = self.stream.clone_dtoh(values).unwrap();
        self.stream.synchronize().unwrap();
        values
    }

    pub fn address(&self, values: &CudaSlice<f32>) -> u64 {
        values.device_ptr(&self.stream).0
    }

    /// Queues a kernel; `push` gives it its arguments.
    pub fn launch<'a>(
        &'a self,
        kernel: &'a CudaFunction,
        config: LaunchConfig,
        push: impl for<'l> FnOnce(&'l mut LaunchArgs<'a>) -> &'l mut LaunchArgs<'a>,
    ) {
        let mut launch = self.stream.launch_builder(kernel);
        // SAFETY: the arguments are those of the kernel, or wrong in a way that is looked for.
        unsafe { push(&mut launch).launch(config) }.unwrap();
    }

    /// Asserts that queued work failed, with these words in the message.
    #[track_caller]
    pub fn failed(&self, code: CUresult, words: &[&str]) {
        let error = self.stream.synchronize().unwrap_err();
        assert_eq!(error.0, code);
        assert!(words.iter().all(|word| error.to_string().contains(word)), "{error}");
    }

    /// Queues x ← 2·x + 1.
    pub fn step(&self, stream: &CudaStream, x: &mut CudaSlice<f32>) -> Result<(), DriverError> {
        let n = x.len() as i32;
        let kernel = self.kernel("step");
        let mut launch = stream.launch_builder(&kernel);
        // SAFETY: the arguments are those of the kernel.
        unsafe { launch.arg(x).arg(&n).launch(grid(2, 32)) }.map(drop)
    }
}

/// One-dimensional blocks and threads.
pub fn grid(blocks: u32, threads: u32) -> LaunchConfig {
    LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (threads, 1, 1), shared_mem_bytes: 0 }
}

/// The code of an error.
pub fn code<T>(result: Result<T, DriverError>) -> CUresult {
    match result {
        Ok(_) => CUresult::CUDA_SUCCESS,
        Err(DriverError(code)) => code,
    }
}

/// All kernels of the tests.
fn sources() -> String {
    ["barriers.cu", "elements.cu"]
        .map(|file| fs::read_to_string(kernel_dir().join(file)).unwrap())
        .concat()
}

/// The folder with stand-ins that have the tests' kernels, built once.
pub fn stand_ins() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("stand-ins");
    BUILT.get_or_init(|| build(&folder(), false)).clone()
}

/// Builds stand-ins with the tests' kernels; a child process uses those of its parent.
pub fn build(folder: &Path, sanitize: bool) -> PathBuf {
    if let Some(given) = std::env::var_os(FOLDER) {
        return given.into();
    }
    let kernels = kernel_dir();
    StandIns { kernels: &kernels, objects: object_dir(), sanitize }.build(folder).unwrap()
}

/// Loads the stand-ins, once per process.
pub fn load() {
    static LOADED: OnceLock<()> = OnceLock::new();
    LOADED.get_or_init(|| {
        if on_gpu() {
            return;
        }
        if std::env::var_os("GAN_CUDA_EMULATOR_DEVICES").is_none() {
            // SAFETY: the emulator, which is not loaded yet, is the only one to read it.
            unsafe { std::env::set_var("GAN_CUDA_EMULATOR_DEVICES", "100") };
        }
        for name in ["libcuda.so.1", "libcublas.so.13", "libnvrtc.so.13"] {
            // SAFETY: the emulator's libraries do nothing when they are loaded.
            let library = unsafe { libloading::Library::new(stand_ins().join(name)) }.unwrap();
            std::mem::forget(library);
        }
    });
}

/// The variable with the name of the test that runs in a child process.
pub const CHILD: &str = "GAN_CUDA_EMULATOR_CHILD";

/// Runs `body` in a process of its own, which must go well: a test that starts itself again.
pub fn in_child(test: &str, variables: &[(&str, &Path)], body: impl FnOnce()) {
    if let Some(output) = run_in_child(test, variables, body) {
        assert!(output.status.success(), "{test}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

/// Runs `body` in a process of its own: how that ended, or nothing within that process.
pub fn run_in_child(
    test: &str,
    variables: &[(&str, &Path)],
    body: impl FnOnce(),
) -> Option<Output> {
    if std::env::var_os(CHILD).is_some() {
        body();
        return None;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "--nocapture", test]).env(CHILD, test).env(FOLDER, stand_ins());
    let output = child.envs(variables.iter().copied()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(words.contains("running 1 test"), "no test {test}: {words}");
    Some(output)
}
