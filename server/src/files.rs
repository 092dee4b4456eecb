//! How many files the process may have open, which bounds how many connections a server holds.

use std::io;

/// The process's limit on open files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimit {
    /// What it was.
    pub before: u64,
    /// What it is.
    pub now: u64,
}

/// What is left for all else: standard streams, listener, runtimes, a log file.
const RESERVED: u64 = 64;

/// How many connections a limit on files leaves room for.
pub(crate) fn connections_within(files: u64) -> usize {
    usize::try_from(files.saturating_sub(RESERVED)).unwrap_or(usize::MAX).max(1)
}

/// Raises the soft limit on open files to the hard one.
///
/// # Errors
/// When the system refuses.
#[cfg(unix)]
pub fn raise_file_limit() -> io::Result<FileLimit> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(FileLimit { before: current.unwrap_or(u64::MAX), now: maximum.unwrap_or(u64::MAX) })
}

/// There is no such limit to raise on this system.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub fn raise_file_limit() -> io::Result<FileLimit> {
    Ok(FileLimit { before: file_limit(), now: file_limit() })
}

/// The soft limit on open files.
#[cfg(unix)]
pub(crate) fn file_limit() -> u64 {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The soft limit on open files: none is known on this system.
#[cfg(not(unix))]
pub(crate) fn file_limit() -> u64 {
    u64::MAX
}
