//! Commands that read a run or a checkpoint, if it is missing or damaged.

use std::fs;

use super::forge::forge;
use super::scratch::{RUN, Scratch};

const COMMANDS: [&str; 4] =
    ["train --iterations 9 --resume", "sample", "evaluate", "export --onnx a.onnx"];

#[test]
fn path_without_a_checkpoint_is_named() {
    let scratch = Scratch::with_run("--iterations 1");
    let file = format!("{RUN}/checkpoint-000001/generator.safetensors");
    for command in COMMANDS {
        Scratch::new().run(command).fails(1, &["no runs in runs"]);
        for (path, words) in [
            ("nowhere", ["no such run or checkpoint", "nowhere"]),
            (
                "digits",
                ["digits is not a run folder: it has no config.toml", "a checkpoint folder"],
            ),
            (&file, ["generator.safetensors is not", "a file"]),
        ] {
            scratch.run(&format!("{command} {path}")).fails(1, &words);
        }
    }
    fs::remove_dir_all(scratch.path(RUN).join("checkpoint-000001")).unwrap();
    let before = scratch.names(".");
    for command in COMMANDS {
        scratch.run(command).fails(1, &["no complete checkpoint", RUN]);
    }
    assert_eq!(scratch.names("."), before);
}

#[test]
fn damaged_checkpoint_is_named_with_the_older_ones() {
    let scratch = Scratch::with_run("--iterations 4 --checkpoint-interval 3");
    let newest = format!("{RUN}/checkpoint-000004");
    for name in ["generator", "discriminator", "state"] {
        let file = format!("{newest}/{name}.safetensors");
        let good = scratch.bytes(&file);
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        let words = [&*format!("{name}.safetensors is damaged"), "checkpoint-000003"];
        for bad in [Some(&flipped[..]), Some(&good[..good.len() - 1]), Some(&[]), None] {
            fs::remove_file(scratch.path(&file)).unwrap();
            bad.iter().for_each(|bad| scratch.put(&file, bad));
            let before = scratch.files(".");
            for command in COMMANDS {
                scratch.run(command).fails(1, &words);
            }
            scratch.run(&format!("graph {newest}")).fails(1, &words);
            scratch.run("train --resume --iterations 9 --dry-run").fails(1, &words);
            assert!(scratch.files(".") == before, "something was touched");
            scratch.put(&file, &good);
        }
    }
    scratch.put(&format!("{newest}/generator.safetensors"), "x");
    scratch.run(&format!("train --resume {RUN}/checkpoint-000003 --force")).succeeds();
    for command in COMMANDS {
        scratch.run(command).succeeds();
    }
}

#[test]
fn checkpoint_of_another_format_or_configuration_is_named_with_the_difference() {
    for (from, to, words) in [
        ("\"format_version\":\"3\"", "\"format_version\":\"1\"", ["format \"1\"", "version"]),
        ("preset = \\\"cgan", "preset = \\\"bgan", ["preset", "cgan, not bgan"]),
        ("latent_dim = 100", "latent_dim = 200", ["generator layer 0", "follows 210 features"]),
        ("latent_dim = 100", "latent_dim = 0  ", ["gan.latent_dim is 0", "1 to 1,000,000"]),
        ("latent_dim = 100", "latent_dim = -10", ["state.safetensors", ""]),
        ("batch_size = 16", "batch_size = 0 ", ["gan.batch_size is 0", "1 to 1,000,000"]),
        ("channels = 1", "channels = 2", ["state.safetensors", "channels"]),
        ("classes = 10", "classes = 11", ["generator layer 0", "follows 111 features"]),
        ("seed = 0", "sead = 0", ["state.safetensors", "sead"]),
    ] {
        let scratch = Scratch::with_run("--iterations 1");
        let checkpoint = format!("{RUN}/checkpoint-000001");
        forge(&scratch.path(&checkpoint).join("state.safetensors"), from, to);
        scratch.run("sample").fails(1, &[words[0], words[1], &checkpoint]);
    }
}
