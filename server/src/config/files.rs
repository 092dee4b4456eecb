//! How many files the process may have open, which bounds how many connections a server holds.

use std::io;

use crate::config::Config;

/// The process's limit on open files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimit {
    /// What it was.
    pub before: u64,
    /// What it is.
    pub now: u64,
}

/// Files that are opened later: a timer for each thread, what is read for a moment, a log file.
const SPARE: u64 = 16;
/// What [`Server`](crate::Server) opens at its start: the listener, and for each worker a poller (two
/// files) with its waker and its share of the signals.
const LISTENER: u64 = 1;
const WORKER: u64 = 4;

/// More connections are asked for than the limit on open files has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "--max-connections {asked} does not fit: the limit on open files, {files}, has room for {room}; \
     ask for at most that, or raise the limit with `ulimit -n {}`",
    .files.saturating_sub(*room).saturating_add(*asked)
)]
pub struct TooManyConnections {
    /// How many connections were asked for.
    pub asked: u64,
    /// How many there is room for.
    pub room: u64,
    /// The limit on open files.
    pub files: u64,
}

/// How many connections a server may hold: as many as were asked for, or as there is room for.
///
/// # Errors
/// When the limit on open files has no room for those that were asked for.
pub(crate) fn connections(config: &Config) -> Result<usize, TooManyConnections> {
    let files = file_limit();
    let room = room(files, open_files(), config.workers.get() as u64);
    match config.limits.max_connections {
        Some(asked) if asked.get() as u64 > room => {
            Err(TooManyConnections { asked: asked.get() as u64, room, files })
        }
        Some(asked) => Ok(asked.get()),
        None => Ok(usize::try_from(room).unwrap_or(usize::MAX)),
    }
}

/// How many connections fit beside what is open now and what the server itself opens.
fn room(files: u64, open: u64, workers: u64) -> u64 {
    files.saturating_sub(open + LISTENER + WORKER * workers + SPARE).max(1)
}

/// How many files the process has open.
fn open_files() -> u64 {
    // If the system does not tell: the standard streams and the runtime of the caller.
    const GUESS: u64 = 16;
    let open = ["/proc/self/fd", "/dev/fd"].iter().find_map(|path| std::fs::read_dir(path).ok());
    // One of them is the directory that is read.
    open.map_or(GUESS, |open| (open.count() as u64).saturating_sub(1))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_what_is_left_and_always_for_one() {
        assert_eq!(room(64, 9, 2), 30);
        assert_eq!(room(1_024, 9, 2), 990);
        assert_eq!(room(20, 9, 2), 1);
        assert_eq!(room(u64::MAX, 9, 1), u64::MAX - 30);
    }

    #[test]
    fn what_would_be_right_is_said() {
        let said = TooManyConnections { asked: 1_000, room: 30, files: 64 }.to_string();
        for part in ["--max-connections 1000", "64", "room for 30", "`ulimit -n 1034`"] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
}
