//! Images to learn from: a data set is resident `u8` pixels and, where it has them, labels.

/// The shape of one image; pixels are stored plane by plane (channel, row, column).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
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
