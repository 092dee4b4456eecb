//! The cost of a way in this process: memory and context switches.

#[cfg(target_os = "linux")]
use std::fs;

use crate::race::outcome::ProcessCost;

/// Measures the cost since it was started.
#[derive(Debug)]
pub(super) struct CostMeter {
    resident_bytes: Option<u64>,
    switches: Option<u64>,
}

impl CostMeter {
    /// Starts now, and resets the peak of resident memory that the system records.
    pub(super) fn start() -> Self {
        Self { resident_bytes: forget_peak(), switches: switches() }
    }

    /// The cost since the start; for memory, the peak minus what was resident at the start.
    pub(super) fn cost(&self) -> ProcessCost {
        let since = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        ProcessCost {
            memory_added_bytes: since(peak(), self.resident_bytes),
            switches: since(switches(), self.switches),
        }
    }
}

/// Resets the peak to the memory that is resident now, and returns that.
#[cfg(target_os = "linux")]
fn forget_peak() -> Option<u64> {
    // Documented in proc(5): 5 resets the peak resident set size.
    fs::write("/proc/self/clear_refs", "5").ok()?;
    status("VmRSS:")
}

#[cfg(target_os = "linux")]
fn peak() -> Option<u64> {
    status("VmHWM:")
}

/// A figure from this process's status, which Linux gives in KiB.
#[cfg(target_os = "linux")]
fn status(key: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(not(target_os = "linux"))]
fn forget_peak() -> Option<u64> {
    None
}

#[cfg(not(target_os = "linux"))]
fn peak() -> Option<u64> {
    None
}

/// The number of context switches of all threads of this process, including ended threads.
#[cfg(unix)]
fn switches() -> Option<u64> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let sum = usage.voluntary_context_switches() + usage.involuntary_context_switches();
    u64::try_from(sum).ok()
}

#[cfg(not(unix))]
fn switches() -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// One test for both figures, because starting another meter would reset the peak of this process.
    #[test]
    fn freed_memory_and_the_switches_of_an_ended_thread_are_counted() {
        const BYTES: usize = 64 * 1024 * 1024;
        let meter = CostMeter::start();
        drop(std::hint::black_box(vec![1_u8; BYTES]));
        switch_threads(100);
        let cost = meter.cost();
        // Other tests of this process may free memory at the same time.
        assert!(cost.memory_added_bytes.is_some_and(|bytes| bytes >= BYTES as u64 / 2), "{cost:?}");
        assert!(cost.switches.is_some_and(|count| count >= 100), "{cost:?}");
    }

    /// Each sleep is a context switch.
    fn switch_threads(times: usize) {
        let sleeping = std::thread::spawn(move || {
            for _ in 0..times {
                std::thread::sleep(std::time::Duration::from_micros(10));
            }
        });
        sleeping.join().expect("the sleeping thread does not panic");
    }
}
