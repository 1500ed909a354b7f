//! Images of kernels, and the stand-in for NVRTC, which generates some.

use crate::common::{Device, code, kernel_dir};
use cudarc::driver::sys::CUresult;
use cudarc::nvrtc::{CompileError, CompileOptions, Ptx, compile_ptx, compile_ptx_with_opts};

#[test]
fn a_module_has_the_kernels_of_its_source_and_no_others() {
    let device = Device::new();
    let source = std::fs::read_to_string(kernel_dir().join("elements.cu")).unwrap();
    let module = device.context.load_module(compile_ptx(source).unwrap()).unwrap();
    module.load_function("scale").unwrap();
    let not_found = CUresult::CUDA_ERROR_NOT_FOUND;
    assert_eq!(code(module.load_function("scal")), not_found);
    assert_eq!(code(module.load_function("tree_sum")), not_found);
}

/// The error of loading a text.
fn load(device: &Device, text: &str) -> CUresult {
    code(device.context.load_module(Ptx::from_src(text)))
}

#[test]
fn invalid_images_are_an_error() {
    let Some(device) = Device::emulated() else { return };
    assert_eq!(load(&device, "no image"), CUresult::CUDA_ERROR_INVALID_IMAGE);
    assert_eq!(load(&device, ".version 9.0\n.target sm_90\n"), CUresult::CUDA_SUCCESS);
    let newer_device = ".version 9.0\n.target sm_100\n";
    assert_eq!(load(&device, newer_device), CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU);
    let newer_driver = ".version 9.1\n.target sm_75\n";
    assert_eq!(load(&device, newer_driver), CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
}

/// A minimal cubin with one kernel: two sections, the second with names.
fn cubin(architecture: u32, kernel: &str) -> Vec<u8> {
    const HEADER: u64 = 64;
    const SECTION: usize = 64;
    let names = format!("\0.text.{kernel}\0");
    let mut image = b"\x7fELF\x02\x01\x01\x41\x08".to_vec();
    image.resize(16, 0);
    for half in [2u16, 190] {
        image.extend(half.to_le_bytes());
    }
    image.extend(1u32.to_le_bytes());
    for place in [0u64, 0, HEADER] {
        image.extend(place.to_le_bytes());
    }
    image.extend((architecture << 8).to_le_bytes());
    for half in [64u16, 0, 0, SECTION as u16, 2, 1] {
        image.extend(half.to_le_bytes());
    }
    image.resize(image.len() + SECTION, 0);
    let mut section = [0u8; SECTION];
    section[4] = 3;
    section[24..32].copy_from_slice(&(HEADER + 2 * SECTION as u64).to_le_bytes());
    section[32..40].copy_from_slice(&(names.len() as u64).to_le_bytes());
    image.extend(section);
    image.extend(names.bytes());
    image
}

#[test]
fn a_cubin_runs_on_its_own_and_newer_architectures_of_the_same_major_version() {
    let Some(device) = Device::emulated() else { return };
    let load = |image| device.context.load_module(Ptx::from_binary(image));
    let module = load(cubin(90, "scale")).unwrap();
    module.load_function("scale").unwrap();
    assert_eq!(code(module.load_function("step")), CUresult::CUDA_ERROR_NOT_FOUND);
    for other in [80, 100] {
        assert_eq!(code(load(cubin(other, "scale"))), CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU);
    }
}

/// The log of a compilation that fails.
fn log(source: &str, options: CompileOptions) -> String {
    match compile_ptx_with_opts(source, options) {
        Err(CompileError::CompileError { log, .. }) => log.to_string_lossy().into_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn sources_that_do_not_compile_have_a_log() {
    crate::common::load();
    let source = "#if 0\n#error not this\n#endif\n#error but this\n";
    let words = log(source, CompileOptions::default());
    assert!(words.contains("(4)") && words.contains("but this"), "{words}");
    let words = log("#include \"absent.cuh\"\n", CompileOptions::default());
    assert!(words.contains("absent.cuh"), "{words}");
}

#[test]
fn unknown_architectures_and_options_are_an_error() {
    crate::common::load();
    for option in ["--gpu-architecture=sm_12", "--optimise"] {
        let options = CompileOptions { options: vec![option.to_owned()], ..Default::default() };
        assert!(compile_ptx_with_opts("", options).is_err(), "{option}");
    }
}
