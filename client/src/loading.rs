//! The command `load`: its runs one after another, and what is written of each.

mod live;
mod outputs;

use anyhow::Context as _;
use longsync_client::load::{MetricsServer, Report, Settings, Watchers};
use longsync_load::{Control, LoadPlan};

use self::live::Drawing;
use self::outputs::Outputs;
use crate::args::{LoadArgs, Order};
use crate::destination::Refused;
use crate::output::Output;
use crate::session::{Session, Written};
use crate::{FAILURE, INTERRUPTED, complained, usage};

/// Whose usage is wrong.
const COMMAND: Option<&str> = Some("load");
/// The client was the bottleneck of a run that must not have one.
const CLIENT_BOUND: u8 = 98;
/// A threshold was not reached, or a rule has ended the run.
const MISSED: u8 = 99;

/// The exit codes in the order in which they are chosen if several hold.
const ORDER: [u8; 4] = [INTERRUPTED, FAILURE, CLIENT_BOUND, MISSED];

/// Runs the loads that are ordered; returns the exit code.
pub(crate) fn run(args: LoadArgs) -> u8 {
    let order = args.into_order().unwrap_or_else(|why| usage(COMMAND, &why));
    let (settings, plan) = order.first().unwrap_or_else(|why| usage(COMMAND, &why));
    let outputs = match Outputs::check_all(&order) {
        Ok(outputs) => outputs,
        Err(Refused::Usage(why)) => usage(COMMAND, &why),
        Err(Refused::Failed(why)) => return complained(FAILURE, &why),
    };
    let (session, metrics) = match prepared(&order) {
        Ok(prepared) => prepared,
        Err(error) => return complained(FAILURE, &format!("{error:#}")),
    };
    let mut codes = Vec::new();
    let mut next = Some((settings.clone(), plan));
    for (number, outputs) in (1..).zip(outputs) {
        // A plan may hold a large payload: each is made when it is needed.
        let this = next.take().map_or_else(|| settings.with_later_seed(number - 1), Ok);
        let (settings, plan) = this.unwrap_or_else(|why| usage(COMMAND, &why.to_string()));
        let drawing = order.is_seen().then(|| Drawing::follow(&settings)).flatten();
        let run = Run { settings, plan, outputs, drawing, metrics: metrics.as_ref() };
        codes.extend(run.carried_out(&session, order.is_strict));
        if session.is_interrupted() {
            codes.push(INTERRUPTED);
            break;
        }
    }
    let Written { complaints, is_interrupted } = session.finish(Vec::new(), None);
    codes.extend(complaints.iter().map(|complaint| complained(FAILURE, complaint)));
    codes.extend(is_interrupted.then_some(INTERRUPTED));
    first(&codes)
}

/// What all runs need.
fn prepared(order: &Order) -> anyhow::Result<(Session, Option<MetricsServer>)> {
    longsync_server::raise_file_limit()?;
    let session = Session::start().context("cannot begin")?;
    let listening = |address| {
        MetricsServer::start(address).with_context(|| {
            format!("cannot listen at {address} for --metrics: choose another address")
        })
    };
    Ok((session, order.metrics.map(listening).transpose()?))
}

/// The exit code of all that happened.
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
    /// Makes its calls, and says what came of them; returns the exit codes of what happened.
    fn carried_out(self, session: &Session, is_strict: bool) -> Vec<u8> {
        let ran = session.run_to_report(async |stop, end, output| {
            let control = Control { stop, end, ..Control::default() };
            self.measured(&control, output, is_strict).await
        });
        ran.unwrap_or_else(|| vec![complained(INTERRUPTED, NOTHING)])
    }

    async fn measured(self, control: &Control, output: &Output, is_strict: bool) -> Vec<u8> {
        let Self { settings, plan, outputs, drawing, metrics } = self;
        let observer = Watchers {
            live: drawing.as_ref().map(Drawing::board),
            metrics: metrics.map(MetricsServer::board),
        };
        let load = tokio::select! {
            biased;
            () = stopped_unbegun(control) => Err((INTERRUPTED, NOTHING.to_owned())),
            load = longsync_load::run(&plan, control, observer) => {
                load.map_err(|error| (FAILURE, error.to_string()))
            }
        };
        let load = match load {
            Ok(load) => load,
            Err((code, why)) => {
                outputs.write_unbegun(&Report::not_started(settings, &why), output).await;
                return vec![complained(code, &why)];
            }
        };
        // Its lines make room for what is printed.
        drop(drawing);
        let report = Report::new(settings, load);
        outputs.write(&report, output).await;
        let mut codes = Vec::new();
        codes.extend(report.has_failed().then_some(FAILURE));
        codes.extend((is_strict && report.verdict().is_client_bound()).then_some(CLIENT_BOUND));
        codes.extend(report.has_missed().then_some(MISSED));
        codes
    }
}

const NOTHING: &str = "it was ended before there was anything to report";

/// Waits until a run is stopped that has not made a call, and may still connect: nobody waits for that.
async fn stopped_unbegun(control: &Control) {
    control.stop.cancelled().await;
    if control.progress.sent() > 0 {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_exit_codes_the_first_in_their_order_is_chosen() {
        assert_eq!(first(&[]), 0);
        assert_eq!(first(&[MISSED]), 99);
        assert_eq!(first(&[MISSED, CLIENT_BOUND]), 98);
        assert_eq!(first(&[MISSED, CLIENT_BOUND, FAILURE]), 1);
        assert_eq!(first(&[FAILURE, MISSED, INTERRUPTED]), 130);
    }
}
