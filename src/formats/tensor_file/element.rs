//! Element types of tensors.

use half::{bf16, f16};
use safetensors::Dtype;

/// A tensor element; little-endian in files.
pub trait Element: Copy + private::Sealed {
    /// The safetensors name of the type.
    const DTYPE: Dtype;
    /// Decodes bytes; an incomplete number at the end is ignored.
    fn decode(bytes: &[u8]) -> impl Iterator<Item = Self>;
    /// Encodes numbers into `bytes`, replacing its content.
    fn encode(numbers: &[Self], bytes: &mut Vec<u8>);
}

mod private {
    pub trait Sealed {}
}

macro_rules! elements {
    ($($number:ty => $dtype:ident),*) => {
        /// The supported types.
        pub(super) const DTYPES: &[Dtype] = &[$(Dtype::$dtype),*];

        $(impl private::Sealed for $number {}
        impl Element for $number {
            const DTYPE: Dtype = Dtype::$dtype;
            fn decode(bytes: &[u8]) -> impl Iterator<Item = Self> {
                bytes.as_chunks().0.iter().map(|bytes| <$number>::from_le_bytes(*bytes))
            }
            fn encode(numbers: &[Self], bytes: &mut Vec<u8>) {
                bytes.resize(size_of_val(numbers), 0);
                let slots = bytes.as_chunks_mut().0.iter_mut();
                slots.zip(numbers).for_each(|(slot, number)| *slot = number.to_le_bytes());
            }
        })*
    };
}
elements!(u8 => U8, f16 => F16, bf16 => BF16, f32 => F32, f64 => F64, u32 => U32, u64 => U64, i64 => I64);
