//! The file of a picture.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};

use crate::output::Writing;

/// A file that is open for a picture.
#[derive(Debug)]
pub(crate) struct Picture {
    file: File,
    path: PathBuf,
}

impl Picture {
    /// Opens a file for writing, and leaves its content until there is something else to write.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let mut options = File::options();
        match options.write(true).create(true).truncate(false).open(&path) {
            Ok(file) => Ok(Self { file, path }),
            Err(error) => Err(anyhow!(
                "cannot write {} ({error}): choose another file with --svg",
                path.display()
            )),
        }
    }

    /// Returns the writing that replaces what is in the file.
    pub(crate) fn drawing(self, svg: String) -> Writing {
        let Self { mut file, path } = self;
        Box::new(move || {
            replace(&mut file, &svg).with_context(|| format!("cannot write {}", path.display()))
        })
    }
}

fn replace(file: &mut File, svg: &str) -> io::Result<()> {
    // Pipes and devices have no length.
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    file.write_all(svg.as_bytes())
}
