//! The system's errors about files and outputs, in words.

use std::io::{self, ErrorKind};

/// Why something cannot be read or written, without an error number: `permission denied`.
pub(crate) fn in_words(error: &io::Error) -> String {
    // An error that does not come from the system is already written in words.
    if error.raw_os_error().is_none() {
        return error.to_string();
    }
    let known = match error.kind() {
        ErrorKind::NotFound => "no such file",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::IsADirectory => "it is a directory",
        ErrorKind::NotADirectory => "part of its path is not a folder",
        ErrorKind::StorageFull => "there is no space left on the device",
        ErrorKind::QuotaExceeded => "the quota of its disk is used up",
        ErrorKind::FileTooLarge => "it would be larger than a file may be",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::InvalidFilename => "a file cannot have that name",
        _ => return without_number(&error.to_string()).to_owned(),
    };
    known.to_owned()
}

/// The same without the number that the standard library appends.
fn without_number(text: &str) -> &str {
    text.rsplit_once(" (os error ").map_or(text, |(words, _)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn system_errors_are_described_in_words() {
        for (number, words) in [
            (2, "no such file"),
            (13, "permission denied"),
            (20, "part of its path is not a folder"),
            (21, "it is a directory"),
            (27, "it would be larger than a file may be"),
            (28, "there is no space left on the device"),
            (30, "the file system is read-only"),
        ] {
            assert_eq!(in_words(&io::Error::from_raw_os_error(number)), words);
        }
        let other = in_words(&io::Error::from_raw_os_error(5));
        assert!(!other.is_empty() && !other.contains("os error"), "{other}");
    }

    #[test]
    fn an_error_that_is_already_in_words_is_unchanged() {
        assert_eq!(
            in_words(&io::Error::new(ErrorKind::NotFound, "nobody is there")),
            "nobody is there"
        );
    }
}
