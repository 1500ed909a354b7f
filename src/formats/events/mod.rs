//! TensorBoard event files.
//!
//! | tag | when |
//! |---|---|
//! | `d_loss`, `g_loss`, `d_real`, `d_fake`, `images_per_second` | with each log entry of losses |
//! | `samples`, and statistics such as `std/samples` and `std/data` | with each sample grid |
//! | `fcd`, `kid`, `class_fidelity`, `modes`, `modes_kl` | with each log entry of scores |
//! | `generator/model.0.weight`, `generator_gradient/model.0.weight`, … | at each checkpoint |
//! | `config`, `reals` | at the beginning |
//!
//! Each process that trains a run starts a file of its own. When a run is resumed from a
//! checkpoint, later records are removed from older files ([`truncate`]) and a [`SessionLog`] tells
//! running readers to discard them, so that no step appears twice.

mod histogram;
pub mod message;
pub mod record;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::warn;

use crate::file_error::{FileError, Result};
use crate::formats::files::names_in;
use message::{
    Event, Histogram, Image, Kind, Metadata, Plugin, SessionLog, Summary, Tensor, Value, What,
};
use record::{events, framed};

/// File name prefix by which TensorBoard recognizes event files.
const PREFIX: &str = "events.out.tfevents.";
/// The format version that all writers state.
const VERSION: &str = "brain.Event:2";

/// An event file; each record is one write.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Creates a file for records after an iteration of the run in `folder`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(folder: &Path, iteration: u32) -> Result<EventFile> {
        // Readers sort files by name: seconds, then iterations.
        let name = format!("{PREFIX}{:010}.{iteration:06}", now().as_secs());
        let path = folder.join(name);
        let options = OpenOptions::new().append(true).create_new(true).open(&path);
        let mut events = EventFile { file: options.map_err(FileError::at("create", &path))?, path };
        events.write(0, What::FileVersion(VERSION.to_owned()))?;
        if iteration > 0 {
            let start = SessionLog { status: SessionLog::START };
            events.write(iteration + 1, What::SessionLog(start))?;
        }
        Ok(events)
    }

    /// Adds scalars with their tags.
    ///
    /// # Errors
    /// I/O, such as a full disk.
    pub fn scalars(
        &mut self,
        step: u32,
        values: impl IntoIterator<Item = (impl AsRef<str>, f32)>,
    ) -> Result<()> {
        let values = values.into_iter().map(|(tag, value)| (tag, Kind::SimpleValue(value)));
        self.summary(step, values.map(|(tag, kind)| value(tag.as_ref(), kind)))
    }

    /// Adds an image: the bytes of a PNG file, and its width and height.
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

    /// Adds Markdown text.
    ///
    /// # Errors
    /// As [`EventFile::scalars`].
    pub fn text(&mut self, step: u32, tag: &str, markdown: String) -> Result<()> {
        let tensor = Tensor { dtype: Tensor::STRING, string_val: vec![markdown.into_bytes()] };
        let plugin = Plugin { plugin_name: "text".to_owned() };
        let metadata = Some(Metadata { plugin_data: Some(plugin) });
        self.summary(step, [Value { metadata, ..value(tag, Kind::Tensor(tensor)) }])
    }

    /// Waits until everything written is on the disk.
    ///
    /// # Errors
    /// I/O, such as a full disk.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(FileError::at("write", &self.path))
    }

    fn summary(&mut self, step: u32, value: impl IntoIterator<Item = Value>) -> Result<()> {
        self.write(step, What::Summary(Summary { value: value.into_iter().collect() }))
    }

    fn write(&mut self, step: u32, what: What) -> Result<()> {
        let event =
            Event { wall_time: now().as_secs_f64(), step: i64::from(step), what: Some(what) };
        self.file.write_all(&framed(&event)).map_err(FileError::at("write", &self.path))
    }
}

fn value(tag: &str, kind: Kind) -> Value {
    Value { tag: tag.to_owned(), metadata: None, kind: Some(kind) }
}

/// The time since 1970.
fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The event files of this program in a run's folder, sorted by name.
///
/// # Errors
/// When the folder cannot be listed.
pub fn event_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut names = names_in(folder)?;
    names.retain(|name| has_our_name(name));
    names.sort();
    Ok(names.iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect())
}

/// Whether a file has a name as [`EventFile::create`] makes it; other programs include the host
/// name.
fn has_our_name(name: &str) -> bool {
    let parts = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('.'));
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    parts.is_some_and(|(seconds, iteration)| number(seconds) && number(iteration))
}

/// Removes records of later steps, and incomplete records of killed processes, from the event files
/// of a run's folder. A file without remaining values is deleted. A file that is damaged from the
/// beginning is left as it is.
///
/// # Errors
/// When a file cannot be read or written.
pub fn truncate(folder: &Path, iteration: u32) -> Result<()> {
    for path in event_files(folder)? {
        let bytes = fs::read(&path).map_err(FileError::at("read", &path))?;
        let kept = events(&bytes).take_while(|(_, event)| event.step <= i64::from(iteration));
        let ends = kept.map(|(end, event)| (end, matches!(event.what, Some(What::Summary(_)))));
        match ends.last() {
            Some((end, true)) if end == bytes.len() => {}
            Some((end, true)) => {
                let file = OpenOptions::new().write(true).open(&path);
                let cut = file.and_then(|file| file.set_len(end as u64));
                cut.map_err(FileError::at("cut", &path))?;
            }
            Some((_, false)) => fs::remove_file(&path).map_err(FileError::at("delete", &path))?,
            None if bytes.is_empty() => {
                fs::remove_file(&path).map_err(FileError::at("delete", &path))?;
            }
            None => {
                warn!(path = %path.display(), "event file is damaged from its beginning and left as it is")
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps of all scalars in a folder, per file.
    fn steps(folder: &Path) -> Vec<Vec<i64>> {
        let steps = |path: &PathBuf| {
            let bytes = fs::read(path).unwrap();
            let summaries =
                events(&bytes).filter(|(_, event)| matches!(event.what, Some(What::Summary(_))));
            summaries.map(|(_, event)| event.step).collect()
        };
        event_files(folder).unwrap().iter().map(steps).collect()
    }

    fn write(folder: &Path, begin: u32, steps: impl IntoIterator<Item = u32>) {
        let mut events = EventFile::create(folder, begin).unwrap();
        steps.into_iter().for_each(|step| events.scalars(step, [("g_loss", 1.0)]).unwrap());
    }

    #[test]
    fn truncate_removes_later_steps_from_all_files() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, 0, 0..6);
        truncate(folder, 3).unwrap();
        assert_eq!(steps(folder), [[0, 1, 2, 3]]);
        write(folder, 3, 4..9);
        truncate(folder, 7).unwrap();
        assert_eq!(steps(folder), [vec![0, 1, 2, 3], vec![4, 5, 6, 7]]);
        // A file that was started at this iteration is deleted, too, because a new one is started
        // there.
        truncate(folder, 3).unwrap();
        assert_eq!(steps(folder), [[0, 1, 2, 3]]);
        write(folder, 3, [4]);
        truncate(folder, 2).unwrap();
        assert_eq!(steps(folder), [[0, 1, 2]]);
    }

    #[test]
    fn file_of_a_resumed_run_tells_readers_to_discard_later_steps() {
        let folder = tempfile::tempdir().unwrap();
        for (begin, want) in [(0, None), (5, Some(6))] {
            let file = EventFile::create(folder.path(), begin).unwrap();
            let bytes = fs::read(&file.path).unwrap();
            let contents: Vec<_> =
                events(&bytes).map(|(_, event)| (event.step, event.what)).collect();
            assert_eq!(contents[0], (0, Some(What::FileVersion("brain.Event:2".to_owned()))));
            let start = Some(What::SessionLog(SessionLog { status: 1 }));
            assert_eq!(
                contents[1..],
                want.map(|step| (step, start)).into_iter().collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn files_of_other_programs_and_damaged_files_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let [host, other] = ["events.out.tfevents.1700000000.host.7.0", "events.out.tfevents.1.x"]
            .map(|name| folder.path().join(name));
        fs::write(&host, "theirs").unwrap();
        fs::create_dir(&other).unwrap();
        write(folder.path(), 0, 0..3);
        let ours = &event_files(folder.path()).unwrap()[0];
        let mut bytes = fs::read(ours).unwrap();
        bytes[9] ^= 1;
        fs::write(ours, &bytes).unwrap();
        truncate(folder.path(), 1).unwrap();
        assert_eq!(fs::read(ours).unwrap(), bytes);
        assert_eq!(fs::read(&host).unwrap(), b"theirs");
    }

    #[test]
    fn truncate_removes_an_incomplete_record() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 0, 0..3);
        let path = &event_files(folder.path()).unwrap()[0];
        let whole = fs::read(path).unwrap();
        fs::write(path, [&whole[..], &whole[..9]].concat()).unwrap();
        truncate(folder.path(), 9).unwrap();
        assert_eq!(fs::read(path).unwrap(), whole);
    }
}
