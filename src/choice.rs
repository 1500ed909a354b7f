//! Values that are one of a few, each known by a word: on the command line, in files, in messages.

use std::fmt::{self, Display, Formatter};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, Visitor};

/// A value that is one of a few.
pub trait Choice: Copy + Display + FromStr<Err = String> + Send + Sync + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// The word for it.
    fn word(self) -> &'static str;

    /// What it means: its documentation.
    fn meaning(self) -> &'static str;
}

/// Declares enums whose values have words. These are what [`Display`] writes, [`FromStr`] reads, and
/// files keep.
macro_rules! choices {
    ($(
        $(#[doc = $doc:literal])+
        pub enum $name:ident {
            $($(#[doc = $meaning:literal])+ $value:ident = $word:literal,)+
        }
    )+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $meaning])+ $value,)+
        }

        impl $crate::choice::Choice for $name {
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }

            fn meaning(self) -> &'static str {
                match self {
                    $(Self::$value => concat!($($meaning),+).trim_ascii(),)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::choice::Choice::word(*self))
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$value),)+
                    _ => Err(format!("{text:?} is none of {}", [$($word),+].join(", "))),
                }
            }
        }

        $crate::choice::kept_as_text!($name);
    )+};
}

/// Makes files keep a value as the text that [`Display`] writes and [`FromStr`] reads.
macro_rules! kept_as_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::choice::Parse::default())
            }
        }
    };
}

pub(crate) use {choices, kept_as_text};

/// Parses a text while it is being read, so that an error points to the text and not to the list
/// that it stands in.
pub(crate) struct Parse<T>(PhantomData<T>);

impl<T> Default for Parse<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: FromStr<Err: Display>> Visitor<'_> for Parse<T> {
    type Value = T;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    choices! {
        /// Of the test.
        pub enum Size {
            /// Fits into
            /// a pocket.
            Small = "small",
            /// Does not.
            Large = "very-large",
        }
    }

    #[test]
    fn words_are_written_and_read_alike_everywhere() {
        assert_eq!(Size::ALL, [Size::Small, Size::Large]);
        for &size in Size::ALL {
            assert_eq!(size.to_string(), size.word());
            assert_eq!(size.word().parse(), Ok(size));
            assert_eq!(serde_json::to_value(size).unwrap(), size.word());
            assert_eq!(serde_json::from_value::<Size>(size.word().into()).unwrap(), size);
        }
        let error = serde_json::from_str::<Size>("\"Small\"").unwrap_err().to_string();
        assert!(error.starts_with("\"Small\" is none of small, very-large"), "{error}");
        assert_eq!(Size::Small.meaning(), "Fits into a pocket.");
    }
}
