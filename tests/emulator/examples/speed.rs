//! How fast the emulator is: `cargo run --release -p gan-cuda-emulator --example speed`.

use cudarc::cublas::CudaBlas;
use cudarc::cublas::result::gemm_ex;
use cudarc::cublas::sys::cublasComputeType_t::CUBLAS_COMPUTE_32F;
use cudarc::cublas::sys::cublasGemmAlgo_t;
use cudarc::cublas::sys::cublasOperation_t::CUBLAS_OP_N;
use cudarc::cublas::sys::cudaDataType::CUDA_R_32F;
use cudarc::driver::{
    CudaContext, CudaSlice, CudaStream, DevicePtr, DevicePtrMut, LaunchConfig, PushKernelArg,
};
use gan_cuda_emulator::library_dir;
use std::ptr::from_ref;
use std::sync::Arc;
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    for name in ["libcuda.so.1", "libcublas.so.13", "libnvrtc.so.13"] {
        // SAFETY: the emulator's libraries do nothing when they are loaded.
        std::mem::forget(unsafe { libloading::Library::new(library_dir()?.join(name)) }?);
    }
    let context = CudaContext::new(0)?;
    // SAFETY: there is one stream.
    unsafe { context.disable_event_tracking() };
    let stream = context.new_stream()?;
    elementwise(&stream)?;
    columns(&stream)?;
    product(&stream)
}

/// Prints how many of `what` a second are done by `queue`, which does `count` of them.
fn measure(
    stream: &Arc<CudaStream>,
    name: &str,
    count: f64,
    unit: &str,
    mut queue: impl FnMut() -> Outcome<()>,
) -> Outcome<()> {
    queue()?;
    stream.synchronize()?;
    let mut times = Vec::new();
    for _ in 0..7 {
        let start = Instant::now();
        queue()?;
        stream.synchronize()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    println!("{name:<28} {:>8.1} {unit}", count / times[times.len() / 2]);
    Ok(())
}

fn kernel(
    stream: &Arc<CudaStream>,
    file: &str,
    name: &str,
) -> Outcome<cudarc::driver::CudaFunction> {
    let image = format!(".version 9.0\n.target sm_90\n.entry {name}(\n");
    let module = stream.context().load_module(cudarc::nvrtc::Ptx::from_src(image))?;
    module.load_function(name).map_err(|error| format!("{file}: {error}").into())
}

fn blocks(grid: u32, block: (u32, u32)) -> LaunchConfig {
    LaunchConfig { grid_dim: (grid, 1, 1), block_dim: (block.0, block.1, 1), shared_mem_bytes: 0 }
}

fn elementwise(stream: &Arc<CudaStream>) -> Outcome<()> {
    const N: usize = 1 << 21;
    let zeros = || -> Outcome<CudaSlice<f32>> { Ok(stream.alloc_zeros(N)?) };
    let (mut p, mut m, mut v, g) = (zeros()?, zeros()?, zeros()?, zeros()?);
    let mut step = stream.alloc_zeros::<u32>(2)?;
    let n = N as i32;
    let forward = kernel(stream, "linear.cu", "bias_activation_forward")?;
    let geometry = blocks((N / 256) as u32, (256, 1));
    let geometry_of_fours = blocks((N / 1024) as u32, (256, 1));
    measure(stream, "bias_activation_forward", N as f64 / 1e6, "million elements/s", || {
        let mut launch = stream.launch_builder(&forward);
        launch.arg(&mut p).arg(&0u64).arg(&g).arg(&1i32).arg(&n).arg(&2u32).arg(&0.2f32);
        // SAFETY: the arguments are those of the kernel, here and below.
        unsafe { launch.launch(geometry) }?;
        Ok(())
    })?;
    let adam = kernel(stream, "optimizer.cu", "adam_update")?;
    measure(stream, "adam_update", N as f64 / 1e6, "million elements/s", || {
        let mut launch = stream.launch_builder(&adam);
        launch.arg(&mut p).arg(&mut m).arg(&mut v).arg(&mut step).arg(&g).arg(&n);
        for value in [&2e-4f32, &0.5, &0.5, &-0.69, &0.999, &0.001, &-0.001, &1e-8] {
            launch.arg(value);
        }
        // SAFETY: as above.
        unsafe { launch.launch(geometry_of_fours) }?;
        Ok(())
    })?;
    let noise = kernel(stream, "random.cu", "noise_draw")?;
    measure(stream, "noise_draw", N as f64 / 1e6, "million elements/s", || {
        let mut launch = stream.launch_builder(&noise);
        launch.arg(&mut p).arg(&step).arg(&1i32).arg(&n);
        launch.arg(&0u32).arg(&1u32).arg(&2u32).arg(&3u32);
        // SAFETY: as above.
        unsafe { launch.launch(geometry_of_fours) }?;
        Ok(())
    })
}

fn columns(stream: &Arc<CudaStream>) -> Outcome<()> {
    let (rows, columns) = (64i32, 1024i32);
    let count = (rows * columns) as usize;
    let mut dz = stream.alloc_zeros::<f32>(count)?;
    let mut db = stream.alloc_zeros::<f32>(columns as usize)?;
    let y = stream.alloc_zeros::<f32>(count)?;
    let backward = kernel(stream, "linear.cu", "bias_activation_backward")?;
    for block in [(32, 4), (32, 32)] {
        let name = format!("bias_activation_backward {}", block.1);
        let geometry = blocks(columns as u32 / block.0, block);
        measure(stream, &name, count as f64 / 1e6, "million elements/s", || {
            let mut launch = stream.launch_builder(&backward);
            launch.arg(&mut dz).arg(&mut db).arg(&y).arg(&0u64);
            launch.arg(&rows).arg(&columns).arg(&2u32).arg(&0.2f32).arg(&0u32);
            // SAFETY: as above.
            unsafe { launch.launch(geometry) }?;
            Ok(())
        })?;
    }
    Ok(())
}

fn product(stream: &Arc<CudaStream>) -> Outcome<()> {
    const N: i32 = 512;
    let blas = CudaBlas::new(stream.clone())?;
    let a = stream.alloc_zeros::<f32>((N * N) as usize)?;
    let mut c = stream.alloc_zeros::<f32>((N * N) as usize)?;
    let (x, y) = (a.device_ptr(stream).0 as *const _, c.device_ptr_mut(stream).0 as *mut _);
    let (one, zero) = (from_ref(&1.0f32).cast(), from_ref(&0.0f32).cast());
    let (n, kind) = (CUBLAS_OP_N, CUDA_R_32F);
    measure(stream, "product 512", 2e-9 * f64::from(N).powi(3), "GFLOP/s", || {
        // SAFETY: the matrices are as large as the extents say, alpha and beta are on the host.
        unsafe {
            gemm_ex(
                *blas.handle(),
                n,
                n,
                N,
                N,
                N,
                one,
                x,
                kind,
                N,
                x,
                kind,
                N,
                zero,
                y,
                kind,
                N,
                CUBLAS_COMPUTE_32F,
                cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )
        }?;
        Ok(())
    })
}
