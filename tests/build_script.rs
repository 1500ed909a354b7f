//! The build script: which kernel signatures it accepts and rejects, the generated launchers, and
//! the register table; and that a changed signature breaks the build.

#[path = "../build/contracts.rs"]
mod contracts;
#[path = "../build/enums.rs"]
mod enums;
#[path = "../build/launchers.rs"]
mod launchers;
#[allow(dead_code)]
#[path = "../src/device/cuda/nvrtc.rs"]
mod nvrtc;
#[allow(dead_code)]
#[path = "../build/registers.rs"]
mod registers;
#[path = "../build/signature.rs"]
mod signature;
#[allow(dead_code)]
#[path = "../src/device/cuda/target.rs"]
mod target;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use signature::shape::{Extent, Shape};
use signature::{Element, Kernel, Type, parse, parse_all};

const GOOD: &str = r#"// extern "C" __global__ in a comment is not a kernel
// nor is
// extern "C" __global__ void here(
extern "C" __global__ void scale(
    float* __restrict__ y,                   // (rows, 3)
    const float* __restrict__ mask,          // (rows, 3) or null: zeros and twos
    unsigned* __restrict__ step,             // (1)
    const unsigned* __restrict__ order,      // (rows)
    const unsigned char* __restrict__ data,  // (any): as many as there are

    int rows,
    unsigned seed,  // any
    float slope)
{
}

extern "C" __global__ void __launch_bounds__(1024) step_advance(
    unsigned* __restrict__ step) {  // (1)
}
"#;

/// Parses [`GOOD`] with the first occurrence of a text replaced.
fn changed(from: &str, to: &str) -> Result<Vec<Kernel>, String> {
    assert!(GOOD.contains(from), "no {from:?} to replace");
    parse("kernels/a.cu", &GOOD.replacen(from, to, 1))
}

#[track_caller]
fn refused(from: &str, to: &str, line: usize, expected: &str) {
    let problem = changed(from, to).unwrap_err();
    let location = format!("kernels/a.cu:{line}: ");
    assert!(problem.starts_with(&location) && problem.contains(expected), "{problem}");
}

#[test]
fn signatures_are_parsed() {
    let kernels = parse("kernels/a.cu", GOOD).unwrap();
    let [scale, step_advance] = &kernels[..] else { panic!("{kernels:?}") };
    assert_eq!(
        (scale.name.as_str(), scale.line, scale.file.as_str()),
        ("scale", 4, "kernels/a.cu")
    );
    let kinds: Vec<_> = scale.parameters.iter().map(|p| (p.name.as_str(), p.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("y", Type::Output(Element::Float)),
            ("mask", Type::Input(Element::Float)),
            ("step", Type::Output(Element::Unsigned)),
            ("order", Type::Input(Element::Unsigned)),
            ("data", Type::Input(Element::UnsignedChar)),
            ("rows", Type::Int),
            ("seed", Type::Unsigned),
            ("slope", Type::Float),
        ]
    );
    let nullable: Vec<_> = scale.parameters.iter().filter(|p| p.nullable).collect();
    assert_eq!(nullable.len(), 1);
    assert_eq!(
        (nullable[0].name.as_str(), nullable[0].comment.as_str()),
        ("mask", "(rows, 3) or null: zeros and twos")
    );
    assert_eq!((step_advance.line, step_advance.parameters.len()), (17, 1));
}

#[test]
fn unsupported_types_are_refused() {
    refused("int rows", "long rows", 11, "`long rows` is none of");
    refused("int rows", "int __restrict__ rows", 11, "is none of");
    refused("const unsigned char*", "unsigned char*", 9, "is none of");
    refused("float* __restrict__ y", "double* __restrict__ y", 5, "is none of");
    refused("float* __restrict__ y", "float *__restrict__ y", 5, "is none of");
}

#[test]
fn pointers_need_restrict_and_a_shape() {
    refused("float* __restrict__ y", "float* y", 5, "`y` lacks `__restrict__`");
    refused("// (rows)\n", "\n", 8, "`order` has no comment with its shape");
}

#[test]
fn shapes_consist_of_numbers_and_int_arguments() {
    let kernels = parse("kernels/a.cu", GOOD).unwrap();
    let shapes: Vec<_> = kernels[0].parameters.iter().map(|p| p.shape.clone()).collect();
    let rows = || Extent::Argument("rows".to_owned());
    let matrix = || Some(Shape::Extents(vec![rows(), Extent::Number(3)]));
    let one = Some(Shape::Extents(vec![Extent::Number(1)]));
    let column = Some(Shape::Extents(vec![rows()]));
    assert_eq!(shapes, [matrix(), matrix(), one, column, Some(Shape::Any), None, None, None]);

    refused("// (rows)\n", "// (images)\n", 8, "the extent `images`, which is not an `int`");
    refused("// (rows)\n", "// (seed)\n", 8, "the extent `seed`, which is not an `int`");
    for comment in
        ["rows", "(rows", "(rows, )", "()", "(4·rows)", "(rows,3)", "(rows) or nil", "(rows) of 3"]
    {
        let line = format!("// {comment}\n");
        refused("// (rows)\n", &line, 8, "does not begin with a shape");
    }
}

#[test]
fn contracts_check_every_shape() {
    let kernels = parse("kernels/a.cu", GOOD).unwrap();
    let text = contracts::generate(&kernels);
    for line in [
        "pub fn scale(",
        "y: &impl Length,",
        "mask: Option<&impl Length>,",
        "rows: usize,",
        "check(\"scale\", \"y (rows, 3)\", y.length(), rows * 3);",
        "if let Some(mask) = mask {",
        "check(\"scale\", \"mask (rows, 3)\", mask.length(), rows * 3);",
        "check(\"scale\", \"step (1)\", step.length(), 1);",
        "pub fn step_advance(",
    ] {
        assert!(text.lines().any(|l| l.trim() == line), "no line {line:?} in:\n{text}");
    }
    assert!(!text.contains("data") && !text.contains("seed") && !text.contains("slope"), "{text}");
    let call = contracts::call(&kernels[0]).unwrap();
    assert_eq!(call, "scale(&y, mask.as_ref(), &step, &order, rows)");
}

const ENUMS: &str = "\
enum { MAX_THREADS = 1024 };
// enum Comment { NONE = 0 };
enum Activation {
    IDENTITY = 0,  // y = x
    LEAKY_RELU = 2,
};
enum Criterion { CROSS_ENTROPY = 0, SQUARED_ERROR = 1 };
";

#[test]
fn enums_become_modules_of_constants() {
    let text = enums::generate([("kernels/a.cu", ENUMS)]).unwrap();
    for line in [
        "pub mod activation {",
        "pub const IDENTITY: u32 = 0;",
        "pub const LEAKY_RELU: u32 = 2;",
        "pub mod criterion {",
        "pub const SQUARED_ERROR: u32 = 1;",
    ] {
        assert!(text.lines().any(|l| l.trim() == line), "no line {line:?} in:\n{text}");
    }
    assert!(!text.contains("MAX_THREADS") && !text.contains("NONE"), "{text}");
}

#[test]
fn unsupported_enums_are_refused() {
    let refused = |from: &str, to: &str, words: &str| {
        let problem = enums::generate([("kernels/a.cu", &*ENUMS.replace(from, to))]).unwrap_err();
        assert!(problem.starts_with("kernels/a.cu:") && problem.contains(words), "{problem}");
    };
    refused("LEAKY_RELU = 2", "LEAKY_RELU", ":3: enum Activation: `LEAKY_RELU` is not `NAME");
    refused("LEAKY_RELU = 2", "LEAKY_RELU = 1 + 1", "is not `NAME = number`");
    refused("LEAKY_RELU = 2", "LeakyRelu = 2", "`LeakyRelu` is not a name");
    refused("LEAKY_RELU = 2", "LEAKY_RELU = 0", "two names have the number 0");
    refused("enum Criterion", "enum Activation", ":7: enum Activation: there is another one");
    refused("SQUARED_ERROR = 1 };", "", ":7: an enum without an end");
}

#[test]
fn arguments_are_on_separate_lines() {
    refused("int rows,", "int rows, int columns,", 11, "one argument per line");
    refused("scale(\n", "scale(int n,\n", 4, "a kernel begins with");
    refused("int rows,", "int rows", 11, "no ',' or ')' behind argument `rows`");
    refused("int rows,", ",", 11, "an argument is missing");
    refused("float slope)\n{\n}\n", "float slope\n", 13, "no ',' or ')'");
    let open = GOOD.split("    float slope").next().unwrap();
    let problem = parse("kernels/a.cu", open).unwrap_err();
    assert_eq!(problem, "kernels/a.cu:4: the signature has no closing ')'");
}

#[test]
fn kernels_have_a_fixed_beginning() {
    refused("extern \"C\" __global__ void scale", "__global__ void scale", 4, "begins with");
    refused("__global__ void scale", "__global__ int scale", 4, "begins with");
    refused("void scale(", "void\nscale(", 4, "begins with");
}

#[test]
fn names_are_valid_in_rust_and_unique() {
    refused("void scale(", "void Scale(", 4, "`Scale` is not a name");
    refused("int rows", "int impl", 11, "`impl` has a meaning of its own");
    refused("int rows", "int launch", 11, "`launch` has a meaning of its own");
    refused("int rows", "int slope", 13, "two arguments are called `slope`");
    let twice = parse_all([("kernels/a.cu", GOOD), ("kernels/b.cu", GOOD)]).unwrap_err();
    assert_eq!(twice, "kernels/b.cu:4: kernel `scale` is already in kernels/a.cu:4");
}

#[test]
fn launchers_have_the_parameter_types_of_the_signature() {
    let text = launchers::generate(&parse("kernels/a.cu", GOOD).unwrap());
    for line in [
        "pub fn scale(",
        "y: ViewMut<'_, f32>,",
        "mask: Option<View<'_, f32>>,",
        "step: ViewMut<'_, u32>,",
        "order: View<'_, u32>,",
        "data: View<'_, u8>,",
        "rows: usize,",
        "seed: u32,",
        "slope: f32,",
        "let mut mask = mask.map_or(0, |view| view.pointer());",
        "let mut rows = extent(rows);",
        "/// - `data`: `(any): as many as there are`",
        "contract::scale(&y, mask.as_ref(), &step, &order, rows);",
        "scale: find(\"kernels/a.cu\", \"scale\")?,",
    ] {
        assert!(text.lines().any(|l| l.trim() == line), "no line {line:?} in:\n{text}");
    }
}

/// Logs of NVRTC 13.0 and of 12.4, which omits barriers and includes constant memory.
const LOGS: [&str; 2] = [
    "\
a.cu(3): warning #177-D: variable \"x\" was declared but never referenced
      int x;
          ^

ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'adam_update' for 'sm_90'
ptxas info    : Function properties for adam_update
ptxas         .     24 bytes stack frame, 16 bytes spill stores, 8 bytes spill loads
ptxas info    : Used 48 registers, used 1 barriers, 24 bytes cumulative stack size, 4096 bytes smem
ptxas info    : Compile time = 19.939 ms
",
    "\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'adam_update' for 'sm_75'
ptxas info    : Function properties for adam_update
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 58 registers, 424 bytes cmem[0]
",
];

#[test]
fn registers_and_spills_are_parsed_from_the_compiler_log() {
    let (new, rest) = registers::split(LOGS[0], nvrtc::Target::Cubin(90));
    let (old, empty) = registers::split(LOGS[1], nvrtc::Target::Cubin(75));
    assert!(rest.starts_with("a.cu(3): warning") && rest.lines().count() == 3, "{rest}");
    assert_eq!(empty, "");
    let numbers = |u: &registers::Use| [u.architecture, u.registers, u.shared, u.spills];
    assert_eq!(numbers(&new[0]), [90, 48, 4096, 24]);
    assert_eq!(numbers(&old[0]), [75, 58, 0, 0]);
    let table = registers::table(&[new, old].concat());
    let rows: Vec<Vec<&str>> = table.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["kernel", "sm_75", "sm_90", "shared", "spilled"]);
    assert_eq!(rows[1], ["adam_update", "58", "48", "4096", "24"]);
    assert_eq!(rows.len(), 2);
}

/// Builds this package with two changed signatures: another type, and an additional argument.
#[test]
fn changed_signature_breaks_the_build() {
    let Some(cargo) = env::var_os("CARGO") else {
        println!("skipped: not run by cargo, which may not be installed");
        return;
    };
    let package = changed_package();
    let (target, profile) = target_and_profile();
    let mut command = Command::new(cargo);
    // Cargo's variables for this test: because of them it would build dependencies again, here and in
    // the next build.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text == "OUT_DIR" || text.starts_with("CARGO_") && text != "CARGO_HOME" {
            command.env_remove(&name);
        }
    }
    // The dependencies were built there for this test.
    let output = command
        .args(["build", "--lib", "--offline", "--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(package)
        .env("GAN_CUDA_NVRTC_DIR", "none, as the kernels need not be compiled")
        .env_remove("GAN_CUDA_REQUIRE_NVRTC")
        .env("CARGO_TERM_COLOR", "never")
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "the build succeeded:\n{log}");
    let expect = |code: &str, launcher: &str| {
        let is_it = |error: &str| error.starts_with(code) && error.contains(launcher);
        assert!(log.split("\nerror").any(is_it), "no {code} at {launcher} in:\n{log}");
    };
    expect("[E0308]", ".adam_update(");
    expect("[E0061]", ".bias_activation_forward(");
    assert!(log.contains("due to 2 previous errors"), "{log}");
}

/// A copy of this package with changed kernels and another name: under the same name it would
/// replace this build.
fn changed_package() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A fixed path, so that repeated runs reuse it.
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("changed-signatures");
    let _ = fs::remove_dir_all(&package);
    fs::create_dir_all(package.join("kernels")).unwrap();
    for name in ["build.rs", "build", "src", "data", "tests"] {
        std::os::unix::fs::symlink(own.join(name), package.join(name)).unwrap();
    }
    for name in ["Cargo.toml", "Cargo.lock"] {
        let text = fs::read_to_string(own.join(name)).unwrap();
        let renamed = text.replace("name = \"gan-cuda\"\n", "name = \"gan-cuda-changed\"\n");
        // The other members depend on the original name.
        let (kept, members): (Vec<_>, Vec<_>) =
            renamed.lines().partition(|line| !line.starts_with("members = "));
        assert_eq!(members.len(), usize::from(name == "Cargo.toml"));
        assert_ne!(text, renamed);
        fs::write(package.join(name), kept.join("\n")).unwrap();
    }
    for entry in fs::read_dir(own.join("kernels")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_str().unwrap();
        fs::write(package.join("kernels").join(file), with_changes(file, text)).unwrap();
    }
    package
}

fn with_changes(file: &str, text: String) -> String {
    let (kernel, from, to) = match file {
        "optimizer.cu" => ("adam_update", "float lr,", "unsigned lr,"),
        "linear.cu" => ("bias_activation_forward", "int columns,", "int columns,\n    int more,"),
        _ => return text,
    };
    let (before, signature) = text.split_once(&format!("{kernel}(")).expect(kernel);
    assert!(signature.contains(from), "{kernel} has no `{from}`");
    format!("{before}{kernel}({}", signature.replacen(from, to, 1))
}

/// The target folder and the profile of this test.
fn target_and_profile() -> (PathBuf, &'static str) {
    let program = env::current_exe().unwrap();
    let built = program.parent().and_then(Path::parent).unwrap();
    let release = built.file_name().is_some_and(|name| name == "release");
    (built.parent().unwrap().to_owned(), if release { "release" } else { "test" })
}
