//! Repeated flags, and aliases for the flags of other programs.

use super::flags::{Row, assert_set, typed};
use super::help::commands;
use super::scratch::{RUN, Scratch, has};

const DRY: &str = "--data-dir digits --g-hidden 8 --d-hidden 8 --dry-run";

/// The configuration of a dry run.
fn dry(scratch: &Scratch, flags: &str) -> toml::Value {
    let out = scratch.run(&format!("train {flags}")).succeeds();
    toml::Value::Table(toml::from_str(&out).unwrap())
}

#[test]
fn last_occurrence_of_a_flag_wins() {
    let scratch = Scratch::with_digits();
    let flags = [
        ("--epochs 3 --epochs 5", "epochs", "5"),
        ("--lr 0.1 --lr 0.0123", "gan.lr", "0.0123"),
        ("--batch-size 5 --batch_size 7", "gan.batch_size", "7"),
        ("--tensorboard --no-tensorboard --no-tensorboard", "tensorboard", "false"),
    ];
    assert_set(&dry(&scratch, &format!("{DRY} {}", typed(&flags))), &flags);
    let layers = "--g-hidden 12,11,10 --g-hidden 9,8 --d-hidden 7 --d-hidden 6";
    let config = dry(&scratch, &format!("{DRY} --no-tensorboard --tensorboard {layers}"));
    let list = |network: &str| config["gan"][network]["sequences"][0]["layers"].to_string();
    assert!(config.get("tensorboard").is_none_or(|on| on.as_bool() == Some(true)), "{config}");
    has(&list("generator"), &["Linear(110, 9)", "Linear(9, 8)", "Linear(8, 784)"]);
    has(&list("discriminator"), &["Linear(794, 6)", "Linear(6, 1)"]);
}

#[test]
fn every_flag_may_be_given_twice() {
    let scratch = Scratch::new();
    for command in commands() {
        for flag in scratch.flags(command) {
            for words in [format!("{flag} {flag}"), format!("{flag}=1 {flag}=1")] {
                // The last flag is unknown, so the command always fails.
                let answer = scratch.run(&format!("{command} {words} --no-such-flag"));
                assert!(!answer.err.contains("multiple times"), "{answer:#?}");
            }
        }
    }
    scratch.run("train -q -v").fails(2, &["--quiet", "--verbose"]);
}

#[test]
fn underscores_are_accepted_for_hyphens_in_every_flag() {
    let scratch = Scratch::new();
    for command in commands() {
        for flag in scratch.flags(command).iter().filter(|flag| flag[2..].contains('-')) {
            let spelt = format!("--{}", flag[2..].replace('-', "_"));
            for word in [spelt.clone(), format!("{spelt}=1")] {
                let answer = scratch.run(&format!("{command} {word} --no-such-flag"));
                assert!(!answer.err.contains(&spelt), "{answer:#?}");
            }
        }
    }
    scratch.run("train --no_such_flag").fails(2, &["'--no_such_flag'"]);
}

#[test]
fn command_line_of_pytorch_gan_is_accepted() {
    let scratch = Scratch::with_digits();
    let flags: [Row; 11] = [
        ("--n_epochs 5", "epochs", "5"),
        ("--batch_size 13", "gan.batch_size", "13"),
        ("--lr 0.001", "gan.lr", "0.001"),
        ("--b1 0.4", "gan.b1", "0.4"),
        ("--b2 0.99", "gan.b2", "0.99"),
        ("--n_cpu 2", "threads", "2"),
        ("--latent_dim 11", "gan.latent_dim", "11"),
        ("--img_size 10", "gan.image.height", "10"),
        ("--channels 1", "gan.image.channels", "1"),
        ("--sample_interval 7", "sample_interval", "7"),
        ("--n_critic 3", "gan.n_critic", "3"),
    ];
    let line = format!("{} --n_classes 10", typed(&flags));
    assert_set(&dry(&scratch, &format!("{DRY} {line}")), &flags);
    let run = "--data-dir digits --iterations 1 --g-hidden 8 --d-hidden 8";
    scratch.run(&format!("train {run} {line}")).succeeds();
    assert_set(&scratch.config(RUN), &flags);
    // Flags that would have no effect are not accepted.
    scratch.run("train --clip_value 5").fails(2, &["--clip_value"]);
}

#[test]
fn n_classes_must_match_the_data_set() {
    let scratch = Scratch::with_digits();
    let words = ["--n-classes is 7", "the data set has 10", "omit it"];
    scratch.run(&format!("train {DRY} --n_classes 7")).fails(2, &words);
    let words = ["--n-classes", "mlp has no classes", "omit it"];
    scratch.run(&format!("train {DRY} --preset mlp --n_classes 10")).fails(2, &words);
    scratch.train("--iterations 1").succeeds();
    scratch.run("train --resume --iterations 2 --n_classes 10").succeeds();
    let resume = "train --resume --iterations 3 --n_classes 9";
    scratch.run(resume).fails(2, &["--n-classes is 9", "has 10"]);
}

#[test]
fn command_line_of_pytorchs_dcgan_example_is_accepted() {
    let scratch = Scratch::with_digits();
    let flags: [Row; 7] = [
        ("--batchSize 16", "gan.batch_size", "16"),
        ("--imageSize 32", "gan.image.height", "32"),
        ("--nz 50", "gan.latent_dim", "50"),
        ("--niter 3", "epochs", "3"),
        ("--beta1 0.4", "gan.b1", "0.4"),
        ("--manualSeed=9", "seed", "9"),
        ("--ngpu 1 --outf out", "dataset", "\"mnist\""),
    ];
    let line = format!("--preset dcgan-rgb --dry-run {}", typed(&flags));
    let mnist = format!("{line} --dataset mnist --dataroot digits");
    assert_set(&dry(&scratch, &mnist), &flags);
    let [_, cpu] = ["", "--ngpu 0"].map(|more| dry(&scratch, &format!("{mnist} {more}")));
    assert_eq!(cpu["device"].as_str(), Some("cpu"));
    let photos = super::folder::scene();
    for folder in [
        "--dataroot photos",
        "--dataset folder --dataroot=photos/",
        "--dataset=folder --dataroot photos --workers 0",
        "--dataroot . --workers 2 --dataroot photos --dataset=folder",
        "--dataset photos",
    ] {
        let config = dry(&photos, &format!("{line} {folder}"));
        assert!(config["dataset"].as_str().unwrap().ends_with("/photos"), "{folder}: {config}");
    }
    let cuda = "train --data-dir digits --iterations 1";
    scratch.run(&format!("{cuda} --cuda")).fails(1, &["no NVIDIA driver"]);
    for (flags, words) in [
        ("--ngpu 2", &["--ngpu", "one GPU"][..]),
        ("--ngf 32", &["--ngf", "--g-hidden 256,128,64,32"]),
        ("--ndf 64", &["--ndf", "--d-hidden 64,128,256,512"]),
        ("--netG=netG.pth", &["cannot read", "netG.pth"]),
        ("--netD weights.safetensors", &["cannot read", "weights.safetensors"]),
        ("--batchsize 3", &["--batchsize", "--batch-size"]),
    ] {
        let answer = scratch.run(&format!("{cuda} {flags}"));
        let output = answer.err.clone();
        assert!(words.iter().all(|word| output.contains(word)), "no {words:?} in {output}");
    }
}
