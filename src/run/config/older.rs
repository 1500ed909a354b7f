//! Reads configurations of older versions, which did not store the networks' layers (checkpoint
//! format 2) but a preset's name and parameters of its layers.

use serde::Deserialize;
use toml::{Table, Value};

use super::Unreadable;
use crate::data::ImageShape;
use crate::device::ops::Latent;
use crate::gan::preset::{self, Preset};
use crate::gan::rewrite::Rewrite;
use crate::gan::settings::{Fakes, Loss, Order, Settings};
use crate::nn::Init;
use crate::ranges::OutOfRange;

/// The older `[gan]` table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OlderSettings {
    latent_dim: usize,
    latent: Latent,
    g_hidden: Vec<usize>,
    d_hidden: Vec<usize>,
    classes: Option<usize>,
    loss: Loss,
    d_loss_scale: f64,
    order: Order,
    fakes: Fakes,
    leaky_slope: Option<f64>,
    dropout: Option<f64>,
    bn_eps: Option<f64>,
    bn_momentum: Option<f64>,
    d_final_relu: bool,
    init: Init,
    batch_size: usize,
    lr: f64,
    b1: f64,
    b2: f64,
    adam_eps: f64,
    image: ImageShape,
}

impl OlderSettings {
    fn of(&self, preset: &Preset) -> Result<Settings, OutOfRange> {
        let mut settings = Settings {
            latent: self.latent,
            d_loss_scale: self.d_loss_scale,
            order: self.order,
            fakes: self.fakes,
            init: self.init,
            batch_size: self.batch_size,
            lr: self.lr,
            b1: self.b1,
            b2: self.b2,
            adam_eps: self.adam_eps,
            image: self.image,
            ..preset.gan.clone()
        };
        settings.set_loss(self.loss);
        let rewrite = Rewrite {
            latent_dim: Some(self.latent_dim),
            classes: self.classes,
            g_hidden: Some(self.g_hidden.clone()),
            d_hidden: Some(self.d_hidden.clone()),
            leaky_slope: self.leaky_slope,
            dropout: self.dropout,
            bn_eps: self.bn_eps,
            bn_momentum: self.bn_momentum,
            d_final_relu: self.d_final_relu,
            ..Rewrite::default()
        };
        rewrite.apply(&preset.name, &mut settings)?;
        Ok(settings)
    }
}

/// Whether a file has the older format.
pub(super) fn is_older(table: &Table) -> bool {
    let has = |key| table.get("gan").is_some_and(|gan| gan.get(key).is_some());
    has("g_hidden") && !has("generator")
}

/// Converts a configuration to the current format.
pub(super) fn upgrade(mut table: Table) -> Result<Table, Unreadable> {
    let name = table.get("preset").and_then(Value::as_str).unwrap_or_default();
    let unknown = || OutOfRange::new("preset", name, preset::names());
    let preset = preset::find(name).ok_or_else(unknown)?;
    let older = table.remove("gan").unwrap_or(Value::Table(Table::new()));
    let settings = Value::try_from(older.try_into::<OlderSettings>()?.of(preset)?);
    let settings = settings.map_err(<toml::de::Error as serde::de::Error>::custom)?;
    table.insert("gan".to_owned(), settings);
    let grid = preset.sample_grid.to_string();
    table.entry("sample_grid").or_insert(Value::String(grid));
    table.entry("summary").or_insert(Value::String(preset.summary.clone()));
    Ok(table)
}
