//! The machine's memory: how much of it is left, asked before much of it is taken, and how much
//! was.

mod limits;

use std::path::Path;

use sysinfo::{MemoryRefreshKind, System};

use crate::text::bytes;

/// Bytes that this process can still have: what the machine has left, or a limit that was set to the
/// process if that is less. Nothing where the system does not say.
pub fn available() -> Option<usize> {
    let mut system = System::new();
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let machine = Some(system.available_memory()).filter(|&bytes| bytes > 0);
    let left = machine.into_iter().chain(limits::left(Path::new("/"))).min()?;
    usize::try_from(left).ok()
}

/// The most bytes of the machine's memory that this process has had at once. Nothing where the
/// system does not say: Linux does.
pub fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<usize>().ok()? << 10)
}

/// A device has not enough memory.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "not enough memory on {device}: {asked} are needed, {free} are free; {remedy}",
    asked = bytes(*asked),
    free = bytes(*free)
)]
pub struct OutOfMemory {
    /// The device, in words.
    pub device: String,
    /// Bytes that were asked for.
    pub asked: usize,
    /// Bytes that are free.
    pub free: usize,
    /// What to do.
    pub remedy: String,
}

/// Makes sure that there are so many bytes for something.
///
/// # Errors
/// [`OutOfMemory`] with `remedy`.
pub fn require(bytes: usize, remedy: &str) -> Result<(), OutOfMemory> {
    match available() {
        Some(free) if free < bytes => Err(OutOfMemory {
            device: "this machine".to_owned(),
            asked: bytes,
            free,
            remedy: remedy.to_owned(),
        }),
        _ => Ok(()),
    }
}
