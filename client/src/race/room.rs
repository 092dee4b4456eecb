//! Whether a way fits within the limits of this process: files, threads, memory maps.

use longsync_text::{counted, grouped};

use crate::figures::length;

/// The files and threads that a way needs in addition to those that the process has open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) files: u64,
    pub(super) threads: u64,
}

/// The memory maps of a thread: its stack, its signal stack, and a guard page before each.
const MAPS_PER_THREAD: u64 = 4;

/// A limit of the system, and how much of it is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SystemLimit {
    resource: Resource,
    /// The system's name for the limit.
    name: &'static str,
    most: u64,
    taken: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(any(target_os = "linux", test)),
    expect(dead_code, reason = "no limits are known on other systems")
)]
enum Resource {
    Files,
    Threads,
    Maps,
}

impl Needs {
    /// Why this does not fit, as a sentence; [`None`] if it does.
    pub(super) fn misfit(self, limits: &[SystemLimit]) -> Option<String> {
        limits.iter().find_map(|limit| {
            let (needed, what) = match limit.resource {
                Resource::Files => (self.files, "file"),
                Resource::Threads => (self.threads, "thread"),
                Resource::Maps => (self.threads * MAPS_PER_THREAD, "memory map"),
            };
            let free = limit.most.saturating_sub(limit.taken);
            (needed > free).then(|| {
                format!(
                    "it needs {}, and {} leaves room for {}: make fewer calls, or raise the limit",
                    counted(length(needed), what),
                    limit.name,
                    grouped(free)
                )
            })
        })
    }
}

/// The known limits of this process.
#[cfg(target_os = "linux")]
pub(super) fn limits() -> Vec<SystemLimit> {
    use std::fs;

    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let entries = |path: &str| fs::read_dir(path).ok().map(|entries| entries.count() as u64);
    // In `0.00 0.01 0.05 1/234 5678`, 234 is the number of threads on the system.
    let threads = fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|load| load.split_whitespace().nth(3)?.split_once('/')?.1.parse::<u64>().ok());
    let maps = fs::read_to_string("/proc/self/maps").ok().map(|maps| maps.lines().count() as u64);
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    [
        (Resource::Files, "the limit on open files", files, entries("/proc/self/fd")),
        (
            Resource::Threads,
            "the limit on threads (kernel.threads-max)",
            number("/proc/sys/kernel/threads-max"),
            threads,
        ),
        (
            Resource::Threads,
            "the limit on process ids (kernel.pid_max)",
            number("/proc/sys/kernel/pid_max"),
            threads,
        ),
        (
            Resource::Threads,
            "the control group's limit on tasks (pids.max)",
            number("/sys/fs/cgroup/pids.max"),
            number("/sys/fs/cgroup/pids.current"),
        ),
        (
            Resource::Maps,
            "the limit on memory maps (vm.max_map_count)",
            number("/proc/sys/vm/max_map_count"),
            maps,
        ),
    ]
    .into_iter()
    .filter_map(|(resource, name, most, taken)| {
        Some(SystemLimit { resource, name, most: most?, taken: taken? })
    })
    .collect()
}

/// How much more memory this process may use: what is available on the machine, or in its control group if
/// that is less. [`None`] if the system does not report it.
#[cfg(target_os = "linux")]
pub(super) fn free_memory_bytes() -> Option<u64> {
    use std::fs;

    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let available = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = available.split_whitespace().next()?.parse().ok()?;
    let of_group = |file: &str| {
        fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?.trim().parse::<u64>().ok()
    };
    // Without a limit, the file contains `max`, which does not parse.
    let left = of_group("memory.max")
        .zip(of_group("memory.current"))
        .map(|(most, taken)| most.saturating_sub(taken));
    let free = kib.saturating_mul(1_024);
    Some(left.map_or(free, |left| left.min(free)))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn free_memory_bytes() -> Option<u64> {
    None
}

/// No limits are known on this system, so a way that does not fit fails while it runs.
#[cfg(not(target_os = "linux"))]
pub(super) fn limits() -> Vec<SystemLimit> {
    Vec::new()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A limit on memory maps that leaves room for this many.
    pub(in crate::race) fn maps(free: u64) -> SystemLimit {
        limit(Resource::Maps, free, 0)
    }

    fn limit(resource: Resource, most: u64, taken: u64) -> SystemLimit {
        SystemLimit { resource, name: "the limit of this test", most, taken }
    }

    proptest! {
        /// Needs up to what is left of a limit fit, and one more does not.
        #[test]
        fn needs_fit_up_to_what_is_left_of_a_limit(most in 0_u64..100_000, taken in 0_u64..100_000) {
            let free = most.saturating_sub(taken);
            let limits = [limit(Resource::Files, most, taken)];
            let files = |files| Needs { files, threads: 0 }.misfit(&limits);
            prop_assert_eq!(files(free), None);
            prop_assert!(files(free + 1).is_some());
        }
    }

    #[test]
    fn a_thread_needs_four_maps() {
        let limits = [limit(Resource::Threads, 1_000, 0), limit(Resource::Maps, 100, 20)];
        assert_eq!(Needs { files: 0, threads: 20 }.misfit(&limits), None);
        let why = Needs { files: 0, threads: 21 }.misfit(&limits).unwrap();
        assert_eq!(
            why,
            "it needs 84 memory maps, and the limit of this test leaves room for 80: \
             make fewer calls, or raise the limit"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_knows_its_limits_and_has_room_for_a_few_more() {
        let limits = limits();
        assert!(limits.iter().any(|limit| limit.resource == Resource::Files));
        assert!(limits.iter().any(|limit| limit.resource == Resource::Maps));
        assert!(free_memory_bytes() > Some(0));
        assert_eq!(Needs { files: 2, threads: 2 }.misfit(&limits), None);
        assert!(Needs { files: u64::MAX, threads: 0 }.misfit(&limits).is_some());
    }
}
