//! The files that are written of a run.

use std::path::{Path, PathBuf};

/// The files of one run, or their names with `{n}` for its number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    pub(crate) record: Option<PathBuf>,
    pub(crate) svg: Option<PathBuf>,
    pub(crate) hdr: Option<PathBuf>,
    pub(crate) sample: Option<PathBuf>,
    /// Whether those that exist are replaced.
    pub(crate) overwrites: bool,
}

impl Files {
    /// Those of one of several runs, from 1.
    pub(crate) fn of_run(&self, number: u32) -> Self {
        let named = |path: &Option<PathBuf>| path.as_deref().map(|path| numbered(path, number));
        Self {
            record: named(&self.record),
            svg: named(&self.svg),
            hdr: named(&self.hdr),
            sample: named(&self.sample),
            overwrites: self.overwrites,
        }
    }

    /// Whether each run has its own.
    ///
    /// # Errors
    /// The sentence that names the flag whose file all runs would write.
    pub(super) fn differ(&self) -> Result<(), String> {
        let all = [
            ("--record", &self.record),
            ("--svg", &self.svg),
            ("--hdr", &self.hdr),
            ("--sample-file", &self.sample),
        ];
        for (flag, path) in all {
            if let Some(path) = path.as_deref().filter(|path| numbered(path, 1) == **path) {
                return Err(format!(
                    "with --repeat each run has a file of its own, and {flag} names one: write {{n}} into {}",
                    path.display()
                ));
            }
        }
        Ok(())
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    // A name that is not text has no `{n}` that could be found.
    path.to_str()
        .map_or_else(|| path.to_owned(), |text| text.replace("{n}", &number.to_string()).into())
}
