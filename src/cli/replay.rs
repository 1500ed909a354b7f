//! `gan-cuda replay`.

use std::path::PathBuf;
use std::time::Duration;

use super::extension::has_extension;
use super::value_parsers::within;
use crate::cli::error::{Result, refuse};
use crate::formats::files::{check_writable, write_atomic};
use crate::picture::replay::replay;
use crate::ranges;
use crate::run::dir::RunDir;
use crate::text::bytes;

/// Flags of `replay`.
#[derive(clap::Args)]
pub struct Args {
    /// Run folder [default: the newest run]
    #[arg(value_name = "RUN")]
    run: Option<PathBuf>,
    /// Folder with the runs, used if no RUN is given
    #[arg(long, value_name = "DIR", default_value = "runs", conflicts_with = "run")]
    runs_dir: PathBuf,
    /// GIF file to write; an existing file is replaced [default: progress.gif in the run folder]
    #[arg(long, value_name = "FILE.gif")]
    out: Option<PathBuf>,
    /// Frames per second; the last frame is shown for two seconds
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = within::<u32, _>(ranges::FRAMES_PER_SECOND))]
    fps: u32,
    /// Maximum number of frames; if there are more sample grids, evenly spaced ones are used
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = within::<usize, _>(ranges::FRAMES))]
    max_frames: usize,
    /// Print errors only
    #[arg(short, long)]
    quiet: bool,
}

/// Makes the animation.
pub fn run(args: &Args) -> Result<()> {
    let run = match &args.run {
        Some(path) => RunDir::open(path)?.0,
        None => RunDir::newest(&args.runs_dir)?,
    };
    let out = args.out.clone().unwrap_or_else(|| run.progress());
    if !has_extension(&out, "gif") {
        return refuse("--out", format!("{} is not a GIF: use the extension .gif", out.display()));
    }
    check_writable(&out)?;
    let shown = Duration::from_secs(1) / args.fps;
    let (gif, frames) = replay(&run.sample_files()?, &out, shown, args.max_frames)?;
    write_atomic(&out, &gif)?;
    if !args.quiet {
        print_line!("wrote     {}, {frames} frames, {}", out.display(), bytes(gif.len()));
    }
    Ok(())
}
