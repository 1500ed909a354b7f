//! Memory of the machine: how much is available, and the peak use of this process.

mod limits;

use std::path::Path;

use sysinfo::{MemoryRefreshKind, System};

use crate::text::bytes;

/// Bytes that this process can still allocate: the available memory of the machine, or what a limit
/// of the process leaves if that is less. `None` if the system does not tell.
pub fn available() -> Option<usize> {
    let mut system = System::new();
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let machine = Some(system.available_memory()).filter(|&bytes| bytes > 0);
    let left = machine.into_iter().chain(limits::remaining(Path::new("/"))).min()?;
    usize::try_from(left).ok()
}

/// Peak memory use of this process (resident set size) in bytes. `None` if the system does not
/// tell; Linux does.
pub fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<usize>().ok()? << 10)
}

/// A device does not have enough memory.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "not enough memory on {device}: {asked} are needed, {free} are free; {remedy}",
    asked = bytes(*asked),
    free = bytes(*free)
)]
pub struct OutOfMemory {
    /// The device's name.
    pub device: String,
    /// The required bytes.
    pub asked: usize,
    /// The free bytes.
    pub free: usize,
    /// What to do.
    pub remedy: String,
}

/// Checks that `bytes` are available.
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
