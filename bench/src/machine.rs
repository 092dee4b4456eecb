//! The machine on which figures were measured.

use std::fs;
use std::process::Command;
use std::time::SystemTime;

use serde::Serialize;

use crate::digits::two_digits;

/// The environment on which figures depend besides the programs.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Machine {
    cores: usize,
    cpu: String,
    memory_gib: u64,
    kernel: String,
}

impl Machine {
    /// The machine on which this program runs.
    pub(crate) fn this() -> Self {
        let field = |path: &str, name: &str| {
            let text = fs::read_to_string(path).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
        };
        let memory = field("/proc/meminfo", "MemTotal");
        let memory_kib: u64 =
            memory.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or_default();
        let system = rustix::system::uname();
        Self {
            cores: cores(),
            cpu: field("/proc/cpuinfo", "model name"),
            memory_gib: memory_kib.div_ceil(1024 * 1024),
            kernel: format!(
                "{} {}",
                system.sysname().to_string_lossy(),
                system.release().to_string_lossy()
            ),
        }
    }

    /// A description in one line.
    pub(crate) fn in_words(&self) -> String {
        let Self { cores, cpu, memory_gib, kernel } = self;
        format!("{cores} cores of {cpu}, {memory_gib} GiB, {kernel}")
    }
}

/// The other load on the machine during a measurement.
#[derive(Debug)]
pub(crate) struct Surroundings {
    load_average: f64,
    ticks: Ticks,
}

/// Time of all cores since the machine started, in the system's ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    /// Given to other machines by the hypervisor.
    stolen: u64,
    all: u64,
}

impl Surroundings {
    /// The current state.
    pub(crate) fn now() -> Self {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load_average =
            load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default();
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        Self { load_average, ticks: Ticks::read(&stat) }
    }

    /// A sentence on the time from then to now.
    pub(crate) fn until_now(&self) -> String {
        let now = Self::now();
        let all = now.ticks.all.saturating_sub(self.ticks.all).max(1);
        let stolen = now.ticks.stolen.saturating_sub(self.ticks.stolen);
        #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
        let percent = stolen as f64 * 100.0 / all as f64;
        format!(
            "The one-minute load average was {} before and {} after, including the programs measured; the hypervisor \
             took {} % of the cores' time meanwhile.",
            two_digits(self.load_average),
            two_digits(now.load_average),
            two_digits(percent)
        )
    }
}

impl Ticks {
    /// The first line of `/proc/stat`, see proc(5): user nice system idle iowait irq softirq steal, and then
    /// the guests' time, which user and nice include.
    fn read(stat: &str) -> Self {
        let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
        let ticks: Vec<u64> = fields.map(|ticks| ticks.parse().unwrap_or_default()).collect();
        Self { stolen: ticks.get(7).copied().unwrap_or_default(), all: ticks.iter().sum() }
    }
}

/// The number of cores available to a program on this machine.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Today's date in UTC.
pub(crate) fn today() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}

/// The first line that a program prints when asked for its version.
pub(crate) fn version_of(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    String::from_utf8_lossy(&said).lines().next().map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_the_eighth_field_and_guests_are_not_counted_twice() {
        let stat = "cpu  10 20 30 400 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(Ticks::read(stat), Ticks { stolen: 8, all: 486 });
        assert_eq!(Ticks::read(""), Ticks { stolen: 0, all: 0 });
    }
}
