//! What is kept of calls. Pure.

use std::ops::AddAssign;
use std::time::Duration;

use crate::distribution::Distribution;
use crate::moment::{Moment, whole_nanos};
use crate::status_code::{CODES, StatusCode};

/// One call that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// When the schedule wanted it to start; [`None`] in a closed loop.
    pub due: Option<Moment>,
    /// When its headers were handed to HTTP/2, with credit for a stream in hand.
    pub sent: Moment,
    /// When the end of its stream, or its reset, was read, or its own deadline came.
    pub done: Moment,
    /// How it ended.
    pub code: StatusCode,
    /// What the server saw of it, if it has said so.
    pub waits: Option<Waits>,
    /// Whether this side ended it, at its deadline: then it would have taken longer.
    pub is_cut: bool,
    /// Whether the server says that it never looked at it: its stream was above the last of a GOAWAY,
    /// or was refused.
    pub is_refused: bool,
}

impl Call {
    /// A call of a closed loop about which the server has said nothing, and which was neither cut nor
    /// refused.
    pub const fn new(sent: Moment, done: Moment, code: StatusCode) -> Self {
        Self { due: None, sent, done, code, waits: None, is_cut: false, is_refused: false }
    }
}

/// What the server says of a call's wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// How long it was to wait.
    pub planned: Duration,
    /// How long it stood in the simulated queue.
    pub queued: Duration,
    /// How long it did wait, the queue included.
    pub waited: Duration,
}

/// Why a call that was due was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsent {
    /// As many calls as the plan allows were in flight.
    InFlightLimit,
    /// All streams that the peer allows, on all connections, were taken.
    StreamLimit,
    /// There was no connection.
    NoConnection,
    /// It waited for a connection that took no bytes, until its grace or the run was over.
    Blocked,
}

/// How many calls that were due were not sent, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnsentCounts {
    /// The plan's limit on calls in flight was reached.
    pub in_flight_limit: u64,
    /// The peer's limit on streams was reached on all connections.
    pub stream_limit: u64,
    /// There was no connection.
    pub no_connection: u64,
    /// No connection took bytes until the grace of the call, or the run, was over.
    pub blocked: u64,
}

impl UnsentCounts {
    /// All of them.
    pub fn total(self) -> u64 {
        self.in_flight_limit + self.stream_limit + self.no_connection + self.blocked
    }
}

impl AddAssign for UnsentCounts {
    fn add_assign(&mut self, other: Self) {
        self.in_flight_limit += other.in_flight_limit;
        self.stream_limit += other.stream_limit;
        self.no_connection += other.no_connection;
        self.blocked += other.blocked;
    }
}

/// How long calls took, by the client's clock.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Times {
    /// done - sent.
    pub service_time: Distribution,
    /// done - due; empty in a closed loop.
    pub response_time: Distribution,
}

impl Times {
    fn merge(&mut self, other: &Self) {
        self.service_time.merge(&other.service_time);
        self.response_time.merge(&other.response_time);
    }
}

/// What is known of all calls that were due after the warm-up. Each worker keeps one; [merged][m]
/// they are the same as if one had recorded every call.
///
/// [m]: Recorder::merge
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorder {
    statuses: [u64; CODES],
    ok: Times,
    failed: Times,
    lag: Distribution,
    added: Distribution,
    lateness: Distribution,
    unsent: UnsentCounts,
    unfinished: u64,
    cut: u64,
    refused: u64,
    warm_up: u64,
    /// Calls that are due before this are not recorded.
    from: Moment,
}

impl Recorder {
    /// Records nothing yet, and never the calls that are due before `warm_up` is over.
    pub fn new(warm_up: Duration) -> Self {
        Self { from: Moment::START + warm_up, ..Self::default() }
    }

    /// Records a call that has ended.
    #[inline]
    pub fn record(&mut self, call: &Call) {
        if self.is_warm_up(call.due.unwrap_or(call.sent)) {
            return;
        }
        self.statuses[call.code.index()] += 1;
        self.cut += u64::from(call.is_cut);
        self.refused += u64::from(call.is_refused);
        let is_ok = call.code == StatusCode::OK;
        let times = if is_ok { &mut self.ok } else { &mut self.failed };
        let service_time_ns = call.done.nanos_since(call.sent);
        times.service_time.record(service_time_ns);
        if let Some(due) = call.due {
            times.response_time.record(call.done.nanos_since(due));
            self.lag.record(call.sent.nanos_since(due));
        }
        if let Some(Waits { planned, queued, waited }) = call.waits {
            let waited_ns = signed_nanos(waited);
            self.added.record(service_time_ns.saturating_sub(waited_ns));
            // A wait that was cut short has no lateness.
            if is_ok {
                self.lateness.record(waited_ns - signed_nanos(queued) - signed_nanos(planned));
            }
        }
    }

    /// Counts a call that was due and was not sent.
    pub fn count_unsent(&mut self, due: Moment, why: Unsent) {
        if self.is_warm_up(due) {
            return;
        }
        *match why {
            Unsent::InFlightLimit => &mut self.unsent.in_flight_limit,
            Unsent::StreamLimit => &mut self.unsent.stream_limit,
            Unsent::NoConnection => &mut self.unsent.no_connection,
            Unsent::Blocked => &mut self.unsent.blocked,
        } += 1;
    }

    /// Counts a call that had not ended when the run stopped; `due` is when it was sent, in a closed
    /// loop.
    pub fn count_unfinished(&mut self, due: Moment) {
        if !self.is_warm_up(due) {
            self.unfinished += 1;
        }
    }

    fn is_warm_up(&mut self, due: Moment) -> bool {
        let is_warm_up = due < self.from;
        self.warm_up += u64::from(is_warm_up);
        is_warm_up
    }

    /// Adds everything that another has recorded.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.statuses.iter_mut().zip(other.statuses) {
            *count += more;
        }
        self.ok.merge(&other.ok);
        self.failed.merge(&other.failed);
        self.lag.merge(&other.lag);
        self.added.merge(&other.added);
        self.lateness.merge(&other.lateness);
        self.unsent += other.unsent;
        self.unfinished += other.unfinished;
        self.cut += other.cut;
        self.refused += other.refused;
        self.warm_up += other.warm_up;
    }

    /// How many calls were due: those that ended, those that did not, and those that were not sent.
    pub fn due(&self) -> u64 {
        self.ended() + self.unfinished + self.unsent.total()
    }

    /// How many calls ended, in whatever way.
    pub fn ended(&self) -> u64 {
        self.statuses.iter().sum()
    }

    /// How many ended with this status, such as 0 or tonic's `Code::Ok`.
    pub fn ended_with(&self, code: impl Into<i32>) -> u64 {
        self.statuses[StatusCode::from(code.into()).index()]
    }

    /// The statuses with which calls ended, and how many with each.
    pub fn statuses(&self) -> impl Iterator<Item = (StatusCode, u64)> {
        let counted = StatusCode::all().zip(self.statuses);
        counted.filter(|(_, count)| *count > 0)
    }

    /// Calls that were due and not sent.
    pub fn unsent(&self) -> UnsentCounts {
        self.unsent
    }

    /// Calls that had not ended when the run stopped.
    pub fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// Calls that this side ended at their deadline: their times are lower bounds.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// Calls that the server says it never looked at: they are among those that ended UNAVAILABLE, and
    /// might have been made again.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Calls of the warm-up, of which nothing else is recorded.
    pub fn warm_up(&self) -> u64 {
        self.warm_up
    }

    /// How long answered calls took.
    pub fn ok(&self) -> &Times {
        &self.ok
    }

    /// How long calls took that ended with another status.
    pub fn failed(&self) -> &Times {
        &self.failed
    }

    /// done - sent, of all calls that ended.
    pub fn service_time(&self) -> Distribution {
        let mut all = self.ok.service_time.clone();
        all.merge(&self.failed.service_time);
        all
    }

    /// done - due, of all calls that were due: one that was not sent, or has not ended, is slower
    /// than any that has.
    pub fn response_time(&self) -> Distribution {
        let mut all = self.ok.response_time.clone();
        all.merge(&self.failed.response_time);
        all.add_beyond(self.unsent.total() + self.unfinished);
        all
    }

    /// sent - due; empty in a closed loop.
    pub fn lag(&self) -> &Distribution {
        &self.lag
    }

    /// service time - waited, if the server has said how long it waited.
    pub fn added(&self) -> &Distribution {
        &self.added
    }

    /// waited - queued - planned, of answered calls.
    pub fn lateness(&self) -> &Distribution {
        &self.lateness
    }
}

fn signed_nanos(duration: Duration) -> i64 {
    i64::try_from(whole_nanos(duration)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::distribution::Reading;
    use crate::percentile::Percentile;

    #[derive(Debug, Clone)]
    enum Event {
        Ended(Call),
        Unsent(Moment, Unsent),
        Unfinished(Moment),
    }

    fn moments() -> impl Strategy<Value = Moment> {
        (0_u64..10_000_000_000).prop_map(Moment::from_nanos)
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let nanos = || (0_u64..2_000_000_000).prop_map(Duration::from_nanos);
        let waits = (nanos(), nanos(), nanos()).prop_map(|(planned, queued, waited)| Waits {
            planned,
            queued,
            waited,
        });
        let call = (
            (proptest::option::of(moments()), moments(), moments()),
            (0_i32..17).prop_map(StatusCode::from),
            proptest::option::of(waits),
            any::<(bool, bool)>(),
        )
            .prop_map(|((due, sent, done), code, waits, (is_cut, is_refused))| {
                Event::Ended(Call { due, sent, done, code, waits, is_cut, is_refused })
            });
        let why = prop_oneof![
            Just(Unsent::InFlightLimit),
            Just(Unsent::StreamLimit),
            Just(Unsent::NoConnection),
            Just(Unsent::Blocked),
        ];
        let event = prop_oneof![
            4 => call,
            1 => (moments(), why).prop_map(|(due, why)| Event::Unsent(due, why)),
            1 => moments().prop_map(Event::Unfinished),
        ];
        proptest::collection::vec(event, 0..60)
    }

    fn recorded(events: &[Event]) -> Recorder {
        let mut recorder = Recorder::new(Duration::from_secs(2));
        for event in events {
            match event {
                Event::Ended(call) => recorder.record(call),
                Event::Unsent(due, why) => recorder.count_unsent(*due, *why),
                Event::Unfinished(due) => recorder.count_unfinished(*due),
            }
        }
        recorder
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// However calls are shared out among recorders, merged they are the same as recorded in one.
        #[test]
        fn merged_is_recorded_in_one(first in events(), second in events()) {
            let mut merged = recorded(&first);
            merged.merge(&recorded(&second));
            prop_assert_eq!(merged, recorded(&[first, second].concat()));
        }

        /// No call is lost: each is warm-up, or due; and each that was due is in the response times.
        #[test]
        fn every_call_is_somewhere(events in events()) {
            let recorder = recorded(&events);
            prop_assert_eq!(recorder.due() + recorder.warm_up(), events.len() as u64);
            let closed = events.iter().filter(|event| {
                matches!(event, Event::Ended(call)
                    if call.due.is_none() && call.sent.as_nanos() >= 2_000_000_000)
            });
            let closed = closed.count() as u64;
            prop_assert_eq!(recorder.response_time().count() + closed, recorder.due());
        }
    }

    fn millis(millis: u64) -> Moment {
        Moment::from_nanos(millis * 1_000_000)
    }

    /// time.md's example: a stall of 1 s, calls at 1,000/s, at most 100 in flight.
    #[test]
    fn calls_that_a_stall_kept_from_being_sent_are_in_the_percentiles() {
        let mut recorder = Recorder::new(Duration::ZERO);
        for number in 0..30_000 {
            let due = millis(number);
            let done = match number {
                10_000..10_100 => millis(11_000),
                10_100..11_000 => {
                    recorder.count_unsent(due, Unsent::InFlightLimit);
                    continue;
                }
                _ => millis(number),
            };
            let call = Call {
                due: Some(due),
                sent: due,
                done,
                code: StatusCode::OK,
                waits: None,
                is_cut: false,
                is_refused: false,
            };
            recorder.record(&call);
        }
        let p99 = recorder.response_time().percentile(Percentile::P99).unwrap();
        assert!(matches!(p99, Reading::Beyond(_)), "{p99:?}");
        let of_sent = recorder.ok().response_time.percentile(Percentile::P99).unwrap();
        assert_eq!(of_sent, Reading::At(Duration::ZERO));
    }

    #[test]
    fn each_figure_is_the_difference_that_it_is_defined_as() {
        let mut recorder = Recorder::new(Duration::ZERO);
        let waits = Waits {
            planned: Duration::from_millis(10),
            queued: Duration::from_millis(20),
            waited: Duration::from_millis(31),
        };
        recorder.record(&Call {
            due: Some(millis(100)),
            sent: millis(102),
            done: millis(140),
            code: StatusCode::OK,
            waits: Some(waits),
            is_cut: false,
            is_refused: false,
        });
        let only = |distribution: &Distribution| match distribution.percentile(Percentile::P50) {
            Some(Reading::At(value)) => value.as_millis(),
            other => panic!("one value, not {other:?}"),
        };
        assert_eq!(only(&recorder.service_time()), 38);
        assert_eq!(only(&recorder.response_time()), 40);
        assert_eq!(only(recorder.lag()), 2);
        assert_eq!(only(recorder.added()), 7);
        assert_eq!(only(recorder.lateness()), 1);
    }

    #[test]
    fn added_below_zero_is_counted() {
        let mut recorder = Recorder::new(Duration::ZERO);
        let waits = Waits {
            planned: Duration::ZERO,
            queued: Duration::ZERO,
            waited: Duration::from_millis(5),
        };
        recorder.record(&Call {
            due: None,
            sent: millis(0),
            done: millis(4),
            code: StatusCode::OK,
            waits: Some(waits),
            is_cut: false,
            is_refused: false,
        });
        assert_eq!((recorder.added().below_zero(), recorder.added().lowest_ns()), (1, -1_000_000));
    }
}
