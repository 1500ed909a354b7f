//! The data sets of a set of runs, each loaded once.

use std::sync::Arc;

use crate::cli::error::Result;
use crate::data::Dataset;
use crate::run::config::Config;

/// Data sets, with the configurations for which they were found.
#[derive(Default)]
pub struct DataSets {
    found: Vec<Found>,
}

struct Found {
    /// Before the data set was found, and after it.
    configs: [Config; 2],
    data: Arc<Dataset>,
}

impl DataSets {
    /// The index of a run's data set. `find` finds it and stores its location in the configuration,
    /// unless another run has the same.
    pub fn index_of(
        &mut self,
        config: &mut Config,
        find: impl FnOnce(&mut Config) -> Result<Dataset>,
    ) -> Result<usize> {
        let same = |found: &Found| is_of_same_data(&found.configs[0], config);
        if let Some(index) = self.found.iter().position(same) {
            let after = &self.found[index].configs[1];
            config.data_dir.clone_from(&after.data_dir);
            config.class_names.clone_from(&after.class_names);
            return Ok(index);
        }
        let before = config.clone();
        let data = Arc::new(find(config)?);
        self.found.push(Found { configs: [before, config.clone()], data });
        Ok(self.found.len() - 1)
    }

    /// A data set.
    pub fn get(&self, index: usize) -> &Dataset {
        &self.found[index].data
    }

    /// All data sets.
    pub fn all(&self) -> impl Iterator<Item = (&Config, &Arc<Dataset>)> {
        self.found.iter().map(|found| (&found.configs[1], &found.data))
    }
}

/// Whether two runs are trained on the same images.
fn is_of_same_data(a: &Config, b: &Config) -> bool {
    let key = |of: &Config| {
        let (image, classes) = (of.gan.image, of.gan.classes);
        (of.dataset.clone(), of.data_dir.clone(), of.skip_bad_images, image, classes)
    };
    key(a) == key(b) && a.class_names == b.class_names
}
