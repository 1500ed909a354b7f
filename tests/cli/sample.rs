//! `gan-cuda sample`.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use super::cuda::emulated;
use super::scratch::{Scratch, TINY};

const RUN: &str = "runs/00000-cgan-mnist";
const CHECKPOINT: &str = "runs/00000-cgan-mnist/checkpoint-000004";

/// A folder with a run of four iterations; flags as for `train`.
fn trained(flags: &str) -> Scratch {
    let scratch = Scratch::with_digits();
    scratch.train(&format!("--iterations 4 {flags}")).succeeds();
    scratch
}

/// Width, height and bytes of a picture.
#[derive(Debug, PartialEq)]
struct Pixels {
    size: (u32, u32),
    bytes: Vec<u8>,
}

fn pixels(path: &Path) -> Pixels {
    let file = BufReader::new(File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut bytes).unwrap();
    Pixels { size: (reader.info().width, reader.info().height), bytes }
}

impl Scratch {
    /// The picture that `sample` makes of the newest run.
    #[track_caller]
    fn sample(&self, flags: &str) -> Pixels {
        self.run(&format!("sample {flags} --out drawn.png")).succeeds();
        pixels(&self.path("drawn.png"))
    }

    /// The files, with their bytes, that `sample --separate` makes of the newest run.
    #[track_caller]
    fn separate(&self, flags: &str) -> Vec<(String, Vec<u8>)> {
        self.run(&format!("sample {flags} --separate apart")).succeeds();
        let files = self.files("apart").into_iter().collect();
        fs::remove_dir_all(self.path("apart")).unwrap();
        files
    }
}

/// The bytes alone.
fn images(files: Vec<(String, Vec<u8>)>) -> Vec<Vec<u8>> {
    files.into_iter().map(|(_, bytes)| bytes).collect()
}

/// The 28×28 tile at a place of a grey picture.
fn tile(picture: &Pixels, row: usize, column: usize) -> Vec<u8> {
    let width = picture.size.0 as usize;
    let line = |y: usize| (2 + 30 * row + y) * width + 2 + 30 * column;
    (0..28).flat_map(|y| picture.bytes[line(y)..line(y) + 28].to_vec()).collect()
}

#[test]
fn without_flags_the_picture_is_the_one_that_training_made() {
    for (flags, size) in [
        ("--preset cgan --seed 7", (302, 302)),
        ("--preset mlp", (242, 242)),
        ("--preset mlp-dropout", (242, 242)),
        ("--preset mlp-batchnorm --seed 1", (152, 152)),
        ("--preset mlp-rgb --dataset mnist --image-size 12", (72, 72)),
    ] {
        let scratch = trained(flags);
        scratch.run("sample").succeeds();
        let preset = flags.split(' ').nth(1).unwrap();
        let by_training = scratch.path(&format!("runs/00000-{preset}-mnist/samples/000004.png"));
        let drawn = fs::read(scratch.path("sample.png")).unwrap();
        assert!(drawn == fs::read(by_training).unwrap(), "{preset}: another picture");
        assert_eq!(pixels(&scratch.path("sample.png")).size, size);
    }
}

#[test]
fn checkpoint_alone_is_enough() {
    let scratch = trained("");
    let whole = scratch.sample("");
    for path in [RUN, CHECKPOINT, "--runs-dir runs"] {
        assert_eq!(scratch.sample(path), whole, "{path}");
    }
    fs::rename(scratch.path(CHECKPOINT), scratch.path("elsewhere")).unwrap();
    for gone in ["runs", "digits"] {
        fs::remove_dir_all(scratch.path(gone)).unwrap();
    }
    assert_eq!(scratch.sample("elsewhere"), whole);
    fs::write(scratch.path("elsewhere/notes.txt"), "mine").unwrap();
    assert_eq!(scratch.sample("./elsewhere/"), whole);
}

#[test]
fn newest_run_and_newest_checkpoint_are_taken_unless_others_are_named() {
    let scratch = trained("--checkpoint-interval 1 --keep 9");
    scratch.train("--iterations 2 --seed 5").succeeds();
    let second = scratch.path("runs/00001-cgan-mnist/samples/000002.png");
    assert_eq!(scratch.sample(""), pixels(&second));
    let first = scratch.sample(RUN);
    assert_eq!(first, scratch.sample(CHECKPOINT));
    assert_ne!(first, scratch.sample(&format!("{RUN}/checkpoint-000001")));
}

#[test]
fn what_was_done_is_said_and_quiet_says_nothing() {
    let scratch = trained("");
    let out = scratch.run("sample --seed 3 --separate faces --out all.png").succeeds();
    for words in [
        "preset cgan",
        CHECKPOINT,
        "CPU, ",
        "images    100, seed 3",
        "wrote     all.png, 302 × 302 pixels",
        "wrote     100 files in faces",
    ] {
        assert!(out.contains(words), "no {words:?} in {out}");
    }
    assert_eq!(scratch.run("sample -q").succeeds(), "");
    assert!(scratch.path("sample.png").is_file());
}

#[test]
fn seed_decides_the_images_and_is_the_runs_own_unless_given() {
    let scratch = trained("--seed 5");
    let own = scratch.sample("");
    assert_eq!(scratch.sample("--seed 5 --threads 2 --device cpu"), own);
    assert_ne!(scratch.sample("--seed 6"), own);
}

#[test]
fn labels_choose_classes_a_row_each() {
    let scratch = trained("");
    let all = images(scratch.separate(""));
    assert_eq!(images(scratch.separate("--labels 0-9")), all);
    assert_eq!(images(scratch.separate("--labels 0-1")), all[..20]);
    let named: Vec<String> =
        scratch.separate("--labels 7,3").into_iter().map(|(name, _)| name).collect();
    let label = |i: usize| if i < 10 { 7 } else { 3 };
    let expected: Vec<_> = (0..20).map(|i| format!("{i:06}-label-{}.png", label(i))).collect();
    assert_eq!(named, expected);
    let turned = scratch.sample("--labels 1,0 --seed 0");
    assert_eq!(turned.size, (302, 62));
    assert_ne!(turned, scratch.sample("--labels 0,1 --seed 0"));
}

#[test]
fn count_is_divided_among_the_labels() {
    let scratch = trained("");
    let names = |flags: &str| {
        scratch.separate(flags).into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("--count 2 --labels 4"), "000000-label-4.png 000001-label-4.png");
    assert_eq!(
        names("--count 3 --labels 7,3"),
        "000000-label-7.png 000001-label-7.png 000002-label-3.png"
    );
    let ten = names("--count 10");
    assert!((0..10).all(|i| ten.contains(&format!("{i:06}-label-{i}.png"))), "{ten}");
}

#[test]
fn picture_has_the_rows_and_columns_asked_for() {
    let scratch = trained("--preset mlp");
    for (flags, size) in [
        ("--count 1", (28, 28)),
        ("--count 3", (92, 32)),
        ("--count 20", (242, 92)),
        ("--grid 2x3", (92, 62)),
        ("--grid 2×3", (92, 62)),
        ("--grid 3X2", (62, 92)),
        ("--grid 2x3 --count 6", (92, 62)),
        ("--grid 2x3 --count 1", (92, 62)),
    ] {
        assert_eq!(scratch.sample(flags).size, size, "{flags}");
    }
    let (full, two) = (scratch.sample("--grid 2x3"), scratch.sample("--grid 2x3 --count 2"));
    assert_eq!((tile(&full, 0, 1), vec![0; 784]), (tile(&two, 0, 1), tile(&two, 0, 2)));
    assert_ne!(tile(&full, 0, 2), tile(&two, 0, 2));
}

#[test]
fn separate_files_are_the_pictures_tiles() {
    let scratch = trained("--preset mlp");
    scratch.run("sample --grid 2x3 --separate new/folder --out six.png").succeeds();
    let six = pixels(&scratch.path("six.png"));
    for i in 0..6 {
        let one = pixels(&scratch.path(&format!("new/folder/{i:06}.png")));
        assert_eq!((one.size, one.bytes), ((28, 28), tile(&six, i / 3, i % 3)), "{i}");
    }
    assert_eq!(scratch.names("new/folder").len(), 6);
    scratch.run("sample --count 2 --separate alone").succeeds();
    assert_eq!(scratch.names("alone"), ["000000.png", "000001.png"]);
    assert!(!scratch.path("sample.png").exists());
}

#[test]
fn many_images_are_drawn_a_batch_at_a_time() {
    let scratch = trained("--preset mlp");
    let many = images(scratch.separate("--count 50"));
    assert_eq!(many[..16], images(scratch.separate("--count 16")));
    assert_eq!(many.len(), 50);
}

#[test]
fn statistics_of_the_batch_change_the_images_and_nothing_else() {
    let scratch = trained("");
    let before = scratch.files("runs");
    let running = scratch.sample("--bn running");
    assert_eq!(scratch.sample(""), running);
    let batch = scratch.sample("--bn batch");
    assert_eq!(batch.size, running.size);
    assert_ne!(batch, running);
    assert_eq!(scratch.sample("--bn batch"), batch);
    assert_ne!(
        images(scratch.separate("--bn batch --count 5 --labels 0")),
        images(scratch.separate("--bn batch --count 6 --labels 0"))[..5],
        "images of one command are normalised together"
    );
    assert_eq!(scratch.sample(""), running);
    assert!(scratch.files("runs") == before, "the run folder was touched");
}

#[test]
fn interpolation_goes_from_one_seed_to_the_other_with_a_row_per_label() {
    let scratch = trained("");
    let strip = images(scratch.separate("--interpolate 3:4 --steps 5 --labels 7,2"));
    assert_eq!(strip.len(), 10);
    for (row, label) in [7, 2].into_iter().enumerate() {
        for (column, seed) in [(0, 3), (4, 4)] {
            let plain =
                images(scratch.separate(&format!("--count 1 --seed {seed} --labels {label}")));
            assert_eq!(strip[5 * row + column], plain[0], "label {label}, seed {seed}");
        }
    }
    assert_eq!(scratch.sample("--interpolate 3:4").size, (302, 302));
    let still = images(scratch.separate("--interpolate 3:3 --steps 3 --labels 0"));
    assert_eq!((&still[0], &still[1]), (&still[1], &still[2]));
}

#[test]
fn interpolation_without_classes_is_one_strip() {
    for preset in ["mlp", "mlp-batchnorm"] {
        let scratch = trained(&format!("--preset {preset}"));
        assert_eq!(scratch.sample("--interpolate 1:2 --steps 4").size, (122, 32));
        let strip = images(scratch.separate("--interpolate 1:2"));
        assert_eq!(strip.len(), 10);
        assert_eq!(strip[0], images(scratch.separate("--count 1 --seed 1"))[0]);
        assert_eq!(strip[9], images(scratch.separate("--count 1 --seed 2"))[0]);
    }
}

#[test]
fn values_out_of_range_are_refused_with_flag_value_and_range() {
    let scratch = Scratch::new();
    for (flag, value, range) in [
        ("--count", "0", "from 1 to 100,000"),
        ("--count", "100001", "from 1 to 100,000"),
        ("--count", "-1", "from 1 to 100,000"),
        ("--seed", "one", "a whole number from 0"),
        ("--labels", "9-0", "ascending"),
        ("--labels", "7,", "as 0-9 or 7,3"),
        ("--labels", "cat", "as 0-9 or 7,3"),
        ("--grid", "8", "ROWSxCOLS"),
        ("--grid", "0x8", "ROWSxCOLS"),
        ("--grid", "1000x1000", "100,000"),
        ("--bn", "frozen", "running, batch"),
        ("--interpolate", "1", "as 1:2"),
        ("--interpolate", "1:b", "as 1:2"),
        ("--interpolate=1:2 --steps", "1", "2 to 1,000"),
        ("--interpolate=1:2 --steps", "1001", "2 to 1,000"),
        ("--device", "tpu", "'auto', 'cpu', 'cuda' or 'cuda:N'"),
        ("--threads", "0", "1 to"),
    ] {
        let name = flag.split(' ').next_back().unwrap().split('=').next().unwrap();
        scratch.run(&format!("sample {flag}={value}")).fails(2, &[name, value, range]);
    }
}

#[test]
fn flags_that_exclude_each_other_are_refused() {
    let scratch = Scratch::new();
    for (flags, words) in [
        ("--interpolate 1:2 --count 3", ["--interpolate", "--count"]),
        ("--interpolate 1:2 --seed 3", ["--interpolate", "--seed"]),
        ("--interpolate 1:2 --grid 3x3", ["--interpolate", "--grid"]),
        ("--steps 3", ["--interpolate", "required"]),
        ("somewhere --runs-dir runs", ["CHECKPOINT", "--runs-dir"]),
    ] {
        scratch.run(&format!("sample {flags}")).fails(2, &words);
    }
}

#[test]
fn flags_that_the_checkpoint_cannot_honour_are_refused_by_name() {
    let scratch = trained("");
    for (flags, words) in [
        ("--labels 10", ["--labels", "no class 10", "0 to 9"]),
        ("--labels 3,5-4294967295", ["--labels", "no class 4294967295", "0 to 9"]),
        ("--count 7 --grid 2x3", ["--count", "7", "2x3"]),
        ("--bn batch --count 1", ["--bn", "2 to 4,096", "--count"]),
        ("--bn batch --count 4097", ["--bn", "2 to 4,096", "4097"]),
    ] {
        scratch.run(&format!("sample {flags}")).fails(2, &words);
    }
    assert!(!scratch.path("sample.png").exists());
    let scratch = trained("--preset mlp");
    for (flags, words) in [
        ("--labels 0", ["--labels", "mlp has no classes"]),
        ("--bn batch", ["--bn", "mlp has no BatchNorm"]),
        ("--bn running", ["--bn", "mlp has no BatchNorm"]),
    ] {
        scratch.run(&format!("sample {flags}")).fails(2, &words);
    }
}

#[test]
fn too_large_a_picture_is_refused_and_separate_files_are_not() {
    let scratch = trained("--image-size 64 --latent-dim 5 --g-hidden 3");
    scratch.run("sample --count 100000").fails(2, &["--out", "660002", "--separate"]);
    scratch.run("sample --count 100000 --separate apart --out a.png").fails(2, &["--out"]);
    assert!(!scratch.path("apart").exists() && !scratch.path("sample.png").exists());
}

#[test]
fn places_that_cannot_be_written_to_are_named_before_anything_is_drawn() {
    let scratch = trained("");
    fs::create_dir(scratch.path("folder.png")).unwrap();
    fs::write(scratch.path("file"), "").unwrap();
    for (flags, code, words) in [
        ("--out a.jpg", 2, ["--out", "a.jpg", ".png"]),
        ("--out png", 2, ["--out", "png", ".png"]),
        ("--out missing/a.png", 1, ["cannot write", "missing/a.png", "No such file"]),
        ("--out folder.png", 1, ["cannot write", "folder.png", "directory"]),
        ("--separate file", 1, ["cannot create", "file", ""]),
        ("--separate digits", 1, ["digits", "not empty", "new folder"]),
    ] {
        scratch.run(&format!("sample {flags}")).fails(code, &words);
    }
    fs::create_dir(scratch.path("empty")).unwrap();
    scratch.run("sample --count 1 --separate empty --labels 0").succeeds();
    assert_eq!(scratch.names("empty"), ["000000-label-0.png"]);
    fs::write(scratch.path("old.PNG"), "old").unwrap();
    scratch.run("sample --count 1 --out old.PNG").succeeds();
    assert_eq!(pixels(&scratch.path("old.PNG")).size, (28, 28));
    assert_eq!(scratch.names("digits").len(), 2);
}

#[test]
fn what_is_no_checkpoint_is_named() {
    let scratch = Scratch::with_digits();
    scratch.run("sample").fails(1, &["no runs in runs"]);
    scratch.run("sample nowhere").fails(1, &["no such run or checkpoint: nowhere"]);
    scratch.run("sample digits").fails(1, &["digits is not a run folder", "a checkpoint folder"]);
    scratch.train("--iterations 1").succeeds();
    let file = format!("{RUN}/checkpoint-000001/generator.safetensors");
    scratch.run(&format!("sample {file}")).fails(1, &["generator.safetensors is not", "a file"]);
    fs::remove_dir_all(scratch.path(RUN).join("checkpoint-000001")).unwrap();
    scratch.run("sample").fails(1, &["no complete checkpoint", RUN]);
    assert!(!scratch.path("sample.png").exists());
}

#[test]
fn damaged_checkpoint_is_named_with_the_older_ones() {
    let scratch = trained("--checkpoint-interval 3");
    for file in ["generator", "discriminator", "state"] {
        let path = scratch.path(CHECKPOINT).join(format!("{file}.safetensors"));
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        let words = [&*format!("{file}.safetensors is damaged"), "checkpoint-000003"];
        for bytes in [&bad[..], &good[..good.len() - 1], &[]] {
            fs::write(&path, bytes).unwrap();
            scratch.run("sample").fails(1, &words);
        }
        fs::remove_file(&path).unwrap();
        scratch.run("sample").fails(1, &words);
        fs::write(&path, good).unwrap();
    }
    scratch.run("sample").succeeds();
}

/// Replaces words of the same length in a checkpoint's state, and puts its checksum right.
fn forge(scratch: &Scratch, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let path = scratch.path(CHECKPOINT).join("state.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let find = |bytes: &[u8], text: &str| {
        bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap()
    };
    let place = find(&bytes, from);
    bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
    let key = "\"crc32_state\":\"";
    let place = find(&bytes, key) + key.len();
    bytes[place..place + 8].copy_from_slice(b"00000000");
    let sum = format!("{:08x}", crc32fast::hash(&bytes));
    bytes[place..place + 8].copy_from_slice(sum.as_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn checkpoint_of_another_format_or_configuration_is_named_with_what_differs() {
    for (from, to, words) in [
        ("\"format_version\":\"1\"", "\"format_version\":\"2\"", ["format \"2\"", "version"]),
        ("preset = \\\"cgan", "preset = \\\"bgan", ["bgan", "mlp-batchnorm"]),
        ("latent_dim = 100", "latent_dim = 200", ["latent_dim", "100, not 200"]),
        ("latent_dim = 100", "latent_dim = 0  ", ["gan.latent_dim is 0", "1 to 1,000,000"]),
        ("latent_dim = 100", "latent_dim = -10", ["state.safetensors", ""]),
        ("batch_size = 16", "batch_size = 0 ", ["gan.batch_size is 0", "1 to 1,000,000"]),
        ("channels = 1", "channels = 2", ["state.safetensors", "channels"]),
        ("classes = 10", "classes = 11", ["classes", "10, not 11"]),
        ("seed = 0", "sead = 0", ["state.safetensors", "sead"]),
    ] {
        let scratch = trained("");
        forge(&scratch, from, to);
        let words = [words[0], words[1], CHECKPOINT];
        scratch.run("sample").fails(1, &words);
    }
}

#[test]
fn cuda_draws_the_cpus_images() {
    let scratch = trained("");
    for flags in ["", "--bn batch --labels 7,3", "--interpolate 1:2 --labels 0"] {
        let command = format!("sample {flags} --device cuda --out cuda.png");
        let Some(answer) = emulated(&scratch, &command, &[]) else { return };
        let out = answer.succeeds();
        assert!(out.contains("device    Emulated"), "{out}");
        let [on_cuda, on_cpu] = [pixels(&scratch.path("cuda.png")), scratch.sample(flags)];
        assert_eq!(on_cuda.size, on_cpu.size);
        let far = on_cuda.bytes.iter().zip(&on_cpu.bytes).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(far <= Some(2), "{flags}: {far:?} grey levels");
    }
}

#[test]
fn run_trained_on_cuda_gives_its_own_picture_there() {
    let scratch = Scratch::with_digits();
    let train = format!("train {TINY} --device cuda --iterations 2");
    let Some(answer) = emulated(&scratch, &train, &[]) else { return };
    answer.succeeds();
    emulated(&scratch, "sample --device cuda", &[]).unwrap().succeeds();
    let drawn = fs::read(scratch.path("sample.png")).unwrap();
    assert!(drawn == fs::read(scratch.path(RUN).join("samples/000002.png")).unwrap());
}
