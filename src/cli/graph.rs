//! `gan-cuda graph`.

use std::path::{Path, PathBuf};

use super::display::print_lines;
use super::extension::has_extension;
use super::sizes::SizeArgs;
use crate::cli::error::{Error, Result, refuse};
use crate::formats::files::write_atomic;
use crate::gan::{Model, preset};
use crate::picture::diagram::{Diagram, dot, svg};
use crate::run::checkpoint::Checkpoint;
use crate::run::config::Config;
use crate::run::dir::RunDir;
use crate::run::snapshot;

/// Flags of `graph`.
#[derive(clap::Args)]
pub struct Args {
    /// Preset, TOML file, run folder or checkpoint folder to draw; the name of a preset takes
    /// precedence over a path
    #[arg(value_name = "PRESET|PATH", default_value = "cgan")]
    what: String,
    /// File to write: .svg, or .dot for Graphviz [default: print DOT to standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    sizes: SizeArgs,
}

/// Draws the diagram.
pub fn run(args: &Args) -> Result<()> {
    let write = writer(args.out.as_deref())?;
    let (title, model) = args.subject()?;
    let text = write(&Diagram::new(title, &model));
    let Some(out) = &args.out else {
        print_lines(&text);
        return Ok(());
    };
    write_atomic(out, text.as_bytes())?;
    print_line!("wrote {}", out.display());
    Ok(())
}

/// The function that renders the format of this file's extension.
fn writer(out: Option<&Path>) -> Result<fn(&Diagram) -> String> {
    let Some(path) = out else { return Ok(dot::write) };
    match () {
        () if has_extension(path, "svg") => Ok(svg::write),
        () if has_extension(path, "dot") => Ok(dot::write),
        () => refuse(
            "--out",
            format!(
                "{} is neither SVG nor DOT: use the extension .svg or .dot (`dot -Tpdf` converts \
                 DOT to PDF)",
                path.display()
            ),
        ),
    }
}

impl Args {
    /// The title and the model to draw.
    fn subject(&self) -> Result<(String, Model)> {
        if let Some(preset) = preset::find(&self.what) {
            let title = format!("{}: {}", preset.name, preset.summary);
            return Ok((title, self.sizes.model(preset)?));
        }
        let path = Path::new(&self.what);
        if !path.exists() {
            return Err(Error::NothingToDraw { name: self.what.clone() });
        }
        self.sizes.expect_none(&self.what)?;
        let config = config(path)?;
        Ok((config.title(), config.model()?))
    }
}

/// The configuration of a file, a checkpoint or a run, which may have no checkpoint yet.
fn config(path: &Path) -> Result<Config> {
    if path.is_file() {
        return Ok(Config::read(path)?);
    }
    let checkpoint = match Checkpoint::is_at(path) {
        true => path.to_owned(),
        false => match RunDir::open(path)? {
            (run, Some(iteration)) => run.checkpoint(iteration),
            (run, None) => return Ok(Config::read(&run.config())?),
        },
    };
    Ok(snapshot::config(&Checkpoint::load(&checkpoint)?)?)
}
