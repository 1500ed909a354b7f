//! Images to learn from: a data set is resident `u8` pixels and, where it has them, labels.
//!
//! Owns where images come from and how they are brought into the shape a network takes. It ends at
//! bytes in memory: scaling to [-1, 1], the order of images and their way to the device belong to
//! the rooms above.
//!
//! | to | go to |
//! |---|---|
//! | read an IDX file | [`idx`] |

pub mod idx;
mod words;

use std::fmt;

/// The shape of one image; pixels are stored plane by plane (channel, row, column).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageShape {
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageShape {
    /// Numbers in one image: channels · height · width.
    pub fn pixels(self) -> usize {
        self.channels * self.height * self.width
    }
}

/// `28×28 grey`, `128×128 rgb`: rows × columns, as all messages have it.
impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImageShape { channels, height, width } = *self;
        match channels {
            1 => write!(f, "{height}×{width} grey"),
            3 => write!(f, "{height}×{width} rgb"),
            _ => write!(f, "{height}×{width} with {channels} channels"),
        }
    }
}
