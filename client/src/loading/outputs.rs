//! What is written of a run.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use longsync_client::load::{self, Report};

use crate::args::{Files, Order};
use crate::columns;
use crate::destination::{Destination, Refused};
use crate::output::{Output, printing};

/// What is written of a run.
#[derive(Debug)]
pub(super) struct Outputs {
    is_json: bool,
    is_quiet: bool,
    record: Option<Destination>,
    svg: Option<Destination>,
    hdr: Option<Destination>,
    sample: Option<Destination>,
}

impl Outputs {
    /// Those of each run; checked before the first, so that a file that cannot be written costs none.
    pub(super) fn check_all(order: &Order) -> Result<Vec<Self>, Refused> {
        let all = (1..=order.repeat).map(|number| Self::check(order, order.files.of_run(number)));
        let all: Vec<_> = all.collect::<Result<_, _>>()?;
        differ(&all)?;
        Ok(all)
    }

    fn check(order: &Order, files: Files) -> Result<Self, Refused> {
        let checked = |flag, path: Option<PathBuf>| {
            path.map(|path| Destination::check(flag, &path, files.overwrites)).transpose()
        };
        Ok(Self {
            is_json: order.is_json,
            is_quiet: order.is_quiet,
            record: checked("--record", files.record)?,
            svg: checked("--svg", files.svg)?,
            hdr: checked("--hdr", files.hdr)?,
            sample: checked("--sample-file", files.sample)?,
        })
    }

    /// Has all of it written.
    pub(super) async fn write(self, report: &Report, output: &Output) {
        let record = (self.is_json || self.record.is_some()).then(|| document(report));
        match &record {
            Some(record) if self.is_json => output.write(printing(record.clone())).await,
            _ if self.is_quiet => {}
            _ => output.write(printing(load::to_text(report, columns()))).await,
        }
        if let (Some(file), Some(record)) = (self.record, record) {
            output.write(file.writing(record + "\n")).await;
        }
        if let Some(file) = self.svg {
            output.write(file.writing(load::to_svg(report))).await;
        }
        if let Some(file) = self.hdr {
            let mut log = Vec::new();
            load::write_hdr(report, &mut log).expect("a vector takes all bytes");
            output.write(file.writing(log)).await;
        }
        if let Some(file) = self.sample {
            let warm_up = report.settings.plan.warm_up.unwrap_or(Duration::ZERO);
            output.write(file.writing(load::to_csv(&report.load.sample, warm_up))).await;
        }
    }

    /// Has the record printed of a run that was not begun, if records are; of such a run no file is worth another.
    pub(super) async fn write_unbegun(self, report: &Report, output: &Output) {
        if self.is_json {
            output.write(printing(document(report))).await;
        }
    }

    fn destinations(&self) -> impl Iterator<Item = &Destination> {
        [&self.record, &self.svg, &self.hdr, &self.sample].into_iter().flatten()
    }
}

/// Whether no two of them are the same file.
fn differ(all: &[Outputs]) -> Result<(), Refused> {
    let mut seen = HashSet::new();
    for destination in all.iter().flat_map(Outputs::destinations) {
        if destination.file().is_some_and(|file| !seen.insert(file)) {
            return Err(Refused::Usage(format!(
                "{} would be written twice: give each output a file of its own",
                destination.named().display()
            )));
        }
    }
    Ok(())
}

fn document(report: &Report) -> String {
    load::to_json(report).expect("all values of a load have a JSON form")
}
