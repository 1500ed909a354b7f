//! `gan-cuda man`.

use std::fs;
use std::iter::once;
use std::path::{Path, PathBuf};

use crate::cli::display::print_text;
use crate::cli::error::Result;
use crate::file_error::FileError;
use crate::formats::files::write_atomic;
use clap::{Command, CommandFactory, ValueHint};
use clap_mangen::Man;

const SOURCE: &str = concat!("gan-cuda ", env!("CARGO_PKG_VERSION"));

/// Flags of `man`.
#[derive(clap::Args)]
#[command(after_help = "To read the page: gan-cuda man | man -l -")]
pub struct Args {
    /// Write the pages of the program and of each command to this folder instead: gan-cuda.1,
    /// gan-cuda-train.1, …
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
}

/// Prints the page, or writes all pages.
pub fn run(args: &Args) -> Result<()> {
    let mut program = super::Cli::command().disable_help_subcommand(true);
    // Sets the full names of the subcommands.
    program.build();
    match &args.out {
        None => print_text(String::from_utf8_lossy(&page(&program)?.1).trim_end()),
        Some(folder) => write_all(&program, folder)?,
    }
    Ok(())
}

fn write_all(program: &Command, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(FileError::at("create", folder))?;
    for command in once(program).chain(program.get_subcommands()) {
        let (name, text) = page(command)?;
        write_atomic(&folder.join(name), &text)?;
    }
    Ok(())
}

/// The file name and the text of a page.
fn page(command: &Command) -> Result<(String, Vec<u8>)> {
    let page = Man::new(command.clone());
    let title = page.get_filename().trim_end_matches(".1").to_uppercase();
    // The date is unknown. An empty argument needs quotes, or roff takes the next argument for it.
    let page = page.title(title).date("\"\"").source(SOURCE).manual("User Commands");
    let (name, mut text) = (page.get_filename(), Vec::new());
    page.render(&mut text).map_err(FileError::at("write", Path::new(&name)))?;
    Ok((name, text))
}
