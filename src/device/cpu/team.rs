//! A standing team of threads.
