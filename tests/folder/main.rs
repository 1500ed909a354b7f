//! Folders of images: what is found in them, what it decodes to, and what is kept of that.

mod bytes;
mod cache;
mod decode;
mod formats;
mod load;
mod odd;
mod pictures;
