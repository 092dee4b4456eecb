//! The limit on open files, which bounds how many connections a server can hold.

use std::io;

use crate::config::Config;

/// The process's limit on open files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimit {
    /// The limit before it was raised.
    pub before: u64,
    /// The current limit.
    pub now: u64,
}

/// Files that are opened later, but not by the workers: a timer for the lame duck, a connection over the
/// limit, a file that is read briefly, a log file.
const SPARE: u64 = 14;
/// What [`Server`](crate::Server) opens when it starts: the listener.
const LISTENER: u64 = 1;
/// What each worker opens: a poller (two files) with its waker, and its share of the signals. The timer is
/// opened with the first wait.
const WORKER: u64 = 5;

/// The limit on open files is too low for what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileLimitError {
    /// More connections than there is room for.
    #[error(
        "--max-connections {asked} does not fit: the limit on open files, {files}, leaves room for {room} \
         connections; ask for at most that, or raise the limit with `ulimit -n {needed}`"
    )]
    Connections {
        /// How many connections were asked for.
        asked: u64,
        /// How many there is room for.
        room: u64,
        /// The limit on open files.
        files: u64,
        /// The lowest limit that would be sufficient.
        needed: u64,
    },
    /// More workers than there is room for.
    #[error(
        "--workers {asked} does not fit: the limit on open files, {files}, leaves room for {}raise the \
         limit with `ulimit -n {needed}`",
        match room {
            0 => "none; ".to_owned(),
            room => format!("{room}; ask for at most that, or "),
        }
    )]
    Workers {
        /// How many workers were asked for.
        asked: u64,
        /// How many there is room for, with one connection.
        room: u64,
        /// The limit on open files.
        files: u64,
        /// The lowest limit that would be sufficient, with one connection.
        needed: u64,
    },
}

/// How many connections a server may hold: the number that was asked for or, without one, as many as there is
/// room for.
///
/// # Errors
/// If the limit on open files is too low for what was asked for; the error wraps a [`FileLimitError`].
pub(crate) fn connections(config: &Config) -> io::Result<usize> {
    let files = file_limit();
    let room = room(files, open_files(), config.workers.get() as u64).map_err(no_room)?;
    let Some(asked) = config.limits.max_connections else {
        return Ok(usize::try_from(room).unwrap_or(usize::MAX));
    };
    if asked.get() as u64 > room {
        return Err(no_room(too_many_connections(asked.get() as u64, room, files)));
    }
    Ok(asked.get())
}

fn no_room(why: FileLimitError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

fn too_many_connections(asked: u64, room: u64, files: u64) -> FileLimitError {
    let needed = files.saturating_sub(room).saturating_add(asked);
    FileLimitError::Connections { asked, room, files, needed }
}

/// How many connections fit in addition to the files that are open now and those that the server itself
/// opens.
fn room(files: u64, open: u64, workers: u64) -> Result<u64, FileLimitError> {
    let others = open + LISTENER + SPARE;
    let room = files.saturating_sub(others + WORKER * workers);
    if room > 0 {
        return Ok(room);
    }
    Err(FileLimitError::Workers {
        asked: workers,
        room: files.saturating_sub(others + 1) / WORKER,
        files,
        needed: others + WORKER * workers + 1,
    })
}

/// How many files the process has open.
fn open_files() -> u64 {
    // If the system does not report it: the standard streams and the caller's runtime.
    const GUESS: u64 = 16;
    let open = ["/proc/self/fd", "/dev/fd"].iter().find_map(|path| std::fs::read_dir(path).ok());
    // One of them is the directory being read.
    open.map_or(GUESS, |open| (open.count() as u64).saturating_sub(1))
}

/// Raises the soft limit on open files to the hard one.
///
/// # Errors
/// If the system refuses.
#[cfg(unix)]
pub fn raise_file_limit() -> io::Result<FileLimit> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(FileLimit { before: current.unwrap_or(u64::MAX), now: maximum.unwrap_or(u64::MAX) })
}

/// This system has no such limit to raise.
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

/// The soft limit on open files, which is unknown on this system.
#[cfg(not(unix))]
pub(crate) fn file_limit() -> u64 {
    u64::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_the_limit_less_the_files_that_are_open_or_will_be() {
        assert_eq!(room(64, 9, 2), Ok(30));
        assert_eq!(room(1_024, 9, 2), Ok(990));
        assert_eq!(room(300, 9, 40), Ok(76));
        assert_eq!(room(u64::MAX, 9, 1), Ok(u64::MAX - 29));
    }

    #[test]
    fn workers_that_leave_no_room_for_a_connection_are_refused() {
        for (files, open, asked) in [(64, 9, 8), (35, 10, 2), (29, 9, 1), (0, 9, 1_024)] {
            let why = room(files, open, asked).unwrap_err();
            let FileLimitError::Workers { room: fit, needed, .. } = why else { panic!("{why:?}") };
            assert_eq!(why, FileLimitError::Workers { asked, room: fit, files, needed });
            assert!(fit < asked && room(needed, open, asked) == Ok(1), "{why:?}");
            assert!(fit == 0 || room(files, open, fit).is_ok(), "{why:?}");
            assert!(room(files, open, fit + 1).is_err(), "{why:?}");
        }
    }

    #[test]
    fn the_error_says_what_would_be_right() {
        let said = too_many_connections(1_000, 30, 64).to_string();
        let connections =
            ["--max-connections 1000", "64", "room for 30 connections", "`ulimit -n 1034`"];
        for part in connections {
            assert!(said.contains(part), "{part} is not in {said}");
        }
        let said = room(64, 9, 16).unwrap_err().to_string();
        for part in [
            "--workers 16",
            "64, leaves room for 7; ask for",
            "or raise the limit with `ulimit -n 105`",
        ] {
            assert!(said.contains(part), "{part} is not in {said}");
        }
        let said = room(24, 9, 1).unwrap_err().to_string();
        assert!(said.ends_with("room for none; raise the limit with `ulimit -n 30`"), "{said}");
    }
}
