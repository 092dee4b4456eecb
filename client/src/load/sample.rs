//! The calls sampled from a load, as a CSV table.

use std::fmt::Write as _;
use std::time::Duration;

use longsync_connect::Code;
use longsync_connect::status::code_name;
use longsync_load::{Fate, SampledCall};
use longsync_stats::Moment;

use crate::figures::nanos;

const HEADER: &str = "number,due_ns,sent_ns,done_ns,status,planned_ns,waited_ns\n";

/// One row per call. Times are in nanoseconds from the beginning of recorded time, which is the end of the
/// warm-up; a value that does not exist, such as the end of a call that was not sent, is an empty cell. The
/// status of a call that has ended is its gRPC name in capitals; of others it is `unfinished`, or `not_sent_`
/// and the reason.
pub fn to_csv(sample: &[SampledCall], warm_up: Duration) -> String {
    let mut csv = HEADER.to_owned();
    let begin = Moment::START + warm_up;
    for call in sample {
        let time = |moment: Option<Moment>| {
            moment.map(|it| it.nanos_since(begin).to_string()).unwrap_or_default()
        };
        let SampleRow { sent, done, status, planned, waited } = SampleRow::of(&call.fate);
        let [due, sent, done] = [call.due, sent, done].map(time);
        let _ = writeln!(csv, "{},{due},{sent},{done},{status},{planned},{waited}", call.number);
    }
    csv
}

/// The outcome of a call, as cells.
#[derive(Default)]
struct SampleRow {
    sent: Option<Moment>,
    done: Option<Moment>,
    status: String,
    planned: String,
    waited: String,
}

impl SampleRow {
    fn of(fate: &Fate) -> Self {
        match fate {
            Fate::NotSent(why) => {
                Self { status: format!("not_sent_{}", why.name()), ..Self::default() }
            }
            Fate::Unfinished(sent) => {
                Self { sent: Some(*sent), status: "unfinished".to_owned(), ..Self::default() }
            }
            Fate::Ended { sent, done, code, waits } => {
                let wait = |wait: Option<Duration>| {
                    wait.map(|wait| nanos(wait).to_string()).unwrap_or_default()
                };
                Self {
                    sent: Some(*sent),
                    done: Some(*done),
                    status: code_name(Code::from_i32((*code).into())).to_owned(),
                    planned: wait(waits.map(|waits| waits.planned)),
                    waited: wait(waits.map(|waits| waits.waited)),
                }
            }
        }
    }
}
