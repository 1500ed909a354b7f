//! The files of golden runs: schemas 1 and 2 of tests/golden/README.md.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use gan_cuda::data::ImageShape;
use gan_cuda::device::Real;
use gan_cuda::device::ops::LrDecay;
use gan_cuda::gan::preset::Preset;
use gan_cuda::gan::rewrite::Rewrite;
use gan_cuda::gan::settings::{InputPart, Settings};
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;

/// One file: tensors in double precision, and metadata.
pub struct GoldenRun {
    /// The file's name, without its extension.
    pub name: String,
    metadata: HashMap<String, String>,
    pub tensors: HashMap<String, Vec<f64>>,
}

impl GoldenRun {
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        Self {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            metadata: header.metadata().clone().unwrap(),
            tensors: file
                .tensors()
                .into_iter()
                .map(|(key, view)| (key, numbers(view.dtype(), view.data())))
                .collect(),
        }
    }

    pub fn text(&self, key: &str) -> &str {
        self.metadata.get(key).unwrap_or_else(|| panic!("{}: no metadata '{key}'", self.name))
    }

    pub fn value<T: DeserializeOwned>(&self, key: &str) -> T {
        serde_json::from_str(self.text(key)).unwrap_or_else(|e| panic!("{}: {key}: {e}", self.name))
    }

    /// A value that some files do not have.
    pub fn value_or<T: DeserializeOwned>(&self, key: &str, default: T) -> T {
        if self.metadata.contains_key(key) { self.value(key) } else { default }
    }

    /// The value of a flag, such as `g-first`.
    fn flag<T: DeserializeOwned>(&self, key: &str) -> T {
        let text = self.text(key).trim_matches('"');
        serde_json::from_value(text.into()).unwrap_or_else(|e| panic!("{}: {key}: {e}", self.name))
    }

    fn flag_or<T: DeserializeOwned>(&self, key: &str, default: T) -> T {
        if self.metadata.contains_key(key) { self.flag(key) } else { default }
    }

    pub fn tensor(&self, key: &str) -> &[f64] {
        self.tensors.get(key).unwrap_or_else(|| panic!("{}: no tensor '{key}'", self.name))
    }

    /// A tensor in a device's precision.
    pub fn floats<T: Real>(&self, key: &str) -> Vec<T> {
        self.tensor(key).iter().map(|&x| T::from_f64(x)).collect()
    }

    pub fn integers(&self, key: &str) -> Vec<u32> {
        self.tensors.get(key).map_or(Vec::new(), |t| t.iter().map(|&x| x as u32).collect())
    }

    pub fn is_f64(&self) -> bool {
        self.text("dtype") == "f64"
    }

    /// The preset's settings, overridden by the file's.
    pub fn settings(&self, preset: &Preset) -> Settings {
        let mut settings = preset.gan.clone();
        settings.set_loss(self.flag("loss"));
        let [channels, height, width] = self.value("image_shape");
        let conditional = settings.classes.is_some();
        settings = Settings {
            classes: settings.classes.and(self.value("n_classes")),
            d_loss_scale: self.value("d_loss_scale"),
            order: self.flag("order"),
            fakes: self.flag("fakes"),
            batch_size: self.value("batch"),
            lr: self.value("lr"),
            lr_d: Some(self.value_or("lr_d", self.value("lr"))),
            r1: self.value_or("r1", 0.0),
            r2: self.value_or("r2", 0.0),
            gp: self.value_or("gp", 0.0),
            penalty_interval: self.value_or("penalty_interval", 1),
            n_critic: self.value_or("n_critic", 1),
            real_label: self.value_or("real_label", 1.0),
            lr_decay: self.flag_or("lr_decay", LrDecay::None),
            ema: Some(self.value_or("ema", 0.0)).filter(|&ema| ema > 0.0),
            ema_warmup: self.value_or("ema_warmup", 0),
            b1: self.value("beta1"),
            b2: self.value("beta2"),
            adam_eps: self.value("adam_eps"),
            image: ImageShape { channels, height, width },
            ..settings
        };
        if conditional && settings.classes.is_none() {
            settings.generator.input = vec![InputPart::Noise];
            settings.discriminator.input = vec![InputPart::Image];
        }
        let has = |words: &str| preset.text.contains(words);
        let norm = |key| has("\"BatchNorm").then(|| self.value(key));
        let rewrite = Rewrite {
            latent_dim: Some(self.value("latent_dim")),
            g_hidden: Some(self.value("g_hidden")),
            d_hidden: Some(self.value("d_hidden")),
            pack: Some(self.value_or("pack", 1)),
            dropout: if has("\"Dropout(") { self.value("dropout") } else { None },
            bn_eps: norm("bn_eps"),
            bn_momentum: norm("bn_momentum"),
            d_final_relu: self.value("final_relu"),
            ..Rewrite::default()
        };
        rewrite.apply(&preset.name, &mut settings).unwrap();
        settings
    }
}

fn numbers(dtype: Dtype, bytes: &[u8]) -> Vec<f64> {
    match dtype {
        Dtype::F32 => {
            bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect()
        }
        Dtype::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        Dtype::I64 => bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect(),
        other => panic!("unexpected type in a golden run: {other:?}"),
    }
}
