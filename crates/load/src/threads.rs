//! The system's account of threads.

use std::time::Duration;

/// The system's account of a thread's time, since the thread began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ThreadTimes {
    /// How long it has run.
    pub(crate) cpu: Duration,
    /// How long it was ready to run but had no core.
    pub(crate) runnable: Duration,
}

/// The ID of the calling thread in the system; 0 if it is unknown.
pub(crate) fn this() -> u32 {
    #[cfg(target_os = "linux")]
    return rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
    #[cfg(not(target_os = "linux"))]
    return 0;
}

/// How a thread of this process has spent its time, if the system reports it (Linux does).
pub(crate) fn spent(thread: u32) -> Option<ThreadTimes> {
    let path = format!("/proc/self/task/{thread}/schedstat");
    parsed(&std::fs::read_to_string(path).ok()?)
}

/// Parses two times in nanoseconds, and the number of time slices.
fn parsed(schedstat: &str) -> Option<ThreadTimes> {
    let mut nanos = schedstat.split_ascii_whitespace().map(|word| word.parse().ok());
    let mut next = || Some(Duration::from_nanos(nanos.next()??));
    Some(ThreadTimes { cpu: next()?, runnable: next()? })
}

/// How much of all cores' time a hypervisor has taken: that time, and the total time, in ticks.
pub(crate) fn stolen() -> Option<(u64, u64)> {
    of_cores(&std::fs::read_to_string("/proc/stat").ok()?)
}

fn of_cores(stat: &str) -> Option<(u64, u64)> {
    let words = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
    // user, nice, system, idle, iowait, irq, softirq, steal; the time of guests is included in the first two.
    let ticks: Vec<u64> = words.take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    Some((*ticks.get(7)?, ticks.iter().sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_times_are_parsed_from_linux() {
        let spent = parsed("1500000 2500000 12\n").unwrap();
        assert_eq!(spent.cpu, Duration::from_micros(1_500));
        assert_eq!(spent.runnable, Duration::from_micros(2_500));
        assert_eq!(parsed("0"), None);
    }

    #[test]
    fn stolen_time_is_parsed_from_linux() {
        assert_eq!(of_cores("cpu  10 0 5 80 1 0 0 4 0 0\ncpu0 1\n"), Some((4, 100)));
        assert_eq!(of_cores("cpu  10 0 5"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_thread_has_a_time() {
        assert!(spent(this()).is_some() && stolen().is_some());
    }
}
