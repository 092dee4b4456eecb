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

/// Files that are opened later, but not by the workers: a timer for the lame duck, a connection over
/// the limit, a file that is read for a moment, a log file.
const SPARE: u64 = 14;
/// What [`Server`](crate::Server) opens at its start: the listener.
const LISTENER: u64 = 1;
/// And each worker: a poller (two files) with its waker and its share of the signals. Its timer comes
/// with its first wait.
const WORKER: u64 = 5;

/// The limit on open files has no room for what is asked for.
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
        /// The lowest limit that has room for what was asked for.
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
        /// The lowest limit that has room for what was asked for, with one connection.
        needed: u64,
    },
}

/// How many connections a server may hold: as many as were asked for, or as there is room for.
///
/// # Errors
/// With a [`FileLimitError`] inside, when the limit on open files has no room for what was asked for.
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

/// How many connections fit beside what is open now and what the server itself opens.
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
    fn there_is_room_for_what_is_left() {
        assert_eq!(room(64, 9, 2), Ok(30));
        assert_eq!(room(1_024, 9, 2), Ok(990));
        assert_eq!(room(300, 9, 40), Ok(76));
        assert_eq!(room(u64::MAX, 9, 1), Ok(u64::MAX - 29));
    }

    #[test]
    fn workers_that_leave_no_room_for_a_connection_are_too_many() {
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
    fn what_would_be_right_is_said() {
        let said = too_many_connections(1_000, 30, 64).to_string();
        let connections =
            ["--max-connections 1000", "64", "room for 30 connections", "`ulimit -n 1034`"];
        for part in connections {
            assert!(said.contains(part), "{part} in {said}");
        }
        let said = room(64, 9, 16).unwrap_err().to_string();
        for part in [
            "--workers 16",
            "64, leaves room for 7; ask for",
            "or raise the limit with `ulimit -n 105`",
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
        let said = room(24, 9, 1).unwrap_err().to_string();
        assert!(said.ends_with("room for none; raise the limit with `ulimit -n 30`"), "{said}");
    }
}
