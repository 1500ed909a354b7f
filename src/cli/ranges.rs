//! Values on the command line, each with an error that says what it may be.

use std::fmt::Display;
use std::str::FromStr;

use clap::Arg;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use gan_cuda::choice::Choice;
use gan_cuda::gan::preset::{Preset, presets};
use gan_cuda::ranges::{self, Range};
use gan_cuda::train::run_dir;

/// For all flags of a command.
pub fn may_be_negative(flag: Arg) -> Arg {
    let takes_value = flag.get_action().takes_values();
    flag.allow_negative_numbers(takes_value)
}

/// The name of a set-up.
pub fn preset() -> PossibleValuesParser {
    let value = |preset: &'static Preset| PossibleValue::new(preset.name).help(preset.summary);
    presets().iter().map(value).collect::<Vec<_>>().into()
}

/// One of a few words.
pub fn choice<T: Choice>() -> impl TypedValueParser<Value = T> {
    let value = |choice: &T| {
        let meaning = choice.meaning();
        PossibleValue::new(choice.word()).help(meaning.strip_suffix('.').unwrap_or(meaning))
    };
    PossibleValuesParser::new(T::ALL.iter().map(value)).try_map(|word| word.parse())
}

type Parsed<T> = Result<T, String>;

fn number<T: Copy + PartialOrd + FromStr>(text: &str, range: Range<T>) -> Parsed<T>
where
    Range<T>: Display,
{
    match text.parse() {
        Ok(number) if range.holds(number) => Ok(number),
        _ => Err(format!("must be {range}")),
    }
}

fn whole<T: TryFrom<u64>>(text: &str, range: Range<u64>) -> Parsed<T> {
    T::try_from(number(text, range)?).map_err(|_| format!("must be {range}"))
}

/// Widths of layers, images in a batch, and whatever else is counted.
pub fn extent(text: &str) -> Parsed<usize> {
    whole(text, ranges::EXTENT)
}

/// The side of an image in pixels.
pub fn image_size(text: &str) -> Parsed<usize> {
    whole(text, ranges::IMAGE_SIZE)
}

/// 1 or 3.
pub fn channels(text: &str) -> Parsed<usize> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("must be 1 (grey) or 3 (colour)".to_owned()),
    }
}

/// The most frames of an animation.
pub fn frames(text: &str) -> Parsed<usize> {
    whole(text, ranges::FRAMES)
}

/// Frames a second.
pub fn frames_per_second(text: &str) -> Parsed<u32> {
    whole(text, ranges::FRAMES_PER_SECOND)
}

/// CPU threads.
pub fn threads(text: &str) -> Parsed<usize> {
    whole(text, ranges::THREADS)
}

/// Epochs of a run.
pub fn epochs(text: &str) -> Parsed<u32> {
    whole(text, ranges::EPOCHS)
}

/// Iterations of a run, or from one event to the next.
pub fn iterations(text: &str) -> Parsed<u32> {
    whole(text, ranges::ITERATIONS)
}

/// Images to draw.
pub fn samples(text: &str) -> Parsed<usize> {
    whole(text, ranges::SAMPLES)
}

/// Images from one seed's to another's.
pub fn steps(text: &str) -> Parsed<usize> {
    whole(text, ranges::STEPS)
}

/// Iterations of a benchmark.
pub fn measured(text: &str) -> Parsed<u32> {
    whole(text, ranges::EXTENT)
}

/// Iterations before a benchmark, which may be none.
pub fn unmeasured(text: &str) -> Parsed<u32> {
    whole(text, ranges::WARMUP)
}

/// Where random numbers begin.
pub fn seed(text: &str) -> Parsed<u64> {
    number(text, ranges::SEED)
}

/// The name of a run's folder.
pub fn run_name(text: &str) -> gan_cuda::Result<String> {
    run_dir::check_name(text).map(|()| text.to_owned())
}

/// Adam's learning rate.
pub fn learning_rate(text: &str) -> Parsed<f64> {
    number(text, ranges::LEARNING_RATE)
}

/// BatchNorm's eps.
pub fn epsilon(text: &str) -> Parsed<f64> {
    number(text, ranges::EPSILON)
}

/// A factor of a loss.
pub fn factor(text: &str) -> Parsed<f64> {
    number(text, ranges::FACTOR)
}

/// From 0 to below 1.
pub fn share(text: &str) -> Parsed<f64> {
    number(text, ranges::SHARE)
}

/// Above 0 and up to 1.
pub fn positive_share(text: &str) -> Parsed<f64> {
    number(text, ranges::POSITIVE_SHARE)
}
