//! The outputs of a run.

use std::cell::Cell;
use std::collections::HashSet;
use std::mem;
use std::time::Duration;

use longsync_client::load::{self, Report};

use super::document;
use crate::args::{LoadOrder, OutputFormat};
use crate::columns;
use crate::destination::{Destination, DestinationError};
use crate::output::{Output, printing};

/// The outputs of a run.
#[derive(Debug)]
pub(super) struct Outputs {
    is_json: bool,
    is_text: bool,
    files: Vec<(OutputFormat, Destination)>,
}

impl Outputs {
    /// Those of each run; checked before the first, so that a file that cannot be written does not cost a
    /// run.
    pub(super) fn check_all(order: &LoadOrder) -> Result<Vec<Self>, DestinationError> {
        let all = (1..=order.repeat).map(|number| Self::check(order, number));
        let all: Vec<_> = all.collect::<Result<_, _>>()?;
        differ(&all)?;
        Ok(all)
    }

    fn check(order: &LoadOrder, number: u32) -> Result<Self, DestinationError> {
        let checked = |(form, path): (OutputFormat, _)| {
            Ok((form, Destination::check(form.flag(), path, order.files.overwrites)?))
        };
        let files = order.files.of_run(number);
        let files =
            files.iter().map(|(form, path)| checked((*form, path))).collect::<Result<_, _>>()?;
        Ok(Self { is_json: order.is_json, is_text: order.is_text, files })
    }

    /// Whether the record is printed instead of text.
    pub(super) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Queues everything to be written; from when the report's printing is queued, `is_printed` says so.
    pub(super) async fn write(self, report: &Report, output: &Output, is_printed: &Cell<bool>) {
        let is_recorded = self.files.iter().any(|(form, _)| *form == OutputFormat::Record);
        let mut record = if self.is_json || is_recorded { document(report) } else { String::new() };
        if self.is_json {
            output.write(printing(record.clone())).await;
        } else if self.is_text {
            output.write(printing(load::to_text(report, columns()))).await;
        }
        is_printed.set(true);
        for (form, file) in self.files {
            let content = match form {
                OutputFormat::Record => (mem::take(&mut record) + "\n").into_bytes(),
                OutputFormat::Svg => load::to_svg(report).into_bytes(),
                OutputFormat::Hdr => log(report),
                OutputFormat::Sample => sample(report).into_bytes(),
            };
            output.write(file.writing(content)).await;
        }
    }

    /// Queues the record of a run that did not begin, if records are printed; such a run has no other files.
    pub(super) async fn write_unbegun(
        self,
        report: &Report,
        output: &Output,
        is_printed: &Cell<bool>,
    ) {
        if self.is_json {
            output.write(printing(document(report))).await;
        }
        is_printed.set(true);
    }
}

/// Checks that no two of them are the same file.
fn differ(all: &[Outputs]) -> Result<(), DestinationError> {
    let mut seen = HashSet::new();
    let mut destinations = all.iter().flat_map(|outputs| &outputs.files).map(|(_, file)| file);
    let twice = destinations.find(|it| it.file().is_some_and(|file| !seen.insert(file)));
    twice.map_or(Ok(()), |twice| {
        Err(DestinationError::Usage(format!(
            "{} would be written twice: give each output its own file",
            twice.named().display()
        )))
    })
}

fn log(report: &Report) -> Vec<u8> {
    let mut log = Vec::new();
    load::write_hdr(report, &mut log).expect("a vector takes all bytes");
    log
}

fn sample(report: &Report) -> String {
    let warm_up = report.settings.plan.warm_up.unwrap_or(Duration::ZERO);
    load::to_csv(&report.load.sample, warm_up)
}
