//! Programs under measurement, each in its own process: the core it runs on, its output, and its use
//! of processor and memory. The process ends when its handle is dropped.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// How often a process that is waited for is polled.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Which cores a process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cores {
    /// The same as this program.
    Any,
    /// Only this core.
    Only(usize),
}

/// A running process.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    lines: mpsc::Receiver<String>,
}

/// The result of a process that has ended.
#[derive(Debug)]
pub(crate) struct ProcessResult {
    /// The lines of its output that were not read before.
    pub(crate) lines: Vec<String>,
    /// The processor time of all its threads.
    pub(crate) cpu: Duration,
}

impl Process {
    /// Starts one.
    pub(crate) fn start(command: &mut Command, cores: Cores) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let spawned = match cores {
            Cores::Any => command.spawn(),
            // A child inherits the cores of the thread that starts it.
            Cores::Only(core) => {
                let before = sched_getaffinity(None)?;
                let mut one = CpuSet::new();
                one.set(core);
                sched_setaffinity(None, &one).with_context(|| format!("no core {core}"))?;
                let spawned = command.spawn();
                sched_setaffinity(None, &before)?;
                spawned
            }
        };
        let mut child = spawned.with_context(|| format!("cannot start {name}"))?;
        let stdout = child.stdout.take().context("stdout was piped")?;
        // On a separate thread, so that a program with much output is never blocked.
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { name, child, lines })
    }

    /// The next line of its output.
    pub(crate) fn line(&self, within: Duration) -> anyhow::Result<String> {
        let name = &self.name;
        self.lines.recv_timeout(within).map_err(|why| match why {
            RecvTimeoutError::Timeout => anyhow!("{name} printed nothing within {within:?}"),
            RecvTimeoutError::Disconnected => anyhow!("{name} ended without printing anything"),
        })
    }

    /// Its own resident memory, in bytes.
    pub(crate) fn rss_bytes(&self) -> anyhow::Result<u64> {
        rss_bytes(&self.child.id().to_string())
    }

    /// The processor time of all its threads so far, with a resolution of 10 ms.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        // `pid (name) state ppid ...`, and a name may contain anything; user and system time are the
        // 14th and 15th fields.
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, after_name) = stat.rsplit_once(')').context("no name in stat")?;
        let ticks: u64 = after_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u64>().unwrap_or_default())
            .sum();
        let a_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_millis(ticks * 1_000 / a_second))
    }

    /// Waits at most `within` until it has ended.
    pub(crate) fn finish(mut self, within: Duration) -> anyhow::Result<ProcessResult> {
        let give_up = Instant::now() + within;
        let pid = Pid::from_child(&self.child);
        // It is not reaped here, so that its processor time can still be read.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        while waitid(WaitId::Pid(pid), options)?.is_none() {
            if Instant::now() > give_up {
                bail!("{} has not ended within {within:?}", self.name);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let cpu = self.cpu()?;
        let status = self.child.wait()?;
        let lines = self.lines.iter().collect();
        if !status.success() {
            bail!("{} ended with {status}: {lines:?}", self.name);
        }
        Ok(ProcessResult { lines, cpu })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // They fail if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The resident memory of the process with this id, or of `self`, in bytes.
pub(crate) fn rss_bytes(pid: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).context("no number in VmRSS")?.parse()?;
    Ok(kib * 1024)
}

/// The processor time of this process so far.
pub(crate) fn own_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// Runs a program to its end, which must be successful.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output();
    let name = command.get_program().to_string_lossy().into_owned();
    let output = output.with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        bail!("{name} {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
