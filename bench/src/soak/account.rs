//! The outcomes of a soak's calls, as their callers and the server count them. Pure.

use std::ops::AddAssign;

use longsync_connect::Code;
use longsync_stats::Figures;

/// The outcomes of calls, as their callers know them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CallAccount {
    pub(super) sent: u64,
    pub(super) answered: u64,
    /// As the server reported.
    pub(super) deadline_exceeded: u64,
    /// Ended by the caller at the deadline, before the server reported it.
    pub(super) cut: u64,
    /// By the caller.
    pub(super) cancelled: u64,
    /// With any other status.
    pub(super) failed: u64,
    /// Had not ended when the run was over.
    pub(super) unfinished: u64,
    /// Was due, and was never sent.
    pub(super) unsent: u64,
    /// Answered before the delay was over.
    pub(super) early: u64,
}

/// What the server counted, for all kinds of call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ServerCounts {
    pub(super) started: u64,
    pub(super) answered: u64,
    pub(super) refused: u64,
    pub(super) deadline_exceeded: u64,
    pub(super) cancelled: u64,
    pub(super) drained: u64,
    pub(super) in_flight: u64,
    pub(super) buffered_bytes: u64,
}

impl CallAccount {
    /// The account of a load run that sent the given number of calls.
    pub(super) fn of_load(figures: &Figures, sent: u64) -> Self {
        let [answered, at_deadline] =
            [Code::Ok, Code::DeadlineExceeded].map(|code| figures.counts.ended_with(code));
        let cut = figures.counts.cut;
        Self {
            sent,
            answered,
            deadline_exceeded: at_deadline - cut,
            cut,
            cancelled: 0,
            failed: figures.counts.ended() - answered - at_deadline,
            unfinished: figures.counts.unfinished,
            unsent: figures.counts.not_sent.total(),
            early: figures.lateness.below_zero(),
        }
    }

    /// The account of one call that was sent and ended with this code, or was ended by its caller without
    /// one.
    pub(super) fn of_call(code: Option<Code>) -> Self {
        let mut account = Self { sent: 1, ..Self::default() };
        *match code {
            Some(Code::Ok) => &mut account.answered,
            Some(Code::DeadlineExceeded) => &mut account.deadline_exceeded,
            Some(_) => &mut account.failed,
            None => &mut account.cancelled,
        } = 1;
        account
    }

    /// The account of one call that was due and was not sent.
    pub(super) fn of_unsent() -> Self {
        Self { unsent: 1, ..Self::default() }
    }

    /// Every deviation from what should have happened.
    pub(super) fn faults(&self) -> Vec<String> {
        let ended =
            self.answered + self.deadline_exceeded + self.cut + self.cancelled + self.failed;
        let mut faults = Vec::new();
        for (count, what) in [
            (self.failed, "failed"),
            (self.unfinished, "had not ended when their run was over"),
            (self.unsent, "were due and not sent"),
            (self.early, "were answered before their delay was over"),
        ] {
            if count > 0 {
                faults.push(format!("{count} calls {what}"));
            }
        }
        if self.sent != ended + self.unfinished {
            faults.push(format!(
                "{} calls were sent, and the end of {} is known",
                self.sent,
                ended + self.unfinished
            ));
        }
        faults
    }
}

impl AddAssign for CallAccount {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.deadline_exceeded += other.deadline_exceeded;
        self.cut += other.cut;
        self.cancelled += other.cancelled;
        self.failed += other.failed;
        self.unfinished += other.unfinished;
        self.unsent += other.unsent;
        self.early += other.early;
    }
}

impl ServerCounts {
    /// Parses the text of `/metrics`; [`None`] if it is not from a longsync server.
    pub(super) fn parse(metrics: &str) -> Option<Self> {
        let samples = || {
            metrics.lines().filter_map(|line| {
                let (name, value) = line.rsplit_once(' ')?;
                Some((name, value.trim_end().parse::<u64>().ok()?))
            })
        };
        let one = |name: &str| samples().find(|sample| sample.0 == name).map(|sample| sample.1);
        let sum = |name: &str, label: &str| {
            let is_meant =
                |sample: &(&str, u64)| sample.0.starts_with(name) && sample.0.contains(label);
            samples().filter(is_meant).map(|sample| sample.1).sum::<u64>()
        };
        let ended =
            |outcome: &str| sum("longsync_calls_ended_total{", &format!("outcome=\"{outcome}\""));
        Some(Self {
            started: sum("longsync_calls_started_total{", ""),
            answered: ended("answered"),
            refused: ended("refused"),
            deadline_exceeded: ended("deadline_exceeded"),
            cancelled: ended("cancelled"),
            drained: ended("drained"),
            in_flight: one("longsync_calls_in_flight")?,
            buffered_bytes: one("longsync_buffered_bytes")?,
        })
    }

    /// Whether the server holds no call and no bytes of one any more.
    pub(super) fn is_at_rest(&self) -> bool {
        self.in_flight == 0 && self.buffered_bytes == 0
    }

    /// Every deviation, including from the callers' account. Only the server knows how it
    /// ended a call that its caller ended as well: the two may have crossed on the wire.
    pub(super) fn faults(&self, account: &CallAccount) -> Vec<String> {
        let mut faults = Vec::new();
        if self.started != account.sent {
            faults.push(format!(
                "{} calls were sent, and the server counted {}",
                account.sent, self.started
            ));
        }
        let ended =
            self.answered + self.refused + self.deadline_exceeded + self.cancelled + self.drained;
        if self.started != ended + self.in_flight {
            faults.push(format!(
                "the server counted {} calls that started, and {ended} that ended",
                self.started
            ));
        }
        if !self.is_at_rest() {
            faults.push(format!(
                "the server still holds {} calls and {} bytes of requests and answers",
                self.in_flight, self.buffered_bytes
            ));
        }
        let own = account.cut + account.cancelled;
        for (how, counted, told, own) in [
            ("answered", self.answered, account.answered, own),
            ("exceeding their deadline", self.deadline_exceeded, account.deadline_exceeded, own),
            ("cancelled", self.cancelled, 0, own),
            ("refused", self.refused, account.failed, 0),
            ("drained", self.drained, 0, 0),
        ] {
            if !(told..=told + own).contains(&counted) {
                faults.push(format!(
                    "the server counted {counted} calls as {how}; their callers know of {told}, and \
                     ended {own} themselves"
                ));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use longsync_stats::{CallRecord, Moment, Recorder, StatusCode};

    use super::*;

    const METRICS: &str = "\
# HELP longsync_calls_started Calls that arrived
longsync_calls_started_total{rpc=\"LongSync\"} 10
longsync_calls_started_total{rpc=\"LongSyncStream\"} 2
longsync_calls_ended_total{rpc=\"LongSync\",outcome=\"answered\"} 5
longsync_calls_ended_total{rpc=\"LongSync\",outcome=\"deadline_exceeded\"} 3
longsync_calls_ended_total{rpc=\"LongSync\",outcome=\"cancelled\"} 2
longsync_calls_ended_total{rpc=\"LongSyncStream\",outcome=\"answered\"} 2
longsync_calls_in_flight 0
longsync_buffered_bytes 0
longsync_lateness_seconds_sum 0.25
# EOF
";

    fn counted() -> ServerCounts {
        ServerCounts::parse(METRICS).unwrap()
    }

    /// Of 12 calls that the server saw, the callers ended 3: one at its deadline, 2 by cancelling.
    const ACCOUNT: CallAccount = CallAccount {
        sent: 12,
        answered: 7,
        deadline_exceeded: 2,
        cut: 1,
        cancelled: 2,
        failed: 0,
        unfinished: 0,
        unsent: 0,
        early: 0,
    };

    #[test]
    fn the_text_of_metrics_is_read() {
        assert_eq!(
            counted(),
            ServerCounts {
                started: 12,
                answered: 7,
                deadline_exceeded: 3,
                cancelled: 2,
                ..ServerCounts::default()
            }
        );
        assert_eq!(ServerCounts::parse("nothing of ours 1\n"), None);
    }

    #[test]
    fn accounts_that_agree_have_no_fault() {
        assert_eq!(ACCOUNT.faults(), Vec::<String>::new());
        assert_eq!(counted().faults(&ACCOUNT), Vec::<String>::new());
    }

    #[test]
    fn an_answer_may_cross_with_a_cancellation() {
        let crossed = ServerCounts { answered: 8, cancelled: 1, ..counted() };
        assert_eq!(crossed.faults(&ACCOUNT), Vec::<String>::new());
    }

    #[test]
    fn a_sent_call_without_a_known_end_is_a_fault() {
        let first = |account: CallAccount| account.faults().into_iter().next().unwrap_or_default();
        let lost = first(CallAccount { answered: 6, ..ACCOUNT });
        assert!(lost.starts_with("12 calls were sent, and the end of 11"), "{lost}");
        assert!(
            first(CallAccount { answered: 6, failed: 1, ..ACCOUNT }).ends_with("1 calls failed")
        );
        assert!(
            first(CallAccount { answered: 6, unfinished: 1, ..ACCOUNT }).contains("had not ended")
        );
        assert!(first(CallAccount { unsent: 1, ..ACCOUNT }).contains("not sent"));
        assert!(first(CallAccount { early: 1, ..ACCOUNT }).contains("before their delay"));
    }

    #[test]
    fn a_server_that_disagrees_is_a_fault() {
        for (wrong, said) in [
            (ServerCounts { started: 13, ..counted() }, "the server counted 13"),
            (ServerCounts { answered: 6, ..counted() }, "11 that ended"),
            (ServerCounts { answered: 6, in_flight: 1, ..counted() }, "still holds 1 calls"),
            (ServerCounts { buffered_bytes: 5, ..counted() }, "5 bytes"),
            (ServerCounts { answered: 6, cancelled: 3, ..counted() }, "6 calls as answered"),
            (ServerCounts { answered: 11, cancelled: 0, ..counted() }, "11 calls as answered"),
            (ServerCounts { answered: 6, refused: 1, ..counted() }, "1 calls as refused"),
            (ServerCounts { cancelled: 1, drained: 1, ..counted() }, "1 calls as drained"),
        ] {
            let faults = wrong.faults(&ACCOUNT);
            assert!(faults.iter().any(|fault| fault.contains(said)), "{said}: {faults:?}");
        }
    }

    #[test]
    fn a_load_run_counts_the_calls_it_ended_itself() {
        let mut recorder = Recorder::default();
        for (code, is_cut) in
            [(Code::Ok, false), (Code::DeadlineExceeded, false), (Code::DeadlineExceeded, true)]
        {
            let (sent, done) = (Moment::START, Moment::START);
            let code = StatusCode::from(i32::from(code));
            recorder.sent(None, sent);
            recorder.ended(&CallRecord { is_cut, ..CallRecord::new(sent, done, code) }, None);
        }
        let account = CallAccount::of_load(recorder.figures(), 3);
        let parts = (account.answered, account.deadline_exceeded, account.cut);
        assert_eq!((parts, account.faults()), ((1, 1, 1), vec![]));
    }

    #[test]
    fn a_call_is_counted_however_it_ended() {
        for code in [Some(Code::Ok), Some(Code::DeadlineExceeded), None] {
            assert_eq!(CallAccount::of_call(code).faults(), Vec::<String>::new());
        }
        assert_eq!(CallAccount::of_call(Some(Code::Unavailable)).faults(), ["1 calls failed"]);
        assert_eq!(CallAccount::of_unsent().faults(), ["1 calls were due and not sent"]);
    }
}
