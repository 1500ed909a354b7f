//! Values on the command line, each with an error that says what it may be.

use std::fmt::Display;
use std::str::FromStr;

use clap::Arg;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use gan_cuda::choice::Choice;
use gan_cuda::gan::interval::Interval;
use gan_cuda::gan::preset::{Preset, presets};
use gan_cuda::ranges::Range;
use gan_cuda::run;

/// For all flags of a command.
pub fn may_be_negative(flag: Arg) -> Arg {
    let takes_value = flag.get_action().takes_values();
    flag.allow_negative_numbers(takes_value)
}

/// The name of a set-up.
pub fn preset() -> PossibleValuesParser {
    let value = |preset: &'static Preset| {
        PossibleValue::new(preset.name.as_str()).help(preset.summary.as_str())
    };
    presets().iter().map(value).collect::<Vec<_>>().into()
}

/// One of a few words.
pub fn choice<T: Choice>() -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words::<T>()).try_map(|word| word.parse())
}

/// One of a few words, or "none".
pub fn choice_or_none<T: Choice>() -> impl TypedValueParser<Value = Optional<T>> {
    let none = PossibleValue::new("none");
    PossibleValuesParser::new(words::<T>().chain([none])).try_map(|word| match word.as_str() {
        "none" => Ok(Optional(None)),
        word => word.parse().map(Some).map(Optional),
    })
}

fn words<T: Choice>() -> impl Iterator<Item = PossibleValue> {
    T::ALL.iter().map(|choice| {
        let meaning = choice.meaning();
        PossibleValue::new(choice.word()).help(meaning.strip_suffix('.').unwrap_or(meaning))
    })
}

/// A value, or a word for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Optional<T>(pub Option<T>);

/// How often, or "never".
pub fn interval_or_never(text: &str) -> Result<Optional<Interval>, String> {
    match text {
        "never" => Ok(Optional(None)),
        _ => {
            text.parse().map(Some).map(Optional).map_err(|problem| format!("{problem}, or 'never'"))
        }
    }
}

/// A number in a range, as the integer or float of the flag.
pub fn within<T, N>(range: Range<N>) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync
where
    N: Copy + PartialOrd + FromStr + TryInto<T> + Send + Sync,
    Range<N>: Display,
{
    move |text| {
        let number = text.parse().ok().filter(|&number| range.holds(number));
        number.and_then(|number| number.try_into().ok()).ok_or_else(|| format!("must be {range}"))
    }
}

/// 1 or 3.
pub fn channels(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("must be 1 (grey) or 3 (colour)".to_owned()),
    }
}

/// The name of a run's folder.
pub fn run_name(text: &str) -> run::Result<String> {
    run::dir::check_name(text).map(|()| text.to_owned())
}
