//! Builds the emulator with a mutant and runs the suite on it.

use crate::plan::Mutant;
use crate::rules::Rule;
use gan_cuda_emulator::{StandIns, kernel_dir, object_dir, sanitizer_runtime};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The time limit for an operation's cases; a wrong bound may cause an endless loop. Normally they take
/// less than a minute.
const TIME_LIMIT: Duration = Duration::from_secs(300);

/// State shared by all attempts.
pub struct Attempts {
    suite: PathBuf,
    scratch: PathBuf,
    /// The sanitizer library.
    runtime: PathBuf,
}

impl Attempts {
    /// Compiles the unchanged kernels, once for all attempts.
    pub fn new(suite: &Path) -> Result<Self, String> {
        let runtime = sanitizer_runtime().map_err(|problem| problem.to_string())?;
        let scratch = object_dir().with_file_name("mutants");
        let attempts = Self { suite: suite.to_owned(), scratch, runtime };
        for sanitize in [false, true] {
            let folder = attempts.scratch.join("unchanged");
            build(&kernel_dir(), &folder, sanitize)?;
            // The unchanged kernels must pass, so that later failures are due to mutants.
            attempts
                .outcome(&folder, "out_of_bounds_writes_are_detected", sanitize)?
                .map_or(Ok(()), |failure| {
                    Err(format!("the unchanged kernels do not pass: {failure}"))
                })?;
        }
        Ok(attempts)
    }

    /// What catches a mutant, if anything does. A bound needs the sanitizers: an out-of-bounds read need
    /// not change a result. A barrier does not, and runs faster without them.
    pub fn what_catches(&self, number: usize, mutant: &Mutant) -> Result<Option<String>, String> {
        let folder = self.scratch.join(number.to_string());
        let caught = self.try_out(&folder, mutant);
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        caught
    }

    fn try_out(&self, folder: &Path, mutant: &Mutant) -> Result<Option<String>, String> {
        let sanitize = mutant.change.rule != Rule::Barrier;
        let kernels = folder.join("kernels");
        write_kernels(&kernels, mutant)
            .map_err(|error| format!("{}: {error}", kernels.display()))?;
        build(&kernels, folder, sanitize)?;
        for operation in &mutant.change.operations {
            if let Some(failure) = self.outcome(folder, operation, sanitize)? {
                return Ok(Some(format!("{operation}: {failure}")));
            }
        }
        Ok(None)
    }

    /// Runs a test of the suite; returns how it failed, if it did.
    fn outcome(
        &self,
        stand_ins: &Path,
        test: &str,
        sanitize: bool,
    ) -> Result<Option<String>, String> {
        let output = stand_ins.join("output");
        let status = self.run(stand_ins, test, sanitize, &output);
        let status = status.map_err(|error| format!("{}: {error}", self.suite.display()))?;
        let text = fs::read(&output).map_err(|error| format!("{}: {error}", output.display()))?;
        let text = String::from_utf8_lossy(&text);
        match status {
            None => Ok(Some(format!("not done after {} s", TIME_LIMIT.as_secs()))),
            Some(status) if status.success() && text.contains(" 1 passed;") => Ok(None),
            Some(status) if !status.success() => failure(&text)
                .map(Some)
                .ok_or_else(|| format!("{test} ended with {status} without a message:\n{text}")),
            Some(_) => Err(format!("{test} was not run:\n{text}")),
        }
    }

    /// The test's exit status; none if it timed out.
    fn run(
        &self,
        stand_ins: &Path,
        test: &str,
        sanitize: bool,
        output: &Path,
    ) -> io::Result<Option<ExitStatus>> {
        let stdout = File::create(output)?;
        let stderr = stdout.try_clone()?;
        let mut command = Command::new(&self.suite);
        command.args(["--exact", &format!("emulated::operations::{test}")]);
        command.env("GAN_CUDA_TEST_DEVICE", "emulated").env("GAN_CUDA_LIB_DIR", stand_ins);
        command.env("RUST_BACKTRACE", "0");
        if sanitize {
            command.env("LD_PRELOAD", &self.runtime).env("ASAN_OPTIONS", "detect_leaks=0");
        }
        let mut child = command.stdout(stdout).stderr(stderr).spawn()?;
        let begun = Instant::now();
        while begun.elapsed() < TIME_LIMIT {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            sleep(Duration::from_millis(20));
        }
        child.kill()?;
        child.wait()?;
        Ok(None)
    }
}

fn build(kernels: &Path, out: &Path, sanitize: bool) -> Result<(), String> {
    // Objects of unchanged files exist already, so concurrent attempts do not conflict.
    let stand_ins = StandIns { kernels, objects: object_dir(), sanitize };
    stand_ins.build(out).map(|_| ()).map_err(|problem| problem.to_string())
}

/// Copies the kernels, with one file changed.
fn write_kernels(folder: &Path, mutant: &Mutant) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(kernel_dir())? {
        let entry = entry?;
        fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    fs::write(folder.join(&mutant.file), &mutant.source)
}

/// How a test failed, according to its output: the sanitizer's report, or the first message. None if
/// there is no message, or if the test failed before it opened the device.
fn failure(output: &str) -> Option<String> {
    let (_, output) = output.split_once(": Emulated CUDA device")?;
    for (mark, name) in
        [("ERROR: AddressSanitizer: ", "Address"), ("runtime error: ", "UndefinedBehavior")]
    {
        if let Some((_, report)) = output.split_once(mark) {
            let report = report.lines().next()?.split(" on address").next()?;
            return Some(format!("{name}Sanitizer: {report}"));
        }
    }
    let (_, said) = output.split_once("\ntest panicked: ")?;
    // The first line of a list is its heading.
    let first = said.lines().find(|line| !line.ends_with(':'))?;
    Some(first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::failure;

    #[test]
    fn the_first_message_is_returned() {
        let device = "emulated CUDA: Emulated CUDA device (cuda:0)\n";
        let of = |text: &str| failure(&format!("{device}{text}"));
        assert_eq!(of("\ntest panicked: copy:\nCopy: y: 3 is 4\nmore").unwrap(), "Copy: y: 3 is 4");
        assert_eq!(of("\ntest panicked: it went wrong\n").unwrap(), "it went wrong");
        let report = "==7==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x7\n#0";
        assert_eq!(of(report).unwrap(), "AddressSanitizer: heap-buffer-overflow");
        let report = "a.cu:7:9: runtime error: index 4 out of bounds for type 'float [4]'\n";
        assert_eq!(
            of(report).unwrap(),
            "UndefinedBehaviorSanitizer: index 4 out of bounds for type 'float [4]'"
        );
    }

    #[test]
    fn failures_before_the_device_is_open_do_not_count() {
        assert_eq!(failure("test panicked: no such library"), None);
        assert_eq!(failure("ASan runtime does not come first"), None);
    }
}
