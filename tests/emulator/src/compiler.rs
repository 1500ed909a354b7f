//! The system's C++ compiler and its flags.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fmt};

/// Flags for all code. Multiplications and additions must not be contracted to FMA: whether a compiler
/// does so varies, and the kernels' arithmetic should be as written.
const FLAGS: [&str; 8] = [
    "-std=c++17",
    "-O2",
    "-g1",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-fno-strict-aliasing",
    "-w",
];

/// Undefined behaviour aborts the program, like the errors of AddressSanitizer.
const SANITIZERS: [&str; 3] =
    ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];
/// GCC: also checks variables in named sections, such as the kernels' shared variables.
const SANITIZE_OF_GCC: &str = "-fsanitize-sections=emulator_*";
/// Clang: links the sanitizer runtime as a shared library.
const SANITIZE_OF_CLANG: &str = "-shared-libasan";

/// Why there are no stand-ins.
#[derive(Debug)]
pub enum Problem {
    /// There is no C++ compiler.
    NoCompiler(String),
    /// A file cannot be read or written.
    File(PathBuf, io::Error),
    /// A kernel's signature is invalid.
    Signature(String),
    /// A source does not compile, with the compiler's messages.
    Compile(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCompiler(reason) | Self::Signature(reason) => f.write_str(reason),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Compile(messages) => write!(f, "the emulator does not compile:\n{messages}"),
        }
    }
}

impl std::error::Error for Problem {}

/// The system's C++ compiler.
#[derive(Hash)]
pub struct Compiler {
    words: Vec<String>,
    version: String,
}

impl Compiler {
    /// `$CXX`, or the first of the usual names that works.
    ///
    /// # Errors
    /// None does.
    pub fn find() -> Result<Self, Problem> {
        if let Ok(chosen) = env::var("CXX") {
            return Self::try_out(&chosen)
                .ok_or_else(|| Problem::NoCompiler(format!("CXX={chosen} does not compile C++")));
        }
        ["c++", "g++", "clang++"].iter().find_map(|name| Self::try_out(name)).ok_or_else(|| {
            Problem::NoCompiler("found no C++ compiler (c++, g++, clang++, $CXX)".to_owned())
        })
    }

    /// The compiler with this name, if it finds the standard library.
    fn try_out(name: &str) -> Option<Self> {
        let words: Vec<String> = name.split_whitespace().map(str::to_owned).collect();
        let mut command = Command::new(words.first()?);
        let version = command.args(&words[1..]).arg("--version").output().ok()?;
        let compiler = Self { words, version: String::from_utf8_lossy(&version.stdout).into() };
        let mut child = compiler
            .command(false)
            .args(["-x", "c++", "-fsyntax-only", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        child.stdin.take()?.write_all(b"#include <string>\nstd::string text;\n").ok()?;
        child.wait().ok()?.success().then_some(compiler)
    }

    fn is_clang(&self) -> bool {
        self.version.contains("clang")
    }

    /// A command with the flags for all sources.
    pub fn command(&self, sanitize: bool) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).args(FLAGS);
        if sanitize {
            command.args(SANITIZERS);
            command.arg(if self.is_clang() { SANITIZE_OF_CLANG } else { SANITIZE_OF_GCC });
        }
        command
    }
}

/// The sanitizer library, which sanitized stand-ins need in `LD_PRELOAD`.
///
/// # Errors
/// No compiler, or one without AddressSanitizer.
#[allow(dead_code)] // The build script does not run what it builds.
pub fn sanitizer_runtime() -> Result<PathBuf, Problem> {
    let compiler = Compiler::find()?;
    let name = if compiler.is_clang() {
        format!("libclang_rt.asan-{}.so", env::consts::ARCH)
    } else {
        "libasan.so".to_owned()
    };
    let mut command = compiler.command(false);
    let output = command.arg(format!("-print-file-name={name}")).output();
    let output = output.map_err(|error| Problem::File(PathBuf::from(&name), error))?;
    let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let absent = || Problem::NoCompiler(format!("the C++ compiler has no {name}"));
    if path.is_absolute() { Ok(path) } else { Err(absent()) }
}

/// Runs the compiler.
///
/// # Errors
/// The compiler's messages.
pub fn run(mut command: Command) -> Result<(), Problem> {
    let program = PathBuf::from(command.get_program());
    let output = command.output().map_err(|error| Problem::File(program, error))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Problem::Compile(format!("{command:?}\n{}", String::from_utf8_lossy(&output.stderr))))
}
