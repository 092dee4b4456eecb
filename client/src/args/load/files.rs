//! The files that are written of a run.

use std::path::{Path, PathBuf};

use crate::destination::{is_printed_alone, is_stdout};

/// What a file holds of a run.
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

/// The files of a run, their names perhaps with `{n}` for its number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    /// Those that are given.
    pub(super) all: Vec<(OutputFormat, PathBuf)>,
    /// Whether those that exist are replaced.
    pub(crate) overwrites: bool,
}

impl Files {
    /// Those of one of several runs, from 1.
    pub(crate) fn of_run(&self, number: u32) -> Vec<(OutputFormat, PathBuf)> {
        self.all.iter().map(|(form, path)| (*form, numbered(path, number))).collect()
    }

    /// Whether one of them, or JSON, is printed instead of text.
    ///
    /// # Errors
    /// The sentence that names two which would both be printed.
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

    /// Whether each run has its own.
    ///
    /// # Errors
    /// The sentence that names the flag whose file all runs would write.
    pub(super) fn differ(&self) -> Result<(), String> {
        match self.all.iter().find(|(_, path)| numbered(path, 1) == *path) {
            Some((form, path)) if is_stdout(path) => Err(format!(
                "with --repeat each run has a file of its own, and {} - prints them all on stdout: give a name with {{n}}",
                form.flag()
            )),
            Some((form, path)) => Err(format!(
                "with --repeat each run has a file of its own, and {} names one: write {{n}} into {}",
                form.flag(),
                path.display()
            )),
            None => Ok(()),
        }
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    // A name that is not text has no `{n}` that could be found.
    path.to_str()
        .map_or_else(|| path.to_owned(), |text| text.replace("{n}", &number.to_string()).into())
}
