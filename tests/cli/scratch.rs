//! Runs the real program in a scratch folder.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Output, Stdio};

use gan_cuda::data::{Dataset, ImageShape};
use gan_cuda::formats::stats::read_stats;
use tempfile::TempDir;

pub use super::idx::idx;

/// Flags for a fast run on the 40 images of [`Scratch::with_digits`]: the batch size is 16, an
/// epoch has three iterations.
pub const TINY: &str = "--data-dir digits --g-hidden 12,12 --d-hidden 12,12 --batch-size 16 \
                        --threads 1";

/// The default names of the first two runs of a folder.
pub const RUN: &str = "runs/00000-cgan-mnist";
pub const SECOND: &str = "runs/00001-cgan-mnist";

/// A folder to run the program in.
pub struct Scratch {
    folder: TempDir,
}

/// Exit code and output of a command.
#[derive(Debug)]
pub struct Answer {
    /// For messages of failed assertions.
    #[allow(dead_code)]
    command: String,
    code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// The program under test: `GAN_CUDA_BIN`, for tests copied to another machine, or cargo's build.
pub fn program() -> PathBuf {
    let built = || env!("CARGO_BIN_EXE_gan-cuda").into();
    // Absolute, since it runs in another folder.
    absolute(std::env::var_os("GAN_CUDA_BIN").unwrap_or_else(built)).unwrap()
}

impl Scratch {
    /// An empty folder.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder with 40 images in `digits`.
    pub fn with_digits() -> Self {
        let scratch = Self::new();
        let shape = ImageShape { channels: 1, height: 28, width: 28 };
        let data = Dataset::synthetic(shape, 40, 0);
        fs::create_dir(scratch.path("digits")).unwrap();
        let labels: Vec<u8> = data.labels.iter().map(|&label| label as u8).collect();
        fs::write(scratch.images(), idx(&[40, 28, 28], &data.images)).unwrap();
        fs::write(scratch.path("digits/train-labels-idx1-ubyte"), idx(&[40], &labels)).unwrap();
        scratch
    }

    /// The same with a finished run.
    pub fn with_run(flags: &str) -> Self {
        let scratch = Self::with_digits();
        scratch.train(flags).succeeds();
        scratch
    }

    /// The image file in `digits`.
    pub fn images(&self) -> PathBuf {
        self.path("digits/train-images-idx3-ubyte")
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The bytes of a file.
    #[track_caller]
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The text of a file.
    #[track_caller]
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    /// Writes a file.
    #[track_caller]
    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Runs `gan-cuda` without CUDA, with arguments that contain no spaces.
    pub fn run(&self, arguments: &str) -> Answer {
        answer(&mut self.command(arguments))
    }

    /// Runs `gan-cuda` with arguments that may contain spaces.
    pub fn run_words(&self, arguments: &[String]) -> Answer {
        answer(self.prepared(program()).args(arguments))
    }

    /// Runs `gan-cuda` with additional environment variables.
    pub fn run_with(&self, arguments: &str, variables: &[(&str, &Path)]) -> Answer {
        answer(self.command(arguments).envs(variables.iter().copied()))
    }

    /// Runs `gan-cuda` as the last arguments of another program.
    pub fn run_under(&self, wrapper: &[&str], arguments: &str) -> Answer {
        let inner = self.command(arguments);
        let mut command = self.prepared(wrapper[0]);
        command.args(&wrapper[1..]).arg(inner.get_program()).args(inner.get_args());
        answer(&mut command)
    }

    /// `gan-cuda` without CUDA, not started yet.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = self.prepared(program());
        command.args(arguments.split_whitespace());
        command
    }

    /// A program isolated from this machine, except for other programs: no data sets, libraries or
    /// settings, and no environment variables of the test process.
    pub fn prepared(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.path("home"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("XDG_DATA_DIRS", self.path("share"))
            .env("GAN_CUDA_LIB_DIR", self.path("no-libraries"))
            .stdin(Stdio::null());
        restore_signals(&mut command);
        command
    }

    /// Runs `gan-cuda train` with [`TINY`] and these arguments.
    pub fn train(&self, arguments: &str) -> Answer {
        self.run(&format!("train {TINY} {arguments}"))
    }

    /// The screen of a terminal in which `gan-cuda` ran, large enough that nothing scrolls.
    /// `None`, with a printed note, if there is no `script` to create a terminal.
    #[cfg(target_os = "linux")]
    pub fn screen(&self, arguments: &str, variables: &[(&str, &str)]) -> Option<Vec<String>> {
        let [rows, columns] = [1000, 250].map(|extent| NonZeroU16::new(extent).unwrap());
        let program = program();
        let job = format!("stty rows {rows} cols {columns} && {} {arguments}", program.display());
        let mut command = self.prepared("script");
        command.args(["-qec", &job, "/dev/null"]).env("TERM", "xterm");
        command.envs(variables.iter().copied());
        let output = match command.output() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: no script, of util-linux, to make a terminal");
                return None;
            }
            output => output.unwrap(),
        };
        assert!(output.status.success(), "{output:?}");
        let mut terminal = vt100::Parser::new(rows, columns, 0);
        terminal.process(&output.stdout);
        let lines = terminal.screen().rows(0, columns.get()).filter(|line| !line.is_empty());
        Some(lines.collect())
    }

    /// The flags of a command, as its help lists them: `--preset`.
    pub fn flags(&self, command: &str) -> Vec<String> {
        let help = self.run(&format!("{command} --help")).succeeds();
        // Lines of text are indented by more than six spaces.
        let lines = help.lines().filter(|line| line.trim_start_matches(' ').starts_with('-'));
        let lines = lines.filter(|line| line.find('-') <= Some(6));
        let flag = |line: &str| {
            let word = line.split_whitespace().find(|word| word.starts_with("--"));
            word.unwrap().to_owned()
        };
        lines.map(flag).filter(|flag| !["--help", "--version"].contains(&flag.as_str())).collect()
    }

    /// All files below `folder` with their bytes, except event files, which contain times in their
    /// names and records.
    pub fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.path(folder);
        let mut files = BTreeMap::new();
        collect(&root, &root, &mut files);
        files.retain(|name, _| !name.contains("tfevents"));
        files
    }

    /// The names of all files below `folder`.
    pub fn names(&self, folder: &str) -> Vec<String> {
        self.files(folder).into_keys().collect()
    }

    /// A run's `config.toml`.
    pub fn config(&self, run: &str) -> toml::Value {
        toml::Value::Table(toml::from_str(&self.text(&format!("{run}/config.toml"))).unwrap())
    }

    /// The iterations with losses in a run's `stats.jsonl`.
    pub fn logged(&self, run: &str) -> Vec<u64> {
        let records = read_stats(&self.path(run).join("stats.jsonl")).unwrap();
        records.losses.iter().map(|record| record.iteration).collect()
    }

    /// A run's checkpoints.
    pub fn checkpoints(&self, run: &str) -> Vec<String> {
        let names = self.names(run);
        let states = names.iter().filter_map(|name| name.strip_suffix("/state.safetensors"));
        states.map(str::to_owned).collect()
    }
}

/// Restores the default action of all signals: under `nohup` or in the background of a script,
/// tests and their child processes inherit ignored signals.
#[cfg(unix)]
#[allow(unsafe_code)]
fn restore_signals(command: &mut Command) {
    use std::os::unix::process::CommandExt;

    let restore = || {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1, libc::SIGXCPU] {
            // SAFETY: this sets the default action of a signal and runs no handler.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: only `signal`, which is async-signal-safe, is called between fork and exec.
    unsafe { command.pre_exec(restore) };
}

#[cfg(not(unix))]
fn restore_signals(_: &mut Command) {}

fn answer(command: &mut Command) -> Answer {
    let output = command.output().unwrap();
    Answer::of(format!("{command:?}"), output)
}

impl Answer {
    /// The answer of a command that has ended.
    pub fn of(command: String, output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (code, out, err) = (output.status.code(), text(output.stdout), text(output.stderr));
        Self { command, code, out, err }
    }

    /// The exit code, if no signal ended the command.
    pub fn code(&self) -> Option<i32> {
        self.code
    }

    /// Asserts that the command succeeded without warnings; returns standard output.
    #[track_caller]
    pub fn succeeds(self) -> String {
        self.ends_with(0)
    }

    /// Asserts also that standard output contains all of these words.
    #[track_caller]
    pub fn prints(self, words: &[&str]) -> String {
        let out = self.succeeds();
        has(&out, words);
        out
    }

    /// Asserts the exit code and that standard error is empty; returns standard output.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert_eq!(self.err, "", "{self:#?}");
        self.out
    }

    /// Asserts that the command succeeded; returns standard error.
    #[track_caller]
    pub fn warns(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.err
    }

    /// Asserts that the command failed with this code and these words; returns standard error.
    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) -> String {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(words.iter().all(|word| self.err.contains(word)), "no {words:?} in {self:#?}");
        assert!(!self.err.contains("panicked"), "{self:#?}");
        assert!(self.err.starts_with("error: "), "{self:#?}");
        self.err
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, fs::read(&path).unwrap());
        }
    }
}

/// Asserts that a text is the one recorded in `snapshots/` under this name.
#[track_caller]
pub fn assert_snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Asserts that a text contains all of these words.
#[track_caller]
pub fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word:?} in:\n{text}");
    }
}

/// Parses a progress line: epoch, epochs, batch and batches; `None` if the format differs.
pub fn progress(line: &str) -> Option<[u32; 4]> {
    const LIKE: &str =
        "[Epoch 1/2] [Batch 3/3] [D loss: 0.2388] [G loss: 0.2776] [D(x): 0.61] [D(G(z)): 0.42]";
    let shape = |line: &str| line.replace(|c: char| c.is_ascii_digit(), "0");
    let numbers = line.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok());
    (shape(line) == shape(LIKE)).then(|| numbers.take(4).collect::<Vec<_>>().try_into().unwrap())
}
