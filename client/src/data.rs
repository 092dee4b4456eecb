//! Files that are read as input.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use longsync_stats::Observation;
use longsync_text::in_words;

/// The maximum size of a data file, in bytes.
const MOST_DATA: u64 = 1 << 30;
/// The maximum size of any other file, in bytes.
const MOST_BYTES: u64 = 256 << 20;

/// Reads observations from a file, or from stdin for `-`.
///
/// # Errors
/// The sentence that says what is wrong: it cannot be read, is too large, or is not data of this kind.
pub(crate) fn observed(path: &Path) -> Result<Observation, String> {
    let limit = ReadLimit { bytes: MOST_DATA, instead: TOO_MUCH_DATA };
    let bytes = if is_stdin(path) { read_stdin(limit) } else { read_file(path, limit) }?;
    Observation::read(&bytes).map_err(|why| why.to_string())
}

/// The content of a file, or of stdin for `-`, as for other programs. A file of that name is `./-`.
///
/// # Errors
/// The sentence that says what is wrong, and names the file: it cannot be read, or is too large.
pub(crate) fn content(path: &Path) -> Result<Vec<u8>, String> {
    if is_stdin(path) {
        return stdin();
    }
    read_file(path, MOST).map_err(|why| format!("{}: {why}", name(path)))
}

/// Everything on stdin.
///
/// # Errors
/// The sentence that says what is wrong: it cannot be read, is too large, or was read before.
pub(crate) fn stdin() -> Result<Vec<u8>, String> {
    read_stdin(MOST).map_err(|why| format!("stdin: {why}"))
}

/// The name of a file, or of stdin, in messages.
pub(crate) fn name(path: &Path) -> impl fmt::Display {
    if is_stdin(path) { Path::new("stdin") } else { path }.display()
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn read_stdin(limit: ReadLimit) -> Result<Vec<u8>, String> {
    static IS_READ: AtomicBool = AtomicBool::new(false);
    if IS_READ.swap(true, Ordering::Relaxed) {
        return Err(
            "two flags name it, but it can be read only once: give one of them a file".to_owned()
        );
    }
    read(io::stdin().lock(), limit)
}

/// The content of a text file, or of stdin for `-`.
///
/// # Errors
/// Those of [`content`], and if it is not UTF-8.
pub(crate) fn text(path: &Path) -> Result<String, String> {
    let text = String::from_utf8(content(path)?);
    text.map_err(|_| format!("{}: it is not UTF-8 text: save it as UTF-8", name(path)))
}

/// How much is read, and what to do if there is more.
#[derive(Debug, Clone, Copy)]
struct ReadLimit {
    bytes: u64,
    instead: &'static str,
}

const MOST: ReadLimit =
    ReadLimit { bytes: MOST_BYTES, instead: "it is larger than 256 MiB: give a smaller one" };

const TOO_MUCH_DATA: &str = "it is larger than 1 GiB: give a part of it, or a histogram";

fn read_file(path: &Path, limit: ReadLimit) -> Result<Vec<u8>, String> {
    let unread = |why: io::Error| format!("it cannot be read: {}", in_words(&why));
    let file = File::open(path).map_err(unread)?;
    let about = file.metadata().map_err(unread)?;
    if about.is_dir() {
        return Err("it is a directory: name a file".to_owned());
    }
    if about.len() > limit.bytes { Err(limit.instead.to_owned()) } else { read(file, limit) }
}

fn read(source: impl Read, limit: ReadLimit) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = source.take(limit.bytes + 1).read_to_end(&mut bytes);
    let length = read.map_err(|why| format!("it cannot be read: {}", in_words(&why)))?;
    if u64::try_from(length).is_ok_and(|length| length <= limit.bytes) {
        Ok(bytes)
    } else {
        Err(limit.instead.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_that_is_too_large_is_refused_from_any_source() {
        let limit = ReadLimit { bytes: 4, instead: TOO_MUCH_DATA };
        assert_eq!(read(&b"12ms"[..], limit), Ok(b"12ms".to_vec()));
        assert_eq!(read(io::repeat(b'1'), limit), Err(TOO_MUCH_DATA.to_owned()));
    }
}
