//! Flags as other programs spell them: with underscores, as PyTorch-GAN's scripts do, or by the names
//! of PyTorch's DCGAN example. Where one means the same here, it is understood, so that whoever comes
//! from there can paste a command line; where it does not, the answer says what to give instead.

use std::ffi::OsString;

use clap::{Arg, CommandFactory};

use super::Cli;

/// Flags of such scripts, and what they are for `train`.
const OTHERS: [(&str, &str); 14] = [
    ("--n_epochs", "--epochs"),
    ("--niter", "--epochs"),
    ("--img_size", "--image-size"),
    ("--imageSize", "--image-size"),
    ("--batchSize", "--batch-size"),
    ("--nz", "--latent-dim"),
    ("--beta1", "--b1"),
    ("--beta2", "--b2"),
    ("--n_cpu", "--threads"),
    ("--manualSeed", "--seed"),
    ("--outf", "--runs-dir"),
    ("--netG", "--init-generator"),
    ("--netD", "--init-discriminator"),
    ("--cuda", "--device=cuda"),
];

/// What `--dataset` says in PyTorch's DCGAN example where `--dataroot` is a folder of images.
const FOLDERS: [&str; 3] = ["folder", "imagenet", "lfw"];

/// The words that were typed, with the flags in this program's spelling.
pub fn ours(typed: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<_> = typed.collect();
    let program = Cli::command();
    let named = words.get(1).and_then(|name| program.find_subcommand(name));
    let Some(command) = named else { return words };
    let flags: Vec<_> = command.get_arguments().filter_map(Arg::get_long).collect();
    let trains = command.get_name() == "train";
    for word in words[2..].iter_mut().take_while(|word| *word != "--") {
        let Some((flag, value)) = word.to_str().and_then(parts) else { continue };
        let other = OTHERS.iter().find(|(other, _)| trains && *other == flag);
        let dashed = flag.replace('_', "-");
        let known = flags.iter().any(|known| dashed.strip_prefix("--") == Some(known));
        let ours = other.map(|&(_, ours)| ours).or(known.then_some(dashed.as_str()));
        if let Some(ours) = ours {
            *word = format!("{ours}{value}").into();
        }
    }
    if trains { with_dataroot(words) } else { words }
}

/// `--dataroot` is where the files of a data set are that `--dataset` names, or a folder of images.
fn with_dataroot(mut words: Vec<OsString>) -> Vec<OsString> {
    if !words.iter().any(|word| flag_of(word) == Some("--dataroot")) {
        return words;
    }
    let dataset = words.iter().rposition(|word| flag_of(word) == Some("--dataset"));
    let value = dataset.and_then(|at| {
        let (_, value) = parts(words[at].to_str()?)?;
        let next = || words.get(at + 1)?.to_str();
        value.strip_prefix('=').or_else(next).map(str::to_owned)
    });
    let is_folder = value.as_deref().is_some_and(|name| FOLDERS.contains(&name));
    let ours = match value.as_deref() {
        Some("mnist" | "fashion-mnist") => "--data-dir",
        _ => "--dataset",
    };
    if let Some(at) = dataset.filter(|_| is_folder) {
        let length = if words[at] == "--dataset" { 2 } else { 1 };
        words.drain(at..at + length);
    }
    for word in &mut words {
        let root = word.to_str().and_then(parts).filter(|(flag, _)| *flag == "--dataroot");
        if let Some((_, value)) = root {
            *word = format!("{ours}{value}").into();
        }
    }
    words
}

fn flag_of(word: &OsString) -> Option<&str> {
    word.to_str().and_then(parts).map(|(flag, _)| flag)
}

/// A flag's name, and its value with the sign before it, if it has one.
fn parts(word: &str) -> Option<(&str, &str)> {
    let name = word.strip_prefix("--")?;
    Some(word.split_at(name.find('=').map_or(word.len(), |sign| sign + 2)))
}

/// For `--ngpu`: how many GPUs.
pub fn gpus(text: &str) -> Result<usize, String> {
    match text {
        "0" => Ok(0),
        "1" => Ok(1),
        _ => Err("a run computes on one GPU, or with 0 on the CPU".to_owned()),
    }
}

/// For `--ngf` and `--ndf`, which are the width of one layer: what says those of all, as in PyTorch's
/// DCGAN example.
pub fn all_widths(
    flag: &'static str,
    times: [usize; 4],
) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync {
    move |text| {
        let one = text.parse::<u32>().map_or(64, |width| width as usize);
        let widths = times.map(|times| (times * one).to_string()).join(",");
        Err(format!("give the widths of all hidden layers, for images of 64 as {flag} {widths}"))
    }
}
