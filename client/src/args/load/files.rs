//! The files that a run writes.

use std::path::{Path, PathBuf};

use crate::destination::{is_printed_alone, is_stdout};

/// The part of a run that a file contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputFormat {
    /// The complete record, as JSON.
    Record,
    /// The pictures.
    Svg,
    /// The interval log.
    Hdr,
    /// Calls one by one, as CSV.
    Sample,
}

impl OutputFormat {
    /// The flag that names the file.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Record => "--record",
            Self::Svg => "--svg",
            Self::Hdr => "--hdr",
            Self::Sample => "--sample-file",
        }
    }
}

/// The files of a run; their names may contain `{n}` for its number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    /// The files that were asked for.
    pub(super) all: Vec<(OutputFormat, PathBuf)>,
    /// Whether existing files are replaced.
    pub(crate) overwrites: bool,
}

impl Files {
    /// The files of the run with this number, from 1.
    pub(crate) fn of_run(&self, number: u32) -> Vec<(OutputFormat, PathBuf)> {
        self.all.iter().map(|(form, path)| (*form, numbered(path, number))).collect()
    }

    /// Whether one of them, or JSON, is printed instead of text.
    ///
    /// # Errors
    /// If two would both be printed: a sentence that names them.
    pub(super) fn is_printed_alone(&self, is_json: bool) -> Result<bool, String> {
        let named = self.all.iter().map(|(form, path)| (form.flag(), path.as_path()));
        is_printed_alone(is_json, &named.collect::<Vec<_>>())
    }

    /// Takes out the record, if it is to be printed.
    pub(super) fn take_printed_record(&mut self) -> bool {
        let is_printed = |(form, path): &(OutputFormat, PathBuf)| {
            *form == OutputFormat::Record && is_stdout(path)
        };
        self.all.extract_if(.., |file| is_printed(file)).next().is_some()
    }

    /// Checks that each run has its own files.
    ///
    /// # Errors
    /// If all runs would write the same file: a sentence that names its flag.
    pub(super) fn differ(&self) -> Result<(), String> {
        match self.all.iter().find(|(_, path)| numbered(path, 1) == *path) {
            Some((form, path)) if is_stdout(path) => Err(format!(
                "with --repeat each run writes its own file, and {} - would print all of them on stdout: \
                 give a name with {{n}}",
                form.flag()
            )),
            Some((form, path)) => Err(format!(
                "with --repeat each run writes its own file, and {} names only one: put {{n}} into {}",
                form.flag(),
                path.display()
            )),
            None => Ok(()),
        }
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    // A name that is not UTF-8 is used as it is.
    path.to_str()
        .map_or_else(|| path.to_owned(), |text| text.replace("{n}", &number.to_string()).into())
}
