//! `queue(...)`.

use std::time::Duration;

use longsync_text::grouped;
use longsync_text::parse_error::ParseError;
use longsync_text::words::Words;

use super::fault::pushback;
use crate::fault::Pushback;
use crate::queue::{Abandoned, Queue, QueueOrder};

const KEYS: [&str; 6] = ["workers", "limit", "order", "abandoned", "retry_info", "pushback"];

/// A word that is less similar to a key was not meant as that key.
const LEAST_LIKENESS: f64 = 0.5;

/// The values that have been read so far, and the byte at which each number begins.
#[derive(Default)]
struct QueueValues {
    workers: Option<(usize, u32)>,
    limit: Option<(usize, u32)>,
    order: Option<QueueOrder>,
    abandoned: Option<Abandoned>,
    retry_info: Option<Duration>,
    pushback: Option<Pushback>,
}

/// Reads the queue that is next.
pub(super) fn read(words: &mut Words<'_>) -> Result<Queue, ParseError> {
    let start = words.place();
    words.name();
    words.mark('(', "the opening `(` of queue(")?;
    let mut values = QueueValues::default();
    loop {
        values.read_one(words)?;
        if !words.takes(',') {
            break;
        }
    }
    words.mark(')', "`,` and a further key, or the closing `)` of queue(")?;
    values.into_queue(start)
}

impl QueueValues {
    /// Reads a key and its value.
    fn read_one(&mut self, words: &mut Words<'_>) -> Result<(), ParseError> {
        let at = words.place();
        let key = words.name();
        let is_new = match key {
            "workers" => self.workers.is_none(),
            "limit" => self.limit.is_none(),
            "order" => self.order.is_none(),
            "abandoned" => self.abandoned.is_none(),
            "retry_info" => self.retry_info.is_none(),
            "pushback" => self.pushback.is_none(),
            _ => return Err(ParseError::expected(at, unknown(key))),
        };
        if !is_new {
            return Err(ParseError::wrong(
                at,
                format!("{key}= is given twice: leave this one out"),
            ));
        }
        words.mark('=', format_args!("`=` after {key}"))?;
        match key {
            "workers" => self.workers = Some(number(words, "a number of workers such as 8")?),
            "limit" => self.limit = Some(number(words, "how many calls may stand, such as 100")?),
            "order" => self.order = Some(order(words)?),
            "abandoned" => self.abandoned = Some(abandoned(words)?),
            "retry_info" => self.retry_info = Some(words.duration()?),
            _ => self.pushback = Some(pushback(words)?),
        }
        Ok(())
    }

    fn into_queue(self, start: usize) -> Result<Queue, ParseError> {
        let (workers_at, workers) = self.workers.ok_or_else(|| {
            let why =
                "it has no workers=: write how many calls are served at once, such as workers=8";
            ParseError::wrong(start, why)
        })?;
        let (limit_at, limit) = self.limit.ok_or_else(|| {
            let why = "it has no limit=: write how many calls may stand, such as limit=100, or limit=0 \
                       to refuse those that would";
            ParseError::wrong(start, why)
        })?;
        let queue = Queue::new(workers, limit).map_err(|why| {
            let at = if why.parameter() == Some(Queue::LIMIT) { limit_at } else { workers_at };
            ParseError::wrong(at, why.to_string())
        })?;
        Ok(queue
            .with_order(self.order.unwrap_or_default())
            .with_abandoned(self.abandoned.unwrap_or_default())
            .with_retry(self.retry_info, self.pushback))
    }
}

/// What was expected in place of a word that is not a key.
fn unknown(word: &str) -> String {
    let [keys @ .., last] = KEYS;
    let expected = format!("one of {}= and {last}=, each at most once", keys.join("=, "));
    match nearest(word) {
        Some(key) => format!("{expected}: did you mean `{key}=`?"),
        None => expected,
    }
}

/// The key that is most similar to `word`, if one is similar enough.
fn nearest(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let likeness = |key| strsim::normalized_damerau_levenshtein(&word, key);
    let all = KEYS.into_iter().map(|key| (key, likeness(key)));
    all.filter(|(_, likeness)| *likeness >= LEAST_LIKENESS)
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(key, _)| key)
}

fn number(words: &mut Words<'_>, expected: &str) -> Result<(usize, u32), ParseError> {
    let at = words.place();
    let number = words.amount(expected)?.parse().map_err(|_| {
        let most = grouped(Queue::MOST.into());
        ParseError::wrong(at, format!("this is not a whole number of at most {most}"))
    })?;
    Ok((at, number))
}

fn order(words: &mut Words<'_>) -> Result<QueueOrder, ParseError> {
    if words.takes_name("fifo") {
        return Ok(QueueOrder::Fifo);
    }
    if words.takes_name("lifo") {
        return Ok(QueueOrder::Lifo);
    }
    Err(words.expected("`fifo`, for the call that arrived first, or `lifo`, for the last"))
}

fn abandoned(words: &mut Words<'_>) -> Result<Abandoned, ParseError> {
    if words.takes_name("free") {
        return Ok(Abandoned::Free);
    }
    if words.takes_name("work") {
        return Ok(Abandoned::Work);
    }
    Err(words.expected("`free`, if calls that end early free their workers, or `work`, if not"))
}
