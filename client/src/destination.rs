//! The file into which a result is written once it is known: completely, or not at all; or stdout, for `-`.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use longsync_text::in_words;

use crate::output::{WriteTask, print_bytes};

/// A file into which a result is written once it is known, or stdout. Nothing is changed until then.
#[derive(Debug)]
pub(crate) struct Destination {
    /// The path as it was given.
    named: PathBuf,
    kind: DestinationKind,
}

#[derive(Debug)]
enum DestinationKind {
    /// The standard output of the process, named by `-`.
    Stdout,
    /// A regular file, or one yet to be created. The result is written to a temporary file next to it, which
    /// is then renamed: no reader sees half of it, and if the disk is full, the old file stays.
    File { path: PathBuf, replaces: bool },
    /// A named pipe that some program reads. It stays open, so that its reader waits for the result.
    Pipe(File),
    /// Anything else, such as a device or an output that is already open.
    Stream,
}

/// Why a file cannot be the destination.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DestinationError {
    /// It exists, or is not a possible destination.
    #[error("{0}")]
    Usage(String),
    /// The system does not allow it.
    #[error("{0}")]
    Failed(String),
}

/// Whether the path names stdout: `-`, as for other programs. A file of that name is `./-`.
pub(crate) fn is_stdout(named: &Path) -> bool {
    named == Path::new("-")
}

/// Whether stdout carries one of these instead of text: JSON, or a file that is named `-`. Each file comes
/// with the flag that asks for it.
///
/// # Errors
/// The sentence that names two that would both be printed.
pub(crate) fn is_printed_alone(
    is_json: bool,
    files: &[(&'static str, &Path)],
) -> Result<bool, String> {
    let json = is_json.then(|| "--json".to_owned());
    let printed = files.iter().filter(|(_, named)| is_stdout(named));
    let mut alone = json.into_iter().chain(printed.map(|(flag, _)| format!("{flag} -")));
    match (alone.next(), alone.next()) {
        (Some(one), Some(other)) => Err(format!(
            "{one} and {other} would both be printed on stdout: print one, and give the other a file"
        )),
        (one, _) => Ok(one.is_some()),
    }
}

impl Destination {
    /// Checks that this file can be written, and does not change it. `flag` is the one that names it.
    pub(crate) fn check(
        flag: &str,
        named: &Path,
        overwrites: bool,
    ) -> Result<Self, DestinationError> {
        let refused = |why: &str| {
            let named = named.display();
            DestinationError::Failed(format!(
                "cannot write {named} ({why}): choose another file with {flag}"
            ))
        };
        if is_stdout(named) {
            return Ok(Self { named: named.to_owned(), kind: DestinationKind::Stdout });
        }
        if is_open_output(named) {
            return Ok(Self { named: named.to_owned(), kind: DestinationKind::Stream });
        }
        let path = match fs::metadata(named) {
            Ok(about) if about.is_dir() => return Err(refused("it is a directory")),
            Ok(about) if is_pipe(&about) => {
                let pipe = open_pipe(named).map_err(|error| refused(&error))?;
                return Ok(Self { named: named.to_owned(), kind: DestinationKind::Pipe(pipe) });
            }
            Ok(about) if !about.is_file() => {
                return Ok(Self { named: named.to_owned(), kind: DestinationKind::Stream });
            }
            Ok(_) if !overwrites => {
                return Err(DestinationError::Usage(format!(
                    "{} exists, and is not overwritten: choose another file with {flag}, or give --overwrite",
                    named.display()
                )));
            }
            // The file that a link points to, not the link.
            Ok(_) => fs::canonicalize(named).map_err(|error| refused(&in_words(&error)))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing(named, refused)?,
            Err(error) => return Err(refused(&in_words(&error))),
        };
        // A folder in which no file can be created is reported before anything is measured.
        let tried = beside(&path).and_then(|(trial, file)| {
            drop(file);
            fs::remove_file(trial)
        });
        tried.map_err(|error| {
            refused(&format!("no file can be created in its folder: {}", in_words(&error)))
        })?;
        Ok(Self {
            named: named.to_owned(),
            kind: DestinationKind::File { path, replaces: overwrites },
        })
    }

    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.kind {
            DestinationKind::File { path, .. } => Some(path),
            DestinationKind::Stdout | DestinationKind::Pipe(_) | DestinationKind::Stream => None,
        }
    }

    /// The path as it was given.
    pub(crate) fn named(&self) -> &Path {
        &self.named
    }

    /// Returns the task of writing these bytes.
    pub(crate) fn writing(self, content: impl AsRef<[u8]> + Send + 'static) -> WriteTask {
        let Self { named, kind } = self;
        Box::new(move || {
            let written = match kind {
                DestinationKind::Stdout => return print_bytes(content.as_ref()),
                DestinationKind::File { path, replaces } => {
                    replace(&path, replaces, content.as_ref())
                }
                DestinationKind::Pipe(mut pipe) => pipe.write_all(content.as_ref()),
                // A file behind an open output is appended to, not truncated.
                DestinationKind::Stream => {
                    let opened = File::options().append(true).open(&named);
                    opened.and_then(|mut stream| stream.write_all(content.as_ref()))
                }
            };
            written
                .map_err(|error| anyhow!("cannot write {}: {}", named.display(), in_words(&error)))
        })
    }
}

/// Whether this is an output of the process, which may itself be redirected to a file.
fn is_open_output(path: &Path) -> bool {
    let outputs = ["/dev/stdout", "/dev/stderr"].map(Path::new);
    outputs.contains(&path) || ["/dev/fd", "/proc/self/fd"].iter().any(|fds| path.starts_with(fds))
}

/// Whether the path ends in a separator or in dots: such an end is ignored when a file is created.
fn is_folder(path: &Path) -> bool {
    let path = path.to_string_lossy();
    matches!(path.rsplit(std::path::is_separator).next(), Some("" | "." | ".."))
}

#[cfg(unix)]
fn is_pipe(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;

    about.file_type().is_fifo()
}

#[cfg(not(unix))]
fn is_pipe(_: &fs::Metadata) -> bool {
    false
}

/// Opens a named pipe, which without a reader would wait for one, perhaps forever.
fn open_pipe(path: &Path) -> Result<File, String> {
    let mut unblocked = File::options();
    unblocked.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;

        let flags = rustix::fs::OFlags::NONBLOCK.bits();
        unblocked.custom_flags(flags.cast_signed());
    }
    let _with_a_reader = unblocked.open(path).map_err(|error| {
        let has_no_reader = error.kind() != io::ErrorKind::PermissionDenied;
        if has_no_reader {
            "no program reads from this pipe: start its reader first".to_owned()
        } else {
            in_words(&error)
        }
    })?;
    // This one waits when the pipe is full.
    File::options().append(true).open(path).map_err(|error| in_words(&error))
}

/// The path of a file that does not exist yet.
fn missing(
    named: &Path,
    refused: impl Fn(&str) -> DestinationError,
) -> Result<PathBuf, DestinationError> {
    if named.symlink_metadata().is_ok() {
        return Err(refused("it is a link to a file that does not exist"));
    }
    if is_folder(named) {
        return Err(refused("it ends like the name of a folder"));
    }
    let Some(name) = named.file_name() else {
        return Err(refused("it is not the name of a file"));
    };
    let folder = named.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    fs::canonicalize(folder).map(|folder| folder.join(name)).map_err(|error| {
        refused(&match error.kind() {
            io::ErrorKind::NotFound => format!("there is no folder {}", folder.display()),
            _ => format!("its folder {}: {}", folder.display(), in_words(&error)),
        })
    })
}

/// Creates a temporary file next to this one; returns it with its path.
fn beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // File names have at most 255 bytes.
    let name: String = name.chars().take(40).collect();
    for number in 0..100 {
        let beside = path.with_file_name(format!(".{name}.{}-{number}.tmp", std::process::id()));
        match File::options().write(true).create_new(true).open(&beside) {
            Ok(file) => return Ok((beside, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("temporary files of earlier runs are in the way"))
}

fn replace(path: &Path, replaces: bool, content: &[u8]) -> io::Result<()> {
    let (beside, mut file) = beside(path)?;
    let written = file.write_all(content).and_then(|()| {
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        // Some systems report only now that there is no space left.
        file.sync_all()
    });
    if let Err(error) = written {
        // A partial file is of no use; if it cannot be removed either, there is nothing else to do.
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    if !replaces && path.try_exists()? {
        return Err(io::Error::other(format!(
            "another program wrote it in the meantime, so it was left alone: the result is in {}",
            beside.display()
        )));
    }
    fs::rename(&beside, path).map_err(|error| {
        let why = format!("{}; the result is in {}", in_words(&error), beside.display());
        io::Error::new(error.kind(), why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_one_output_is_printed_instead_of_text() {
        let (stdout, file) = (Path::new("-"), Path::new("./-"));
        let of = |is_json, svg| is_printed_alone(is_json, &[("--svg", svg), ("--hdr", file)]);
        assert_eq!(of(false, file), Ok(false));
        assert_eq!(of(true, file), Ok(true));
        assert_eq!(of(false, stdout), Ok(true));
        let both = "--json and --svg - would both be printed on stdout: print one, and give the other a file";
        assert_eq!(of(true, stdout), Err(both.to_owned()));
        let two = is_printed_alone(false, &[("--svg", stdout), ("--hdr", stdout)]);
        assert!(two.is_err_and(|why| why.starts_with("--svg - and --hdr - would")));
    }
}
