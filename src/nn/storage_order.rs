//! How a tensor's numbers are stored, and how PyTorch has them.

use std::borrow::Cow;

/// Channels and pixels of the image that some features are, if its channels stand last: PyTorch has one
/// channel behind the other.
pub type ChannelsLast = Option<[usize; 2]>;

/// Where a feature of PyTorch's stands.
fn stored_at(feature: usize, image: ChannelsLast) -> usize {
    image.map_or(feature, |[channels, pixels]| feature % pixels * channels + feature / pixels)
}

/// How a tensor is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StorageOrder {
    Rows(Rows),
    /// With its axes the other way round: (a, b, c) as (c, b, a).
    Reversed([usize; 3]),
}

/// Row by row, each row padded with zeros to `stride`; `images` says which image the rows are features
/// of, and the columns.
///
/// Zeros they stay: the gradient of a padded column is zero, with which Adam does not move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    pub rows: usize,
    pub columns: usize,
    pub stride: usize,
    pub images: [ChannelsLast; 2],
}

impl Rows {
    /// Whether PyTorch stores it in the same way.
    fn are_pytorchs(self) -> bool {
        self.stride == self.columns && self.images == [None; 2]
    }

    /// Where PyTorch's numbers stand, in their order.
    fn places(self) -> impl Iterator<Item = usize> {
        let [of_rows, of_columns] = self.images;
        (0..self.rows).flat_map(move |row| {
            let start = stored_at(row, of_rows) * self.stride;
            (0..self.columns).map(move |column| start + stored_at(column, of_columns))
        })
    }
}

impl StorageOrder {
    /// Numbers of the flat buffer.
    pub fn len(self) -> usize {
        match self {
            StorageOrder::Rows(Rows { rows, stride, .. }) => rows * stride,
            StorageOrder::Reversed(extents) => extents.iter().product(),
        }
    }

    /// Numbers of the tensor.
    pub fn count(self) -> usize {
        match self {
            StorageOrder::Rows(Rows { rows, columns, .. }) => rows * columns,
            StorageOrder::Reversed(extents) => extents.iter().product(),
        }
    }

    /// The tensor's numbers, of what is stored.
    pub fn unpack<T: Copy + Default>(self, stored: Vec<T>) -> Vec<T> {
        match self {
            StorageOrder::Rows(rows) if rows.are_pytorchs() => stored,
            StorageOrder::Rows(rows) => {
                // As long as it is to be: a vector that grows has up to three times as much meanwhile.
                let mut values = Vec::with_capacity(self.count());
                values.extend(rows.places().map(|at| stored[at]));
                values
            }
            StorageOrder::Reversed([a, b, c]) => reversed(&stored, [c, b, a]),
        }
    }

    /// What is stored, of the tensor's numbers.
    pub fn pack<T: Copy + Default>(self, values: &[T]) -> Cow<'_, [T]> {
        assert_eq!(values.len(), self.count());
        match self {
            StorageOrder::Rows(rows) if rows.are_pytorchs() => Cow::Borrowed(values),
            StorageOrder::Rows(rows) => {
                let mut stored = vec![T::default(); self.len()];
                rows.places().zip(values).for_each(|(at, &value)| stored[at] = value);
                Cow::Owned(stored)
            }
            StorageOrder::Reversed(extents) => Cow::Owned(reversed(values, extents)),
        }
    }
}

/// A tensor of these extents with its axes the other way round.
fn reversed<T: Copy>(values: &[T], [a, b, c]: [usize; 3]) -> Vec<T> {
    let at = move |k: usize, j: usize, i: usize| values[(i * b + j) * c + k];
    let row = move |k, j| (0..a).map(move |i| at(k, j, i));
    (0..c).flat_map(|k| (0..b).flat_map(move |j| row(k, j))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_zero_and_goes_again() {
        let wide = StorageOrder::Rows(Rows { rows: 3, columns: 5, stride: 8, images: [None; 2] });
        assert_eq!((wide.count(), wide.len()), (15, 24));
        let values: Vec<u32> = (1..=15).collect();
        let stored = wide.pack(&values).into_owned();
        let rows = [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12, 13, 14, 15]];
        assert_eq!(stored, rows.map(|row| [&row[..], &[0; 3]].concat()).concat());
        assert_eq!(wide.unpack(stored), values);
    }

    #[test]
    fn features_of_an_image_are_stored_channels_last() {
        let order = |[rows, columns]: [usize; 2], stride, images| {
            StorageOrder::Rows(Rows { rows, columns, stride, images })
        };
        // Two channels of three pixels, channel·10 + pixel.
        let image = Some([2, 3]);
        let (pytorchs, stored) = ([0, 1, 2, 10, 11, 12], [0, 10, 1, 11, 2, 12]);
        let bias = order([1, 6], 6, [None, image]);
        assert_eq!(*bias.pack(&pytorchs), stored);
        assert_eq!(bias.unpack(stored.to_vec()), pytorchs);

        let of_columns = order([2, 6], 8, [None, image]);
        let values = [pytorchs, pytorchs.map(|value| value + 100)].concat();
        let rows = [stored, stored.map(|value| value + 100)];
        let packed = of_columns.pack(&values).into_owned();
        assert_eq!(packed, rows.map(|row| [&row[..], &[0; 2]].concat()).concat());
        assert_eq!(of_columns.unpack(packed), values);

        let of_rows = order([6, 2], 2, [image, None]);
        let twice = |column: [u32; 6]| column.map(|value| [value, value + 100]).concat();
        assert_eq!(*of_rows.pack(&twice(pytorchs)), twice(stored));
        assert_eq!(of_rows.unpack(twice(stored)), twice(pytorchs));
    }

    #[test]
    fn kernels_are_stored_with_their_axes_reversed() {
        let kernel = StorageOrder::Reversed([3, 2, 4]);
        // outer·100 + inner·10 + place
        let number = |outer: u32, inner: u32, place: u32| outer * 100 + inner * 10 + place;
        let values: Vec<u32> = (0..24).map(|i| number(i / 8, i / 4 % 2, i % 4)).collect();
        let stored = kernel.pack(&values).into_owned();
        let want: Vec<u32> = (0..24).map(|i| number(i % 3, i / 3 % 2, i / 6)).collect();
        assert_eq!(stored, want);
        assert_eq!(kernel.unpack(stored), values);
    }
}
