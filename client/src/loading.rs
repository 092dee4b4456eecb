//! The command `load`: its runs one after another, and the output of each.

mod live;
mod outputs;

use std::cell::Cell;

use anyhow::anyhow;
use longsync_client::load::{self, MetricsServer, Report, Settings, Watchers};
use longsync_load::{Control, LoadPlan};
use longsync_text::in_words;

use self::live::Drawing;
use self::outputs::Outputs;
use crate::args::{LoadArgs, LoadOrder};
use crate::destination::DestinationError;
use crate::output::{Output, WriteTask, printing};
use crate::session::{Session, SessionEnd};
use crate::{FAILURE, INTERRUPTED, complained, printed_last, usage};

/// The subcommand that usage errors are about.
const COMMAND: Option<&str> = Some("load");
/// The client was the bottleneck of a run in which it must not be.
const CLIENT_BOUND: u8 = 98;
/// A threshold was not met, or a rule ended the run.
const MISSED: u8 = 99;

/// The exit codes by precedence: if several apply, the first is chosen.
const ORDER: [u8; 4] = [INTERRUPTED, FAILURE, CLIENT_BOUND, MISSED];

/// Runs the loads as ordered; returns the exit code.
pub(crate) fn run(args: LoadArgs) -> u8 {
    let order = args.into_order().unwrap_or_else(|why| usage(COMMAND, &why));
    let (settings, plan) = order.first().unwrap_or_else(|why| usage(COMMAND, &why));
    let outputs = match Outputs::check_all(&order) {
        Ok(outputs) => outputs,
        Err(DestinationError::Usage(why)) => usage(COMMAND, &why),
        Err(DestinationError::Failed(why)) => return not_prepared(&order, settings, &why),
    };
    let (session, metrics) = match prepared(&order) {
        Ok(prepared) => prepared,
        Err(error) => return not_prepared(&order, settings, &format!("{error:#}")),
    };
    let (mut codes, mut rest) = (Vec::new(), Vec::new());
    let mut next = Some((settings.clone(), plan));
    for (number, outputs) in (1..).zip(outputs) {
        // A plan may hold a large payload: each is built only when it is needed.
        let this = next.take().map_or_else(|| settings.with_later_seed(number - 1), Ok);
        let (settings, plan) = this.unwrap_or_else(|why| usage(COMMAND, &why.to_string()));
        let drawing = order.is_text.then(|| Drawing::follow(&settings)).flatten();
        let run = Run { settings, plan, outputs, drawing, metrics: metrics.as_ref() };
        let (run_codes, unprinted) = run.carried_out(&session, order.is_strict);
        codes.extend(run_codes);
        rest.extend(unprinted);
        if session.is_interrupted() {
            codes.push(INTERRUPTED);
            break;
        }
    }
    let SessionEnd { complaints, is_interrupted } = session.finish(rest, None);
    codes.extend(complaints.iter().map(|complaint| complained(FAILURE, complaint)));
    codes.extend(is_interrupted.then_some(INTERRUPTED));
    first(&codes)
}

/// The resources that all runs share.
fn prepared(order: &LoadOrder) -> anyhow::Result<(Session, Option<MetricsServer>)> {
    let session = Session::start()?;
    let listening = |address| {
        MetricsServer::start(address).map_err(|error| {
            let why = in_words(&error);
            anyhow!("cannot listen at {address} for --metrics ({why}): choose another address")
        })
    };
    Ok((session, order.metrics.map(listening).transpose()?))
}

/// Reports why not even the first run could begin, also in its record if records are printed.
fn not_prepared(order: &LoadOrder, settings: Settings, why: &str) -> u8 {
    let code = complained(FAILURE, why);
    let record = order.is_json.then(|| document(&Report::not_started(settings, why)));
    printed_last(code, None, record)
}

/// The exit code for everything that happened.
fn first(codes: &[u8]) -> u8 {
    ORDER.into_iter().find(|code| codes.contains(code)).unwrap_or(0)
}

/// One run.
struct Run<'a> {
    settings: Settings,
    plan: LoadPlan,
    outputs: Outputs,
    drawing: Option<Drawing>,
    metrics: Option<&'a MetricsServer>,
}

impl Run<'_> {
    /// Makes its calls and reports the result; returns the exit codes of what happened, and the writing of
    /// its record if it has not been printed yet.
    fn carried_out(self, session: &Session, is_strict: bool) -> (Vec<u8>, Option<WriteTask>) {
        // A reader of records gets one per run, however the run ends.
        let unreported = self.outputs.is_json().then(|| self.settings.clone());
        let is_printed = Cell::new(false);
        let ran = session.run_to_report(async |stop, end, output| {
            let control = Control { stop, end, ..Control::default() };
            self.measured(&control, output, is_strict, &is_printed).await
        });
        if let Some(codes) = ran {
            return (codes, None);
        }
        let unreported = unreported.filter(|_| !is_printed.get());
        let record = |settings| printing(document(&Report::not_started(settings, NOTHING)));
        (vec![complained(INTERRUPTED, NOTHING)], unreported.map(record))
    }

    /// The same, until the user stops waiting; `is_printed` then says whether the report was printed.
    async fn measured(
        self,
        control: &Control,
        output: &Output,
        is_strict: bool,
        is_printed: &Cell<bool>,
    ) -> Vec<u8> {
        let Self { settings, plan, outputs, drawing, metrics } = self;
        let observer = Watchers {
            live: drawing.as_ref().map(Drawing::board),
            metrics: metrics.map(|server| server.board(settings.kind())),
        };
        let load = tokio::select! {
            biased;
            () = stopped_unbegun(control) => Err((INTERRUPTED, NOTHING.to_owned())),
            load = longsync_load::run(&plan, control, observer) => {
                load.map_err(|error| (FAILURE, error.to_string()))
            }
        };
        // The live display makes room for the report or a complaint: it is erased with everything below it.
        drop(drawing);
        let load = match load {
            Ok(load) => load,
            Err((code, why)) => {
                let report = Report::not_started(settings, &why);
                outputs.write_unbegun(&report, output, is_printed).await;
                return vec![complained(code, &why)];
            }
        };
        let report = Report::new(settings, load);
        outputs.write(&report, output, is_printed).await;
        let mut codes = Vec::new();
        codes.extend(report.has_failed().then_some(FAILURE));
        codes.extend((is_strict && report.verdict().is_client_bound()).then_some(CLIENT_BOUND));
        codes.extend(report.has_missed_thresholds().then_some(MISSED));
        codes
    }
}

const NOTHING: &str = "ended before there was anything to report";

/// Completes if a run is stopped before it made a call: it may still be connecting, and nobody waits for
/// that.
async fn stopped_unbegun(control: &Control) {
    control.stop.cancelled().await;
    if control.progress.sent() > 0 {
        std::future::pending::<()>().await;
    }
}

fn document(report: &Report) -> String {
    load::to_json(report).expect("all values of a load have a JSON form")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_exit_code_that_applies_is_chosen() {
        assert_eq!(first(&[]), 0);
        assert_eq!(first(&[MISSED]), 99);
        assert_eq!(first(&[MISSED, CLIENT_BOUND]), 98);
        assert_eq!(first(&[MISSED, CLIENT_BOUND, FAILURE]), 1);
        assert_eq!(first(&[FAILURE, MISSED, INTERRUPTED]), 130);
    }
}
