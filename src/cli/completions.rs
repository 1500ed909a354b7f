//! `gan-cuda completions`.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::cli::display::print_text;
use crate::cli::error::Result;

/// Flags of `completions`.
#[derive(clap::Args)]
#[command(after_help = "\
bash:  source <(gan-cuda completions bash), in ~/.bashrc
zsh:   gan-cuda completions zsh > FOLDER/_gan-cuda, a FOLDER of $fpath
fish:  gan-cuda completions fish > ~/.config/fish/completions/gan-cuda.fish")]
pub struct Args {
    /// Shell to complete in
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &Args) -> Result<()> {
    let mut script = Vec::new();
    let mut command = super::Cli::command();
    let name = command.get_name().to_owned();
    generate(args.shell, &mut command, name, &mut script);
    // In bash's script two spellings of a name with a hyphen miss each other, and nothing behind a
    // command is completed: https://github.com/clap-rs/clap/issues/6421
    let script = String::from_utf8_lossy(&script).replace("gan__subcmd__cuda", "gan__cuda");
    print_text(script.trim_end());
    Ok(())
}
