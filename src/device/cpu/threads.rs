//! The default number of threads of the CPU device.

use std::{fs, thread};

use sysinfo::System;

/// More threads than this gain nothing: an iteration is about a hundred operations, the largest of
/// which have about twenty units of work. Estimated, not measured.
const MAX_THREADS: usize = 16;

/// Lists the NUMA nodes that have processors: `0`, `0-1`, `0,2-3`.
const NODES: &str = "/sys/devices/system/node/has_cpu";

/// The number of physical cores that this process may use, on one NUMA node if there are several:
/// communication between nodes takes longer than the work itself.
pub fn default_threads() -> usize {
    let allowed = thread::available_parallelism().map_or(1, usize::from);
    let nodes = fs::read_to_string(NODES).map_or(1, |list| count(&list));
    threads(System::physical_core_count().unwrap_or(allowed), allowed, nodes)
}

fn threads(physical: usize, allowed: usize, nodes: usize) -> usize {
    (physical / nodes.max(1)).min(allowed).clamp(1, MAX_THREADS)
}

/// Counts the numbers in a list of numbers and ranges in Linux's format; anything else counts as one.
fn count(list: &str) -> usize {
    let range = |part: &str| {
        let (first, last) = part.split_once('-')?;
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        Some(last.saturating_sub(first) + 1)
    };
    list.trim().split(',').map(|part| range(part).unwrap_or(1)).sum()
}

#[cfg(test)]
mod tests {
    use super::{count, threads};

    #[test]
    fn numa_nodes_are_counted_in_linux_lists() {
        let lists = ["0\n", "0-1\n", "0,2-3\n", ""];
        assert_eq!(lists.map(count), [1, 2, 3, 1]);
    }

    #[test]
    fn default_is_the_usable_cores_of_one_numa_node_up_to_a_maximum() {
        assert_eq!(threads(2, 2, 1), 2);
        assert_eq!(threads(8, 16, 1), 8, "two hardware threads a core");
        assert_eq!(threads(8, 3, 1), 3, "a container's limit");
        assert_eq!(threads(24, 48, 2), 12, "two nodes");
        assert_eq!(threads(128, 256, 2), 16, "a large machine");
        assert_eq!(threads(1, 1, 2), 1);
    }
}
