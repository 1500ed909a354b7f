//! Memory limits of this process on Linux: those of its control groups, which containers, systemd
//! and Slurm set for their jobs, and of its address space (`ulimit`).

use std::fs;
use std::path::{Component, Path};

/// Bytes that the tightest limit leaves; `None` if there is no limit. `root` is `/`, except in
/// tests.
pub(super) fn remaining(root: &Path) -> Option<u64> {
    cgroup_remaining(root).into_iter().chain(ulimit_remaining(root)).min()
}

/// File names and keys of one control group version.
struct Files {
    limit: &'static str,
    usage: &'static str,
    /// Keys in `memory.stat` of the page cache, which usage includes but which is freed on demand.
    cached: [&'static str; 2],
}

const VERSION_1: Files = Files {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    cached: ["total_inactive_file", "total_active_file"],
};
const VERSION_2: Files = Files {
    limit: "memory.max",
    usage: "memory.current",
    cached: ["inactive_file", "active_file"],
};

/// Bytes that the control groups leave: a process is limited by its own group and all ancestors of
/// it. A container may see only the files of its own group, mounted as the root.
fn cgroup_remaining(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mounts = root.join("sys/fs/cgroup");
    let of_line = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next()?, parts.next()?);
        let (mount, files) = match controllers {
            "" => (mounts.clone(), &VERSION_2),
            list if list.split(',').any(|one| one == "memory") => {
                (mounts.join("memory"), &VERSION_1)
            }
            _ => return None,
        };
        let names = Path::new(group).components();
        let names: Vec<_> = names.filter(|name| matches!(name, Component::Normal(_))).collect();
        let folders = (0..=names.len())
            .map(|depth| mount.join(names[..depth].iter().collect::<std::path::PathBuf>()));
        folders.filter_map(|folder| files.remaining(&folder)).min()
    };
    text.lines().filter_map(of_line).min()
}

impl Files {
    fn remaining(&self, group: &Path) -> Option<u64> {
        // The value is "max" if there is no limit.
        let limit = number(&read(group, self.limit)?)?;
        let usage = number(&read(group, self.usage)?)?;
        let stat = read(group, "memory.stat").unwrap_or_default();
        let cached: u64 = stat.lines().filter_map(|line| self.is_cached(line)).sum();
        Some(limit.saturating_sub(usage.saturating_sub(cached)))
    }

    fn is_cached(&self, line: &str) -> Option<u64> {
        let (name, bytes) = line.split_once(' ')?;
        self.cached.contains(&name).then(|| number(bytes))?
    }
}

/// Bytes that `ulimit -v` and `ulimit -d` leave.
fn ulimit_remaining(root: &Path) -> Option<u64> {
    let own = root.join("proc/self");
    let (limits, status) = (read(&own, "limits")?, read(&own, "status")?);
    let left = |limit: &str, usage: &str| {
        let limit = limits.lines().find_map(|line| line.strip_prefix(limit))?;
        let usage = status.lines().find_map(|line| line.strip_prefix(usage))?;
        // The first number is the soft limit, the second the hard limit; "unlimited" does not
        // parse.
        let limit = number(limit.split_whitespace().next()?)?;
        Some(limit.saturating_sub(number(usage.trim().strip_suffix(" kB")?)? << 10))
    };
    let pairs = [("Max address space", "VmSize:"), ("Max data size", "VmData:")];
    pairs.iter().filter_map(|(limit, usage)| left(limit, usage)).min()
}

fn read(folder: &Path, name: &str) -> Option<String> {
    fs::read_to_string(folder.join(name)).ok()
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root folder with these files.
    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn missing_files_and_unlimited_values_mean_no_limit() {
        assert_eq!(remaining(system(&[]).path()), None);
        let unlimited = system(&[
            ("proc/self/cgroup", "0::/user.slice\n"),
            ("proc/self/status", "VmSize:\t  2048 kB\nVmData:\t  1024 kB\n"),
            ("proc/self/limits", "Max data size    unlimited    unlimited    bytes\n"),
            ("sys/fs/cgroup/user.slice/memory.max", "max\n"),
            ("sys/fs/cgroup/user.slice/memory.current", "1000\n"),
        ]);
        assert_eq!(remaining(unlimited.path()), None);
    }

    #[test]
    fn limits_of_all_ancestor_groups_count_and_page_cache_does_not() {
        let job = "sys/fs/cgroup/system.slice/job_7";
        let groups = system(&[
            ("proc/self/cgroup", "0::/system.slice/job_7/step_0/task_0\n"),
            (&format!("{job}/memory.max"), "1000000\n"),
            (&format!("{job}/memory.current"), "700000\n"),
            (&format!("{job}/memory.stat"), "anon 1\ninactive_file 90000\nactive_file 10000\n"),
            (&format!("{job}/step_0/memory.max"), "max\n"),
            (&format!("{job}/step_0/memory.current"), "600000\n"),
            ("sys/fs/cgroup/system.slice/memory.max", "5000000\n"),
            ("sys/fs/cgroup/system.slice/memory.current", "4500000\n"),
        ]);
        assert_eq!(remaining(groups.path()), Some(400_000), "the job's");
        fs::write(groups.path().join("sys/fs/cgroup/system.slice/memory.current"), "4900000")
            .unwrap();
        assert_eq!(remaining(groups.path()), Some(100_000), "that of all jobs");
        fs::write(groups.path().join("sys/fs/cgroup/system.slice/memory.current"), "5100000")
            .unwrap();
        assert_eq!(remaining(groups.path()), Some(0));
    }

    #[test]
    fn cgroup_version_1_files_are_read() {
        let job = "sys/fs/cgroup/memory/slurm/uid_1000/job_7";
        let groups = system(&[
            (
                "proc/self/cgroup",
                "9:cpu,cpuacct:/\n5:hugetlb,memory:/slurm/uid_1000/job_7/step_0\n",
            ),
            (&format!("{job}/memory.limit_in_bytes"), "1000000\n"),
            (&format!("{job}/memory.usage_in_bytes"), "700000\n"),
            (&format!("{job}/memory.stat"), "inactive_file 5\ntotal_inactive_file 200000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "800000\n"),
        ]);
        assert_eq!(remaining(groups.path()), Some(500_000));
    }

    #[test]
    fn container_with_its_own_group_mounted_as_root_is_limited() {
        let container = system(&[
            ("proc/self/cgroup", "0::/docker/0123abcd\n"),
            ("sys/fs/cgroup/memory.max", "1000000\n"),
            ("sys/fs/cgroup/memory.current", "250000\n"),
        ]);
        assert_eq!(remaining(container.path()), Some(750_000));
    }

    #[test]
    fn address_space_and_data_size_limits_are_read() {
        let limits = "Limit           Soft Limit    Hard Limit    Units\n\
                      Max data size    2097152    unlimited    bytes\n\
                      Max address space    9437184    9437184    bytes\n";
        let status = "Name:\tgan-cuda\nVmSize:\t    8192 kB\nVmData:\t  512 kB\n";
        let limited = system(&[("proc/self/limits", limits), ("proc/self/status", status)]);
        assert_eq!(remaining(limited.path()), Some(1 << 20));
    }
}
