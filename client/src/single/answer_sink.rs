//! Keeps the answers of a call, within a limit on the memory that a server can make the client use.

use std::time::Duration;

use bytes::Bytes;
use longsync::v1::Timing;
use tonic::Status;

use crate::single::outcome::ReceivedAnswer;
use crate::single::plan::SinglePlan;
use longsync_connect::answer::ANSWER_BYTES;
use longsync_stats::TextCounts;
use longsync_text::grouped;
use longsync_text::said::printable;

/// The text per answer that is kept on average, in addition to [`ANSWER_BYTES`] in total.
const TEXT_PER_ANSWER: u64 = 4 * 1024;

/// Shows each answer, and keeps the parts that the report needs.
pub(super) struct AnswerSink<'a, Show> {
    answers: &'a mut Vec<ReceivedAnswer>,
    more: &'a mut u64,
    faults: &'a mut TextCounts,
    show: Show,
    is_showing: bool,
    most: usize,
    /// The number of bytes of text that may still be kept.
    text_left: u64,
    most_text: u64,
}

impl<'a, Show: AsyncFnMut(&ReceivedAnswer)> AnswerSink<'a, Show> {
    pub(super) fn new(
        plan: &SinglePlan,
        answers: &'a mut Vec<ReceivedAnswer>,
        more: &'a mut u64,
        faults: &'a mut TextCounts,
        show: Show,
    ) -> Self {
        let asked = u64::from(plan.count.unwrap_or(1));
        let most_text = asked.saturating_mul(TEXT_PER_ANSWER).saturating_add(ANSWER_BYTES as u64);
        let (most, text_left) = (plan.most_kept, most_text);
        Self { answers, more, faults, show, is_showing: false, most, text_left, most_text }
    }

    /// Whether an answer was being shown when its call was ended.
    pub(super) fn is_showing(&self) -> bool {
        self.is_showing
    }

    /// Shows an answer and keeps it, without its payload. The fault that hit it is counted even if it is not
    /// kept.
    ///
    /// # Errors
    /// When the texts of all answers are too large to be kept.
    pub(super) async fn keep(&mut self, mut answer: ReceivedAnswer) -> Result<(), Status> {
        answer.payload_bytes = answer.payload.len();
        self.is_showing = true;
        (self.show)(&answer).await;
        self.is_showing = false;
        let fault = answer.timing.as_ref().map_or("", |timing| &timing.fault);
        if !fault.is_empty() {
            self.faults.add(&printable(fault));
        }
        if self.answers.len() >= self.most {
            *self.more += 1;
            return Ok(());
        }
        answer.payload = Bytes::new();
        let text = text_bytes(&answer) as u64;
        self.answers.push(answer);
        let Some(left) = self.text_left.checked_sub(text) else {
            return Err(Status::resource_exhausted(format!(
                "the texts of {} answers exceed the {} bytes that can be kept",
                grouped(self.answers.len() as u64),
                grouped(self.most_text)
            )));
        };
        self.text_left = left;
        Ok(())
    }

    /// Sets the service time of the only answer, once its call is done.
    pub(super) fn done(&mut self, service_time: Duration) {
        if let Some(answer) = self.answers.last_mut() {
            answer.service_time = service_time;
        }
    }
}

fn text_bytes(answer: &ReceivedAnswer) -> usize {
    let of_timing = |timing: &Timing| {
        timing.behavior.len() + timing.rule.len() + timing.server.len() + timing.fault.len()
    };
    answer.message.len()
        + answer.timing.as_ref().map_or(0, of_timing)
        + answer.failure.as_ref().map_or(0, |failure| failure.message.len())
}
