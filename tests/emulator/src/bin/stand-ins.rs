//! Builds stand-ins of CUDA's libraries in a folder, for programs that are run by hand or by CI.
//!
//! ```sh
//! cargo run -p gan-cuda-emulator --bin stand-ins -- FOLDER [--sanitize]
//! ```
//!
//! With `--sanitize` it prints the library that such stand-ins need in `LD_PRELOAD`.

use gan_cuda_emulator::{StandIns, kernel_dir, object_dir, sanitizer_runtime};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, sanitize) = match &arguments[..] {
        [folder] => (folder, false),
        [folder, flag] if flag == "--sanitize" => (folder, true),
        _ => {
            eprintln!("usage: stand-ins FOLDER [--sanitize]");
            return ExitCode::from(2);
        }
    };
    let stand_ins = StandIns { kernels: &kernel_dir(), objects: object_dir(), sanitize };
    let built = stand_ins.build(Path::new(folder));
    match built.and_then(|_| if sanitize { sanitizer_runtime().map(Some) } else { Ok(None) }) {
        Ok(None) => {}
        Ok(Some(runtime)) => println!("{}", runtime.display()),
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
