//! How much memory this process has come to use.

#[cfg(target_os = "linux")]
use std::fs;

/// Watches the process's resident memory from a moment on.
#[derive(Debug)]
pub(crate) struct MemoryMeter {
    before: Option<u64>,
}

impl MemoryMeter {
    /// Begins now: the peak that the system remembers is forgotten.
    pub(crate) fn start() -> Self {
        Self { before: forget_peak() }
    }

    /// How many bytes the peak since then lies above what was resident at the start. [`None`] where
    /// the system cannot tell.
    pub(crate) fn added_bytes(&self) -> Option<u64> {
        Some(peak()?.saturating_sub(self.before?))
    }
}

/// What is resident now, once the peak was set back to it.
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

/// A figure of this process, which Linux gives in KiB.
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_touched_is_seen_even_after_it_was_given_back() {
        let meter = MemoryMeter::start();
        drop(std::hint::black_box(vec![1_u8; 64 * 1024 * 1024]));
        assert!(meter.added_bytes().is_some_and(|bytes| bytes >= 60 * 1024 * 1024));
    }
}
