//! The values of fields that a TOML file may leave out, and that are not written.

use crate::device::ops::LrDecay;

pub(super) fn one() -> f64 {
    1.0
}

pub(super) fn is_one(value: &f64) -> bool {
    *value == 1.0
}

pub(super) fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

pub(super) fn every() -> u32 {
    1
}

pub(super) fn is_every(interval: &u32) -> bool {
    *interval == 1
}

pub(super) fn is_no_warmup(count: &u32) -> bool {
    *count == 0
}

pub(super) fn is_off(on: &bool) -> bool {
    !on
}

pub(super) fn single() -> usize {
    1
}

pub(super) fn is_single(pack: &usize) -> bool {
    *pack == 1
}

pub(super) fn constant() -> LrDecay {
    LrDecay::None
}

pub(super) fn is_constant(decay: &LrDecay) -> bool {
    *decay == LrDecay::None
}
