//! The order in which a tensor's elements are stored, and its conversion from and to PyTorch's.

use std::borrow::Cow;

/// The channels and pixels of an image, if the features are a flattened image that is stored channels
/// last; PyTorch's order is channels first.
pub type ChannelsLast = Option<[usize; 2]>;

/// The stored index of a feature in PyTorch's order.
fn stored_at(feature: usize, image: ChannelsLast) -> usize {
    image.map_or(feature, |[channels, pixels]| feature % pixels * channels + feature / pixels)
}

/// The storage order of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StorageOrder {
    Rows(Rows),
    /// With reversed axes: (a, b, c) as (c, b, a).
    Reversed([usize; 3]),
}

/// Row by row, each row padded with zeros to `stride`; `images` says whether rows and columns are the
/// features of an image.
///
/// The padding stays zero: the gradient of a padded column is zero, so Adam does not change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    pub rows: usize,
    pub columns: usize,
    pub stride: usize,
    pub images: [ChannelsLast; 2],
}

impl Rows {
    /// Whether it equals PyTorch's order.
    fn are_pytorchs(self) -> bool {
        self.stride == self.columns && self.images == [None; 2]
    }

    /// The stored indices of the elements in PyTorch's order.
    fn stored_indices(self) -> impl Iterator<Item = usize> {
        let [of_rows, of_columns] = self.images;
        (0..self.rows).flat_map(move |row| {
            let start = stored_at(row, of_rows) * self.stride;
            (0..self.columns).map(move |column| start + stored_at(column, of_columns))
        })
    }
}

impl StorageOrder {
    /// Number of stored elements, including padding.
    pub fn len(self) -> usize {
        match self {
            StorageOrder::Rows(Rows { rows, stride, .. }) => rows * stride,
            StorageOrder::Reversed(extents) => extents.iter().product(),
        }
    }

    /// Number of elements of the tensor.
    pub fn count(self) -> usize {
        match self {
            StorageOrder::Rows(Rows { rows, columns, .. }) => rows * columns,
            StorageOrder::Reversed(extents) => extents.iter().product(),
        }
    }

    /// Converts stored elements to PyTorch's order.
    pub fn unpack<T: Copy + Default>(self, stored: Vec<T>) -> Vec<T> {
        match self {
            StorageOrder::Rows(rows) if rows.are_pytorchs() => stored,
            StorageOrder::Rows(rows) => {
                // With its final capacity: a growing vector would take up to three times the memory.
                let mut values = Vec::with_capacity(self.count());
                values.extend(rows.stored_indices().map(|at| stored[at]));
                values
            }
            StorageOrder::Reversed([a, b, c]) => reversed(&stored, [c, b, a]),
        }
    }

    /// Converts elements in PyTorch's order to the stored order.
    pub fn pack<T: Copy + Default>(self, values: &[T]) -> Cow<'_, [T]> {
        assert_eq!(values.len(), self.count());
        match self {
            StorageOrder::Rows(rows) if rows.are_pytorchs() => Cow::Borrowed(values),
            StorageOrder::Rows(rows) => {
                let mut stored = vec![T::default(); self.len()];
                rows.stored_indices().zip(values).for_each(|(at, &value)| stored[at] = value);
                Cow::Owned(stored)
            }
            StorageOrder::Reversed(extents) => Cow::Owned(reversed(values, extents)),
        }
    }
}

/// Reverses the axes of a tensor of these extents.
fn reversed<T: Copy>(values: &[T], [a, b, c]: [usize; 3]) -> Vec<T> {
    let at = move |k: usize, j: usize, i: usize| values[(i * b + j) * c + k];
    let row = move |k, j| (0..a).map(move |i| at(k, j, i));
    (0..c).flat_map(|k| (0..b).flat_map(move |j| row(k, j))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_zero_and_removed_again() {
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
        // outer·100 + inner·10 + position
        let number = |outer: u32, inner: u32, place: u32| outer * 100 + inner * 10 + place;
        let values: Vec<u32> = (0..24).map(|i| number(i / 8, i / 4 % 2, i % 4)).collect();
        let stored = kernel.pack(&values).into_owned();
        let want: Vec<u32> = (0..24).map(|i| number(i % 3, i / 3 % 2, i / 6)).collect();
        assert_eq!(stored, want);
        assert_eq!(kernel.unpack(stored), values);
    }
}
