//! Flags whose value is one of a few words, and what each word means. The library does not know these
//! words.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use longsync_client::race::{ThreadConnections, Way};
use longsync_client::single::Kind;

/// A word, what help says of it, and its meaning.
type Choice<T> = (&'static str, &'static str, T);

/// The ways of a race.
pub(super) fn ways() -> impl TypedValueParser<Value = Way> {
    one_of(&[
        ("sequential", "One after another", Way::Sequential),
        ("threads", "Each on an OS thread of its own", Way::Threads),
        ("tasks", "Each as an async task, on one thread", Way::Tasks),
        ("exchange", "All as messages of bidirectional streams", Way::Exchange),
    ])
}

/// Whose connections threads use.
pub(super) fn thread_connections() -> impl TypedValueParser<Value = ThreadConnections> {
    one_of(&[
        (
            "shared",
            "All threads share one: only thread against task differs",
            ThreadConnections::Shared,
        ),
        ("own", "Each thread has its own", ThreadConnections::Own),
    ])
}

/// The kinds of an RPC.
pub(super) fn kinds() -> impl TypedValueParser<Value = Kind> {
    one_of(&[
        ("unary", "`LongSync`: one request, one answer", Kind::Unary),
        ("stream", "`LongSyncStream`: one request, `count` answers", Kind::Stream),
        ("collect", "`LongSyncCollect`: `count` requests, one answer", Kind::Collect),
        ("exchange", "`LongSyncExchange`: `count` requests, an answer to each", Kind::Exchange),
    ])
}

fn one_of<T: Copy + Send + Sync + 'static>(
    choices: &'static [Choice<T>],
) -> impl TypedValueParser<Value = T> {
    let words = choices.iter().map(|(word, help, _)| PossibleValue::new(*word).help(*help));
    PossibleValuesParser::new(words).try_map(|chosen| {
        let meant = choices.iter().find(|(word, ..)| *word == chosen);
        meant.map(|(.., meaning)| *meaning).ok_or("write one of the words that help lists")
    })
}
