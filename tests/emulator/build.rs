//! Builds the stand-ins of CUDA's libraries from the kernels, if there is a C++ compiler.

#[path = "src/compiler.rs"]
mod compiler;
#[path = "src/generate.rs"]
mod generate;
#[path = "../../build/signature.rs"]
#[allow(dead_code)] // Messages and launchers use more of it.
mod signature;
#[path = "src/stand_ins.rs"]
mod stand_ins;

use compiler::Problem;
use stand_ins::StandIns;
use std::env;
use std::path::PathBuf;

/// If set to 1, the stand-ins are built with sanitizers.
const SANITIZE: &str = "GAN_CUDA_EMULATOR_SANITIZE";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets the folder"));
    let kernels = root.join("../../kernels");
    for watched in [root.join("cpp"), kernels.clone(), root.join("src"), root.join("../../build")] {
        println!("cargo:rerun-if-changed={}", watched.display());
    }
    for variable in ["CXX", "PATH", SANITIZE] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    let objects = out.join("objects");
    println!("cargo:rustc-env=GAN_CUDA_EMULATOR_OBJECTS={}", objects.display());
    let built = match unsupported() {
        Some(reason) => Err(Problem::NoCompiler(reason)),
        None => {
            let sanitize = env::var(SANITIZE).is_ok_and(|value| value == "1");
            let stand_ins = StandIns { kernels: &kernels, objects: &objects, sanitize };
            stand_ins.build(&out.join("stand-ins"))
        }
    };
    match built {
        Ok(folder) => println!("cargo:rustc-env=GAN_CUDA_EMULATOR_BUILT={}", folder.display()),
        Err(Problem::NoCompiler(reason)) => {
            println!("cargo:warning=no emulated CUDA: {reason}");
            println!("cargo:rustc-env=GAN_CUDA_EMULATOR_PROBLEM={reason}");
        }
        Err(problem) => {
            eprintln!("{problem}");
            std::process::exit(1);
        }
    }
}

/// Why stand-ins are not supported on the target machine.
fn unsupported() -> Option<String> {
    let variable = |name| env::var(name).unwrap_or_default();
    let system = variable("CARGO_CFG_TARGET_OS");
    if system != "linux" {
        return Some(format!("the emulator supports only Linux, not {system}"));
    }
    (variable("HOST") != variable("TARGET"))
        .then(|| format!("the emulator is not cross-compiled to {}", variable("TARGET")))
}
