//! The numbers that tensors are made of.

use half::{bf16, f16};
use safetensors::Dtype;

/// A number that tensors are made of; in files it is little-endian.
pub trait Element: Copy + private::Sealed {
    /// The type as safetensors names it.
    const DTYPE: Dtype;
    /// The numbers that bytes stand for; what is left over at the end is ignored.
    fn decode(bytes: &[u8]) -> impl Iterator<Item = Self>;
    /// Puts numbers into `bytes`, in place of what was there.
    fn encode(numbers: &[Self], bytes: &mut Vec<u8>);
}

mod private {
    pub trait Sealed {}
}

macro_rules! elements {
    ($($number:ty => $dtype:ident),*) => {
        /// The types that we read and write.
        pub(super) const DTYPES: &[Dtype] = &[$(Dtype::$dtype),*];

        $(impl private::Sealed for $number {}
        impl Element for $number {
            const DTYPE: Dtype = Dtype::$dtype;
            fn decode(bytes: &[u8]) -> impl Iterator<Item = Self> {
                bytes.as_chunks().0.iter().map(|bytes| <$number>::from_le_bytes(*bytes))
            }
            fn encode(numbers: &[Self], bytes: &mut Vec<u8>) {
                bytes.resize(size_of_val(numbers), 0);
                let places = bytes.as_chunks_mut().0.iter_mut();
                places.zip(numbers).for_each(|(place, number)| *place = number.to_le_bytes());
            }
        })*
    };
}
elements!(u8 => U8, f16 => F16, bf16 => BF16, f32 => F32, f64 => F64, u32 => U32, u64 => U64, i64 => I64);
