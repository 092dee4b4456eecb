//! The data that a behavior is to be fitted to.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use longsync_stats::Observed;

/// How much is read at most, in bytes.
const MOST_BYTES: u64 = 1 << 30;

/// Reads what was observed from a file, or from stdin for `-`.
///
/// # Errors
/// The sentence that says what is wrong: it cannot be read, is too large, or is not such data.
pub(crate) fn observed(path: &Path) -> Result<Observed, String> {
    let bytes = if path == Path::new("-") {
        read(io::stdin().lock(), MOST_BYTES)
    } else {
        let unread = |why: io::Error| format!("it cannot be read: {why}");
        let file = File::open(path).map_err(unread)?;
        let about = file.metadata().map_err(unread)?;
        if about.is_dir() {
            return Err("it is a directory: name a file".to_owned());
        }
        if about.len() > MOST_BYTES { Err(TOO_LARGE.to_owned()) } else { read(file, MOST_BYTES) }
    }?;
    Observed::read(&bytes).map_err(|why| why.to_string())
}

const TOO_LARGE: &str = "it is larger than 1 GiB: give a part of it, or a histogram";

fn read(source: impl Read, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = source.take(most + 1).read_to_end(&mut bytes);
    let length = read.map_err(|why| format!("it cannot be read: {why}"))?;
    if u64::try_from(length).is_ok_and(|length| length <= most) {
        Ok(bytes)
    } else {
        Err(TOO_LARGE.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_refused_however_it_comes() {
        assert_eq!(read(&b"12ms"[..], 4), Ok(b"12ms".to_vec()));
        assert_eq!(read(io::repeat(b'1'), 4), Err(TOO_LARGE.to_owned()));
    }
}
