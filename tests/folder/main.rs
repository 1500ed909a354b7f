//! Folders of images: listing, decoding, caching.

mod arbitrary_bytes;
mod cache;
mod decode;
mod formats;
mod images;
mod load;
mod malformed;
