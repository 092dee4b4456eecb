//! The system's errors in words.

use std::io::{self, ErrorKind};

/// What the standard library writes before an error number.
const NUMBER: &str = " (os error ";

/// Why the system refused, without an error number: `permission denied`. An error that does not come from the
/// system directly has its own words, also without the number that the standard library appends.
pub fn in_words(error: &io::Error) -> String {
    let known = match error.kind() {
        _ if error.raw_os_error().is_none() => return without_number(&error.to_string()),
        ErrorKind::NotFound => "no such file",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::IsADirectory => "it is a directory",
        ErrorKind::NotADirectory => "part of its path is not a folder",
        ErrorKind::StorageFull => "there is no space left on the device",
        ErrorKind::QuotaExceeded => "the quota of its disk is used up",
        ErrorKind::FileTooLarge => "it would be larger than a file may be",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::InvalidFilename => "a file cannot have that name",
        ErrorKind::AddrInUse => "the address is in use",
        ErrorKind::AddrNotAvailable => "this machine does not have that address",
        _ => return without_number(&error.to_string()),
    };
    known.to_owned()
}

fn without_number(text: &str) -> String {
    match text.rsplit_once(NUMBER) {
        Some((words, rest)) if rest.ends_with(')') => words.to_owned(),
        _ => text.to_owned(),
    }
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
    fn an_error_with_words_of_its_own_keeps_them_without_the_number() {
        assert_eq!(
            in_words(&io::Error::new(ErrorKind::NotFound, "nobody is there")),
            "nobody is there"
        );
        let inner = io::Error::from_raw_os_error(5);
        let outer = io::Error::other(inner.to_string());
        assert!(outer.to_string().contains("os error"), "{outer}");
        assert_eq!(in_words(&outer), in_words(&inner));
    }
}
