//! `gan-cuda completions`.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::cli::display::print_text;
use crate::cli::error::Result;

/// Flags of `completions`.
#[derive(clap::Args)]
#[command(after_help = "\
bash:  add to ~/.bashrc: source <(gan-cuda completions bash)
zsh:   gan-cuda completions zsh > DIR/_gan-cuda, where DIR is in $fpath
fish:  gan-cuda completions fish > ~/.config/fish/completions/gan-cuda.fish")]
pub struct Args {
    /// Shell to generate the script for
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &Args) -> Result<()> {
    let mut script = Vec::new();
    let mut command = super::Cli::command();
    let name = command.get_name().to_owned();
    generate(args.shell, &mut command, name, &mut script);
    // The bash script spells a name with a hyphen in two ways that do not match, so nothing after a
    // subcommand would be completed: https://github.com/clap-rs/clap/issues/6421
    let script = String::from_utf8_lossy(&script).replace("gan__subcmd__cuda", "gan__cuda");
    print_text(script.trim_end());
    Ok(())
}
