//! `gan-cuda export`.

mod arrays;
mod flags;

use std::path::{Path, PathBuf};

use crate::export::{Generator, pytorch};
use crate::file_error::FileError;
use crate::formats::files::{check_writable, write_atomic};
use crate::run::checkpoint::Checkpoint;
use crate::run::config::Config;
use crate::run::snapshot;
use crate::text;
use serde::Serialize;

use super::json::print_json;
use crate::cli::error::Result;
use arrays::Arrays;
pub use flags::Args;
use flags::FileArgs;

/// A checkpoint and the configuration of its run.
struct Source {
    folder: PathBuf,
    checkpoint: Checkpoint,
    config: Config,
}

/// The output of `--json`.
#[derive(Serialize)]
struct Report {
    checkpoint: String,
    preset: String,
    iteration: u32,
    files: Vec<Written>,
}

/// A file that was written.
#[derive(Serialize)]
struct Written {
    kind: &'static str,
    path: String,
    bytes: usize,
}

/// Exports. Nothing is written before everything has been checked.
pub fn run(args: &Args) -> Result<()> {
    args.files.check()?;
    let (folder, checkpoint) = args.checkpoint.load()?;
    let config = snapshot::config(&checkpoint)?;
    let source = Source { folder, checkpoint, config };
    let arrays = Arrays::new(args, &source.config)?;
    let mut weights = weights(&args.files, &Generator::of(&source.checkpoint, &source.config)?)?;
    weights.extend(script(args, &source)?);
    let verbose = !args.quiet && !args.json;
    if verbose {
        print_line!("gan-cuda {}, preset {}", env!("CARGO_PKG_VERSION"), source.config.preset);
        print_line!("from      {}", source.folder.display());
        args.checkpoint.print_weights(&source.checkpoint);
    }
    let mut files = match arrays {
        Some((arrays, device)) => arrays.write(device, &source, verbose)?,
        None => Vec::new(),
    };
    for (kind, path, bytes) in weights {
        files.push(write(kind, path, &bytes)?);
    }
    if verbose {
        files
            .iter()
            .for_each(|file| print_line!("wrote     {}, {}", file.path, text::bytes(file.bytes)));
    }
    if args.json {
        print_json(&report(&source, files)?)?;
    }
    Ok(())
}

/// The requested files of weights: format, path, bytes.
fn weights<'a>(
    files: &'a FileArgs,
    generator: &Generator,
) -> Result<Vec<(&'static str, &'a Path, Vec<u8>)>> {
    let mut weights = Vec::new();
    if let Some(path) = &files.onnx {
        check_writable(path)?;
        weights.push(("onnx", path.as_path(), generator.to_onnx()?));
    }
    if let Some(path) = &files.html {
        check_writable(path)?;
        weights.push(("html", path, generator.to_html()?.into_bytes()));
    }
    if let Some(path) = &files.safetensors {
        check_writable(path)?;
        weights.push(("safetensors", path, generator.to_safetensors(path)?));
    }
    Ok(weights)
}

/// The script for PyTorch, if it is requested: format, path, bytes. It finds the weights wherever it
/// runs.
fn script<'a>(
    args: &'a Args,
    source: &Source,
) -> Result<Option<(&'static str, &'a Path, Vec<u8>)>> {
    let Some(path) = &args.files.pytorch else { return Ok(None) };
    check_writable(path)?;
    let names = [source.checkpoint.sampled_name(), "discriminator.safetensors"];
    let [generator, discriminator] = names.map(|name| source.folder.join(name));
    let generator = args.checkpoint.generator().map_or(generator, Path::to_owned);
    let absolute = |path: &Path| std::path::absolute(path).map_err(FileError::at("find", path));
    let weights = [absolute(&generator)?, absolute(&discriminator)?];
    let script = pytorch::script(&source.checkpoint, &source.config, &weights)?;
    Ok(Some(("pytorch", path, script.into_bytes())))
}

fn write(kind: &'static str, path: &Path, bytes: &[u8]) -> Result<Written> {
    write_atomic(path, bytes)?;
    Ok(Written { kind, path: path.display().to_string(), bytes: bytes.len() })
}

fn report(source: &Source, files: Vec<Written>) -> Result<Report> {
    Ok(Report {
        checkpoint: source.folder.display().to_string(),
        preset: source.config.preset.clone(),
        iteration: snapshot::iteration(&source.checkpoint)?,
        files,
    })
}
