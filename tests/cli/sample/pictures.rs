//! The images that `sample` generates, and the files that it writes.

use std::fs;

use super::{CHECKPOINT, RUN, images, tile, trained};
use crate::png;
use crate::scratch::has;

#[test]
fn without_flags_sample_reproduces_the_grid_of_training() {
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
        let drawn = scratch.bytes("sample.png");
        assert!(drawn == fs::read(by_training).unwrap(), "{preset}: another picture");
        assert_eq!(png::read(&scratch.path("sample.png")).size, size);
    }
}

#[test]
fn checkpoint_folder_alone_is_sufficient() {
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
    scratch.put("elsewhere/notes.txt", "mine");
    assert_eq!(scratch.sample("./elsewhere/"), whole);
}

#[test]
fn newest_run_and_newest_checkpoint_are_the_default() {
    let scratch = trained("--checkpoint-interval 1 --keep 9");
    scratch.train("--iterations 2 --seed 5").succeeds();
    let second = scratch.path("runs/00001-cgan-mnist/samples/000002.png");
    assert_eq!(scratch.sample(""), png::read(&second));
    let first = scratch.sample(RUN);
    assert_eq!(first, scratch.sample(CHECKPOINT));
    assert_ne!(first, scratch.sample(&format!("{RUN}/checkpoint-000001")));
}

#[test]
fn summary_is_printed_unless_quiet() {
    let scratch = trained("");
    let words = ["preset cgan", CHECKPOINT, "CPU, ", "images    100, seed 3"];
    let out = scratch.run("sample --seed 3 --separate faces --out all.png").prints(&words);
    has(&out, &["wrote     all.png, 302 × 302 pixels", "wrote     100 files in faces"]);
    assert_eq!(scratch.run("sample -q").succeeds(), "");
    assert!(scratch.path("sample.png").is_file());
}

#[test]
fn seed_defaults_to_the_seed_of_the_run() {
    let scratch = trained("--seed 5");
    let own = scratch.sample("");
    assert_eq!(scratch.sample("--seed 5 --threads 2 --device cpu"), own);
    assert_ne!(scratch.sample("--seed 6"), own);
}

#[test]
fn labels_select_classes_one_row_each() {
    let scratch = trained("");
    let all = images(scratch.separate(""));
    assert_eq!(images(scratch.separate("--labels 0-9")), all);
    assert_eq!(images(scratch.separate("--labels 0-1")), all[..20]);
    let turned = scratch.sample("--labels 1,0 --seed 0");
    assert_eq!(turned.size, (302, 62));
    assert_ne!(turned, scratch.sample("--labels 0,1 --seed 0"));
}

#[test]
fn count_is_divided_among_the_labels() {
    let scratch = trained("");
    let names =
        |flags: &str| scratch.separate(flags).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let ten: Vec<_> = (0..10).collect();
    for (flags, labels) in [
        ("--count 2 --labels 4", &[4, 4][..]),
        ("--count 3 --labels 7,3", &[7, 7, 3]),
        ("--labels 7,3", &[[7; 10], [3; 10]].concat()),
        ("--count 10", &ten),
    ] {
        let labels = labels.iter().enumerate();
        let want: Vec<_> = labels.map(|(i, label)| format!("{i:06}-label-{label}.png")).collect();
        assert_eq!(names(flags), want, "{flags}");
    }
}

#[test]
fn grid_has_the_requested_rows_and_columns() {
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
fn separate_files_equal_the_tiles_of_the_grid() {
    let scratch = trained("--preset mlp");
    scratch.run("sample --grid 2x3 --separate new/folder --out six.png").succeeds();
    let six = png::read(&scratch.path("six.png"));
    for i in 0..6 {
        let one = png::read(&scratch.path(&format!("new/folder/{i:06}.png")));
        assert_eq!((one.size, one.bytes), ((28, 28), tile(&six, i / 3, i % 3)), "{i}");
    }
    assert_eq!(scratch.names("new/folder").len(), 6);
    scratch.run("sample --count 2 --separate alone").succeeds();
    assert_eq!(scratch.names("alone"), ["000000.png", "000001.png"]);
    assert!(!scratch.path("sample.png").exists());
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
fn interpolation_connects_two_seeds_with_one_row_per_class() {
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
fn interpolation_without_classes_has_one_row() {
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
fn empty_folders_and_existing_pictures_are_accepted() {
    let scratch = trained("");
    fs::create_dir(scratch.path("empty")).unwrap();
    scratch.run("sample --count 1 --separate empty --labels 0").succeeds();
    assert_eq!(scratch.names("empty"), ["000000-label-0.png"]);
    scratch.put("old.PNG", "old");
    scratch.run("sample --count 1 --out old.PNG").succeeds();
    assert_eq!(png::read(&scratch.path("old.PNG")).size, (28, 28));
}
