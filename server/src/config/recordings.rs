//! The recorded delays that a server may replay: files inside one folder.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use longsync_stats::RecordedDurations;
use longsync_text::duration::text;
use longsync_text::{in_words, quoted};

/// The longest file, in bytes. A file is read all at once.
const MOST_BYTES: u64 = 1 << 30;

/// A folder of recorded delays.
#[derive(Debug, Clone)]
pub struct Recordings {
    folder: PathBuf,
}

impl Recordings {
    /// The recordings inside `folder`.
    pub fn below(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Reads the recording in `file`, whose values are at most `most`: distinct values in nanoseconds, in
    /// ascending order, each with the number of its occurrences.
    ///
    /// # Errors
    /// A sentence that says what is wrong, and in which line: the file is outside the folder, cannot be read,
    /// is not a recording, or contains a longer value.
    pub fn read(&self, file: &str, most: Duration) -> Result<Vec<(u64, u64)>, String> {
        let path = self.find(file)?;
        if fs::metadata(&path).is_ok_and(|about| about.len() > MOST_BYTES) {
            return Err(format!("{} is larger than 1 GiB: record a part of it", quoted(file)));
        }
        let bytes = fs::read(path)
            .map_err(|why| format!("{} cannot be read: {}", quoted(file), in_words(&why)))?;
        let recorded =
            RecordedDurations::read(&bytes).map_err(|why| format!("{}: {why}", quoted(file)))?;
        let (longest, line) = recorded.longest();
        if longest > most {
            return Err(format!(
                "{}: line {line}: {} is over this server's limit of {}: leave it out",
                quoted(file),
                text(longest),
                text(most)
            ));
        }
        Ok(recorded.values().to_vec())
    }

    /// Checks that there is such a folder.
    ///
    /// # Errors
    /// A sentence that says why there is none.
    pub fn check(&self) -> Result<(), String> {
        let found = self.real_folder().map(drop);
        found.map_err(|why| format!("{why}: name the folder that contains the recordings"))
    }

    /// The real path of the folder, after following all symbolic links.
    fn real_folder(&self) -> Result<PathBuf, String> {
        match fs::canonicalize(&self.folder) {
            Ok(folder) if folder.is_dir() => Ok(folder),
            Ok(_) => Err("it is not a folder".to_owned()),
            Err(why) if why.kind() == ErrorKind::NotFound => {
                Err("there is no such folder".to_owned())
            }
            Err(why) => Err(in_words(&why)),
        }
    }

    /// The real path of the file, after following all symbolic links.
    fn find(&self, file: &str) -> Result<PathBuf, String> {
        let folder = self
            .real_folder()
            .map_err(|why| format!("the replay directory {}: {why}", quoted_path(&self.folder)))?;
        let path = fs::canonicalize(folder.join(file))
            .map_err(|why| format!("{}: {}", quoted(file), in_words(&why)))?;
        if !path.starts_with(&folder) {
            return Err(format!(
                "{} is outside {}: --replay-dir names the folder of the recordings",
                quoted(file),
                quoted_path(&folder)
            ));
        }
        if path.is_dir() {
            return Err(format!("{} is a directory: name a file", quoted(file)));
        }
        // Reading a pipe could block forever.
        if !path.is_file() {
            return Err(format!("{} is not a regular file: name one", quoted(file)));
        }
        Ok(path)
    }
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}
