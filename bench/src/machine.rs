//! The machine on which figures were measured.

use std::fs;
use std::process::Command;
use std::time::SystemTime;

/// What figures depend on besides the programs.
#[derive(Debug)]
pub(crate) struct Machine {
    cores: usize,
    cpu: String,
    memory_gib: u64,
    kernel: String,
}

impl Machine {
    /// This one.
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

    /// In one line.
    pub(crate) fn in_words(&self) -> String {
        let Self { cores, cpu, memory_gib, kernel } = self;
        format!("{cores} cores of {cpu}, {memory_gib} GiB, {kernel}")
    }
}

/// How many cores a program of this machine has.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The day, in UTC.
pub(crate) fn today() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}

/// The first line that a program says of its version.
pub(crate) fn version_of(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    String::from_utf8_lossy(&said).lines().next().map(|line| line.trim().to_owned())
}
