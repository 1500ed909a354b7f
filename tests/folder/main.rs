//! Folders of images: what is found in them, what it decodes to, and what is kept of that.

mod arbitrary_bytes;
mod cache;
mod decode;
mod formats;
mod images;
mod load;
mod malformed;
