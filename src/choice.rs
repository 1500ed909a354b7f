//! Enums whose values are named by keywords on the command line, in files and in messages.

use std::fmt::{self, Display, Formatter};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, Visitor};

/// An enum whose values have keywords.
pub trait Choice: Copy + Display + FromStr<Err = String> + Send + Sync + 'static {
    /// All values.
    const ALL: &'static [Self];

    /// The keyword of this value.
    fn keyword(self) -> &'static str;

    /// The documentation of this value.
    fn description(self) -> &'static str;
}

/// Declares enums whose values have keywords, which [`Display`], [`FromStr`] and serde use.
macro_rules! choices {
    ($(
        $(#[doc = $doc:literal])+
        pub enum $name:ident {
            $($(#[doc = $description:literal])+ $value:ident = $keyword:literal,)+
        }
    )+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $description])+ $value,)+
        }

        impl $crate::choice::Choice for $name {
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn keyword(self) -> &'static str {
                match self {
                    $(Self::$value => $keyword,)+
                }
            }

            fn description(self) -> &'static str {
                match self {
                    $(Self::$value => concat!($($description),+).trim_ascii(),)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::choice::Choice::keyword(*self))
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($keyword => Ok(Self::$value),)+
                    _ => Err(format!("{text:?} is not one of {}", [$($keyword),+].join(", "))),
                }
            }
        }

        $crate::choice::serialize_as_text!($name);
    )+};
}

/// Implements serde by the text that [`Display`] writes and [`FromStr`] reads.
macro_rules! serialize_as_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::choice::ParseVisitor::default())
            }
        }
    };
}

pub(crate) use {choices, serialize_as_text};

/// Parses a string during deserialization, so that an error points to this string and not to the
/// list that contains it.
pub(crate) struct ParseVisitor<T>(PhantomData<T>);

impl<T> Default for ParseVisitor<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: FromStr<Err: Display>> Visitor<'_> for ParseVisitor<T> {
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
        /// For the test.
        pub enum Size {
            /// Fits into
            /// a pocket.
            Small = "small",
            /// Does not.
            Large = "very-large",
        }
    }

    #[test]
    fn display_from_str_and_serde_use_the_keyword() {
        assert_eq!(Size::ALL, [Size::Small, Size::Large]);
        for &size in Size::ALL {
            assert_eq!(size.to_string(), size.keyword());
            assert_eq!(size.keyword().parse(), Ok(size));
            assert_eq!(serde_json::to_value(size).unwrap(), size.keyword());
            assert_eq!(serde_json::from_value::<Size>(size.keyword().into()).unwrap(), size);
        }
        let error = serde_json::from_str::<Size>("\"Small\"").unwrap_err().to_string();
        assert!(error.starts_with("\"Small\" is not one of small, very-large"), "{error}");
        assert_eq!(Size::Small.description(), "Fits into a pocket.");
    }
}
