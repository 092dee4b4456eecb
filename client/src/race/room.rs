//! Whether a way fits into this process: files, threads, memory maps.

/// What a way needs beyond what the process has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) files: u64,
    pub(super) threads: u64,
}

/// What a thread takes besides itself: its stack, the stack for its signals, and a guard before each.
const MAPS_PER_THREAD: u64 = 4;

/// A limit of the system, and how much of it is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SystemLimit {
    resource: Resource,
    /// As the system calls it.
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
                Resource::Files => (self.files, "files"),
                Resource::Threads => (self.threads, "threads"),
                Resource::Maps => (self.threads * MAPS_PER_THREAD, "memory maps"),
            };
            let free = limit.most.saturating_sub(limit.taken);
            (needed > free).then(|| {
                let grouped = longsync_text::grouped;
                format!(
                    "it needs {} {what}, and {} leaves room for {}: make fewer calls, or raise it",
                    grouped(needed),
                    limit.name,
                    grouped(free)
                )
            })
        })
    }
}

/// The limits of this process that are known.
#[cfg(target_os = "linux")]
pub(super) fn limits() -> Vec<SystemLimit> {
    use std::fs;

    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let entries = |path: &str| fs::read_dir(path).ok().map(|entries| entries.count() as u64);
    // `0.00 0.01 0.05 1/234 5678`: the threads that run, and all there are.
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

/// None are known on this system: what does not fit fails.
#[cfg(not(target_os = "linux"))]
pub(super) fn limits() -> Vec<SystemLimit> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limit(resource: Resource, most: u64, taken: u64) -> SystemLimit {
        SystemLimit { resource, name: "the limit of this test", most, taken }
    }

    proptest! {
        /// What is left of a limit fits, and one more does not.
        #[test]
        fn what_is_left_fits_and_one_more_does_not(most in 0_u64..100_000, taken in 0_u64..100_000) {
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
             make fewer calls, or raise it"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_knows_its_limits_and_has_room_for_a_few_more() {
        let limits = limits();
        assert!(limits.iter().any(|limit| limit.resource == Resource::Files));
        assert!(limits.iter().any(|limit| limit.resource == Resource::Maps));
        assert_eq!(Needs { files: 2, threads: 2 }.misfit(&limits), None);
        assert!(Needs { files: u64::MAX, threads: 0 }.misfit(&limits).is_some());
    }
}
