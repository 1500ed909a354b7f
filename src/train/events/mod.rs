//! What TensorBoard shows of a run: an event file in its folder.
//!
//! | tag | when |
//! |---|---|
//! | `d_loss`, `g_loss`, `d_real`, `d_fake`, `images_per_second` | at each record of losses |
//! | `samples`, and numbers like `std/samples` beside `std/data` | at each sample grid |
//! | `generator/model.0.weight`, `generator_gradient/model.0.weight`, … | at each checkpoint |
//! | `config`, `reals` | at the beginning |
//!
//! Every process that works on a run begins a file of its own. A run that goes on from a checkpoint
//! cuts off what came after it ([`cut`]) and tells readers to forget that ([`SessionLog`]), so that
//! no step is there twice, neither for a reader that comes later nor for one that looks on.

mod histogram;
pub mod message;
pub mod record;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::files::names_in;
use crate::{Error, Result};
use message::{
    Event, Histogram, Image, Kind, Metadata, Plugin, SessionLog, Summary, Tensor, Value, What,
};
use record::{framed, read_events};

/// How the names of event files begin; TensorBoard knows them by it.
const PREFIX: &str = "events.out.tfevents.";
/// The version of the format that all writers state.
const VERSION: &str = "brain.Event:2";

/// An event file that grows; every record is one write.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Begins a file for what comes after an iteration of the run in `folder`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(folder: &Path, iteration: u32) -> Result<EventFile> {
        // Readers take files in the order of their names: seconds, then iterations.
        let name = format!("{PREFIX}{:010}.{iteration:06}", now().as_secs());
        let path = folder.join(name);
        let options = OpenOptions::new().append(true).create_new(true).open(&path);
        let mut events = EventFile { file: options.map_err(Error::io("create", &path))?, path };
        events.write(0, What::FileVersion(VERSION.to_owned()))?;
        if iteration > 0 {
            let start = SessionLog { status: SessionLog::START };
            events.write(iteration + 1, What::SessionLog(start))?;
        }
        Ok(events)
    }

    /// Adds numbers, each with its tag.
    ///
    /// # Errors
    /// When the disk is full, and the like.
    pub fn scalars(
        &mut self,
        step: u32,
        values: impl IntoIterator<Item = (impl AsRef<str>, f32)>,
    ) -> Result<()> {
        let values = values.into_iter().map(|(tag, value)| (tag, Kind::SimpleValue(value)));
        self.summary(step, values.map(|(tag, kind)| value(tag.as_ref(), kind)))
    }

    /// Adds a picture: the bytes of a PNG, and its width and height.
    ///
    /// # Errors
    /// As [`EventFile::scalars`].
    pub fn image(
        &mut self,
        step: u32,
        tag: &str,
        png: Vec<u8>,
        (width, height): (usize, usize),
        channels: usize,
    ) -> Result<()> {
        let (width, height, colorspace) = (width as i32, height as i32, channels as i32);
        let image = Image { height, width, colorspace, encoded_image_string: png };
        self.summary(step, [value(tag, Kind::Image(image))])
    }

    /// Adds a histogram.
    ///
    /// # Errors
    /// As [`EventFile::scalars`].
    pub fn histogram(&mut self, step: u32, tag: &str, histogram: Histogram) -> Result<()> {
        self.summary(step, [value(tag, Kind::Histogram(histogram))])
    }

    /// Adds a text in Markdown.
    ///
    /// # Errors
    /// As [`EventFile::scalars`].
    pub fn text(&mut self, step: u32, tag: &str, markdown: String) -> Result<()> {
        let tensor = Tensor { dtype: Tensor::STRING, string_val: vec![markdown.into_bytes()] };
        let plugin = Plugin { plugin_name: "text".to_owned() };
        let metadata = Some(Metadata { plugin_data: Some(plugin) });
        self.summary(step, [Value { metadata, ..value(tag, Kind::Tensor(tensor)) }])
    }

    /// Waits until all that was written is on the disk.
    ///
    /// # Errors
    /// When the disk is full, and the like.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(Error::io("write", &self.path))
    }

    fn summary(&mut self, step: u32, value: impl IntoIterator<Item = Value>) -> Result<()> {
        self.write(step, What::Summary(Summary { value: value.into_iter().collect() }))
    }

    fn write(&mut self, step: u32, what: What) -> Result<()> {
        let event =
            Event { wall_time: now().as_secs_f64(), step: i64::from(step), what: Some(what) };
        self.file.write_all(&framed(&event)).map_err(Error::io("write", &self.path))
    }
}

fn value(tag: &str, kind: Kind) -> Value {
    Value { tag: tag.to_owned(), metadata: None, kind: Some(kind) }
}

/// The time since 1970.
fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The event files in a run's folder, by their names.
///
/// # Errors
/// When the folder cannot be listed.
pub fn event_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut names = names_in(folder)?;
    names.retain(|name| name.starts_with(PREFIX));
    names.sort();
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

/// Cuts off what the event files in a run's folder have of steps after an iteration, and what a
/// killed process left half-written; a file that then holds nothing is deleted.
///
/// # Errors
/// When a file cannot be read or written.
pub fn cut(folder: &Path, iteration: u32) -> Result<()> {
    for path in event_files(folder)? {
        let mut events = read_events(&path)?;
        let after = events.iter().position(|(_, event)| event.step > i64::from(iteration));
        events.truncate(after.unwrap_or(events.len()));
        match events.last() {
            Some((end, event)) if matches!(event.what, Some(What::Summary(_))) => {
                let file = OpenOptions::new().write(true).open(&path);
                let cut = file.and_then(|file| file.set_len(*end));
                cut.map_err(Error::io("cut", &path))?;
            }
            _ => fs::remove_file(&path).map_err(Error::io("delete", &path))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps of all scalars in a folder, by files.
    fn steps(folder: &Path) -> Vec<Vec<i64>> {
        let steps = |path: &PathBuf| {
            let events = read_events(path).unwrap().into_iter().map(|(_, event)| event);
            let summaries = events.filter(|event| matches!(event.what, Some(What::Summary(_))));
            summaries.map(|event| event.step).collect()
        };
        event_files(folder).unwrap().iter().map(steps).collect()
    }

    fn write(folder: &Path, begin: u32, steps: impl IntoIterator<Item = u32>) {
        let mut events = EventFile::create(folder, begin).unwrap();
        steps.into_iter().for_each(|step| events.scalars(step, [("g_loss", 1.0)]).unwrap());
    }

    #[test]
    fn cut_leaves_no_step_after_the_iteration_in_any_file() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, 0, 0..6);
        cut(folder, 3).unwrap();
        assert_eq!(steps(folder), [[0, 1, 2, 3]]);
        write(folder, 3, 4..9);
        cut(folder, 7).unwrap();
        assert_eq!(steps(folder), [vec![0, 1, 2, 3], vec![4, 5, 6, 7]]);
        // A file that was begun at that very iteration goes too: another is begun there.
        cut(folder, 3).unwrap();
        assert_eq!(steps(folder), [[0, 1, 2, 3]]);
        write(folder, 3, [4]);
        cut(folder, 2).unwrap();
        assert_eq!(steps(folder), [[0, 1, 2]]);
    }

    #[test]
    fn cut_removes_what_was_being_written() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 0, 0..3);
        let path = &event_files(folder.path()).unwrap()[0];
        let whole = fs::read(path).unwrap();
        fs::write(path, [&whole[..], &whole[..9]].concat()).unwrap();
        cut(folder.path(), 9).unwrap();
        assert_eq!(fs::read(path).unwrap(), whole);
    }
}
