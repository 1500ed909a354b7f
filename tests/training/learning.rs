//! Every preset learns.
