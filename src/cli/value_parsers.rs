//! Parsers of flag values, with errors that name the valid values.

use std::fmt::Display;
use std::str::FromStr;

use crate::choice::Choice;
use crate::gan::interval::Interval;
use crate::gan::preset::{Preset, presets};
use crate::ranges::Range;
use crate::run;
use clap::Arg;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

/// Lets a flag's value begin with a minus sign and a digit; for `mut_args`.
pub fn may_be_negative(flag: Arg) -> Arg {
    let takes_value = flag.get_action().takes_values();
    flag.allow_negative_numbers(takes_value)
}

/// The name of a preset.
pub fn preset() -> PossibleValuesParser {
    let value = |preset: &'static Preset| {
        PossibleValue::new(preset.name.as_str()).help(preset.summary.as_str())
    };
    presets().iter().map(value).collect::<Vec<_>>().into()
}

/// The keyword of a [`Choice`].
pub fn choice<T: Choice>() -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(keywords::<T>()).try_map(|keyword| keyword.parse())
}

/// The keyword of a [`Choice`], or "none".
pub fn choice_or_none<T: Choice>() -> impl TypedValueParser<Value = Optional<T>> {
    let none = PossibleValue::new("none");
    PossibleValuesParser::new(keywords::<T>().chain([none])).try_map(|keyword| {
        match keyword.as_str() {
            "none" => Ok(Optional(None)),
            keyword => keyword.parse().map(Some).map(Optional),
        }
    })
}

fn keywords<T: Choice>() -> impl Iterator<Item = PossibleValue> {
    T::ALL.iter().map(|choice| {
        let description = choice.description();
        PossibleValue::new(choice.keyword())
            .help(description.strip_suffix('.').unwrap_or(description))
    })
}

/// A value, or the keyword for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Optional<T>(pub Option<T>);

/// An interval, or "never".
pub fn interval_or_never(text: &str) -> Result<Optional<Interval>, String> {
    match text {
        "never" => Ok(Optional(None)),
        _ => {
            text.parse().map(Some).map(Optional).map_err(|problem| format!("{problem}, or 'never'"))
        }
    }
}

/// A number in a range, converted to the flag's type.
pub fn within<T, N>(range: Range<N>) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync
where
    N: Copy + PartialOrd + FromStr + TryInto<T> + Send + Sync,
    Range<N>: Display,
{
    move |text| {
        let number = text.parse().ok().filter(|&number| range.contains(number));
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

/// The name of a run.
pub fn run_name(text: &str) -> run::Result<String> {
    run::dir::check_name(text).map(|()| text.to_owned())
}
