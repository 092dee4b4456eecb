//! One answer, as far as it has been read.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use longsync::frame::{PLAIN, Prefix};
use longsync_text::said::quoted_bytes;
use longsync_text::{counted, grouped};
use tonic::{Code, Status};

use super::ending::{GrpcHeaders, ending};
use super::messages::MessageBuffer;
use super::page::{Page, is_grpc};

/// The number of bytes that are read of the body of an answer that is not gRPC, for its first line.
pub const PAGE_BYTES: usize = 4 * 1024;

/// The limits of an answer.
#[derive(Debug, Clone, Copy)]
pub struct AnswerLimits {
    /// The maximum number of bytes of a message.
    pub message_bytes: usize,
    /// How many messages were asked for.
    pub expected: ExpectedMessages,
    /// The number of bytes that are read of a page: [`PAGE_BYTES`], or 0 if its sentence is not needed.
    pub page_bytes: usize,
}

/// How many messages were asked for. There are no other kinds of RPC: exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedMessages {
    /// One: an RPC of this kind never has more.
    One,
    /// This many, in a stream.
    Several(u64),
    /// This many, one for each message that was sent. One more than that is read as well: it shows which
    /// message was answered twice, and its caller ends the call.
    Matched(u64),
    /// The same, but some may never be answered, as planned.
    AtMost(u64),
}

/// Reads one answer: its head, then its chunks and the messages in them, then its end.
#[derive(Debug)]
pub struct Reader {
    limits: AnswerLimits,
    taken: u64,
    /// Whether the head reported that the call ended well, as it may in an answer without messages.
    has_said_ok: bool,
    /// How messages are compressed, if they are. Boxed, since few peers compress them.
    encoding: Option<Box<HeaderValue>>,
    state: State,
}

#[derive(Debug)]
enum State {
    Messages(MessageBuffer),
    Page(Box<Page>),
}

impl Reader {
    /// Starts with the head of an answer.
    ///
    /// # Errors
    /// If the head reports that the call has failed, or is larger than any honest peer's.
    pub fn new(
        http: StatusCode,
        headers: &HeaderMap,
        limits: AnswerLimits,
    ) -> Result<Self, Status> {
        let seen = GrpcHeaders::among(headers)?;
        let said = ending(headers, &seen).transpose()?;
        let is_grpc = seen.content_type.is_some_and(is_grpc);
        let state = if is_grpc && http == StatusCode::OK {
            State::Messages(MessageBuffer::default())
        } else {
            // The status may still follow, after messages.
            let most = if is_grpc { PAGE_BYTES } else { limits.page_bytes };
            State::Page(Box::new(Page::new(http, seen.content_type, most)))
        };
        let encoding = seen.encoding.filter(|encoding| *encoding != "identity");
        let encoding = encoding.cloned().map(Box::new);
        Ok(Self { limits, taken: 0, has_said_ok: said.is_some(), encoding, state })
    }

    /// Whether this answer is of another kind than gRPC's.
    pub fn is_page(&self) -> bool {
        matches!(self.state, State::Page(_))
    }

    /// Whether nothing that may still arrive is of interest.
    #[inline]
    pub fn is_full(&self) -> bool {
        matches!(&self.state, State::Page(page) if page.is_full())
    }

    /// Adds a chunk. All messages of the previous chunk must have been taken.
    #[inline]
    pub fn add(&mut self, chunk: Bytes) {
        match &mut self.state {
            State::Messages(messages) => messages.add(chunk),
            State::Page(page) => page.add(&chunk),
        }
    }

    /// The number of bytes that are kept until more arrive. All messages must have been taken before.
    #[inline]
    pub(crate) fn keep(&mut self) -> usize {
        match &mut self.state {
            State::Messages(messages) => messages.keep(),
            State::Page(page) => page.kept(),
        }
    }

    /// The next message, once it is complete.
    ///
    /// # Errors
    /// As soon as its prefix is wrong, or if it is one message too many.
    #[inline]
    pub fn message(&mut self) -> Result<Option<Bytes>, Status> {
        let State::Messages(messages) = &mut self.state else { return Ok(None) };
        let Some(prefix) = messages.prefix() else { return Ok(None) };
        if self.taken >= self.limits.expected.most_read() {
            return Err(self.limits.expected.one_too_many());
        }
        check(prefix, self.limits.message_bytes, self.encoding.as_deref())?;
        let message = messages.take(prefix);
        self.taken += u64::from(message.is_some());
        Ok(message)
    }

    /// How the call ended: after the last chunk, with these trailers. A trailers-only answer has its trailers
    /// in the head.
    ///
    /// # Errors
    /// How the call failed.
    #[inline]
    pub fn end(&self, trailers: Option<&HeaderMap>) -> Result<(), Status> {
        let said = match trailers {
            Some(trailers) => ending(trailers, &GrpcHeaders::among(trailers)?).transpose()?,
            None => None,
        };
        let messages = match &self.state {
            State::Messages(messages) => messages,
            State::Page(page) => return Err(page.status(said.is_some() || self.has_said_ok)),
        };
        if said.is_none() && !self.has_said_ok {
            return Err(Status::unknown(self.without_status(messages)));
        }
        if !messages.is_empty() {
            return Err(Status::internal(format!(
                "the answer was cut short: it ends inside its message {}",
                grouped(self.taken + 1)
            )));
        }
        self.limits.expected.check(self.taken)
    }

    fn without_status(&self, messages: &MessageBuffer) -> String {
        let inside = if messages.is_empty() { "" } else { " and inside a message" };
        let taken = usize::try_from(self.taken).unwrap_or(usize::MAX);
        format!(
            "the answer ended without a grpc-status{inside}, after {}: a proxy may have cut it",
            counted(taken, "message")
        )
    }
}

fn check(
    Prefix { flag, length }: Prefix,
    most: usize,
    encoding: Option<&HeaderValue>,
) -> Result<(), Status> {
    match (flag, encoding) {
        (PLAIN, _) => {}
        (1, Some(encoding)) => {
            return Err(Status::internal(format!(
                "a message is compressed with {}, which this client did not ask for and cannot read",
                quoted_bytes(encoding.as_bytes())
            )));
        }
        (1, None) => {
            return Err(Status::internal(
                "a message is marked as compressed, but no grpc-encoding says how",
            ));
        }
        (flag, _) => {
            return Err(Status::internal(format!(
                "a message begins with the byte {flag}; in gRPC that is 0, or 1 for a compressed one"
            )));
        }
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > most {
        return Err(Status::resource_exhausted(format!(
            "the server announced a message of {} bytes, and at most {} are accepted: raise --max-answer-bytes",
            grouped(length as u64),
            grouped(most as u64)
        )));
    }
    Ok(())
}

impl ExpectedMessages {
    #[inline]
    fn number(self) -> u64 {
        match self {
            Self::One => 1,
            Self::Several(number) | Self::Matched(number) | Self::AtMost(number) => number,
        }
    }

    /// The number of messages that are handed out.
    #[inline]
    fn most_read(self) -> u64 {
        match self {
            Self::One | Self::Several(_) => self.number(),
            Self::Matched(number) | Self::AtMost(number) => number.saturating_add(1),
        }
    }

    /// The code is that of gRPC's statuscodes.md for an RPC with one answer; the number of answers in a
    /// stream is set by the contract.
    fn one_too_many(self) -> Status {
        match self {
            Self::One => Status::unimplemented(
                "a second message arrived, but an RPC of this kind has exactly one answer",
            ),
            Self::Several(number) | Self::Matched(number) | Self::AtMost(number) => {
                Status::internal(format!(
                    "more answers arrived than the {} that were asked for",
                    grouped(number)
                ))
            }
        }
    }

    /// Checks whether an answer that ended well after this many messages is complete.
    ///
    /// # Errors
    /// How the call counts, if messages are missing.
    #[inline]
    pub fn check(self, taken: u64) -> Result<(), Status> {
        if taken == self.number() || matches!(self, Self::AtMost(_)) {
            return Ok(());
        }
        Err(match self {
            Self::One => Status::unimplemented(
                "the status is OK but no message arrived, and an RPC of this kind has exactly one answer",
            ),
            Self::Several(number) | Self::Matched(number) | Self::AtMost(number) => Status::new(
                Code::Internal,
                format!(
                    "the stream ended with the status OK after {} of {} answers",
                    grouped(taken),
                    grouped(number)
                ),
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use proptest::prelude::*;

    use super::*;

    const LIMITS: AnswerLimits = AnswerLimits {
        message_bytes: 100,
        expected: ExpectedMessages::One,
        page_bytes: PAGE_BYTES,
    };

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    const GRPC: (&str, &str) = ("content-type", "application/grpc");

    /// All messages of an answer, and how it ended.
    fn read(
        http: u16,
        head: &HeaderMap,
        chunks: &[&[u8]],
        trailers: Option<&HeaderMap>,
        limits: AnswerLimits,
    ) -> (Vec<Bytes>, Result<(), Status>) {
        let mut taken = Vec::new();
        let http = StatusCode::from_u16(http).unwrap();
        let mut reader = match Reader::new(http, head, limits) {
            Ok(reader) => reader,
            Err(status) => return (taken, Err(status)),
        };
        for chunk in chunks {
            reader.add(Bytes::copy_from_slice(chunk));
            loop {
                match reader.message() {
                    Ok(Some(message)) => taken.push(message),
                    Ok(None) => break,
                    Err(status) => return (taken, Err(status)),
                }
            }
            if reader.is_full() {
                break;
            }
        }
        let ended = reader.end(trailers);
        (taken, ended)
    }

    fn code(chunks: &[&[u8]], limits: AnswerLimits) -> (usize, Code) {
        let ok = headers(&[("grpc-status", "0")]);
        let (taken, ended) = read(200, &headers(&[GRPC]), chunks, Some(&ok), limits);
        (taken.len(), ended.err().map_or(Code::Ok, |status| status.code()))
    }

    const ONE: &[u8] = b"\0\0\0\0\x03abc";

    #[test]
    fn one_answer_is_one_message() {
        assert_eq!(code(&[ONE], LIMITS), (1, Code::Ok));
        assert_eq!(code(&[b"\0\0\0", b"\0\x03ab", b"c"], LIMITS), (1, Code::Ok));
        assert_eq!(code(&[], LIMITS), (0, Code::Unimplemented));
        assert_eq!(code(&[ONE, ONE], LIMITS), (1, Code::Unimplemented));
        assert_eq!(code(&[&ONE[..7]], LIMITS), (0, Code::Internal));
        assert_eq!(code(&[ONE, b"\0\0"], LIMITS), (1, Code::Internal));
    }

    #[test]
    fn a_stream_has_as_many_answers_as_were_asked_for() {
        let two = AnswerLimits { expected: ExpectedMessages::Several(2), ..LIMITS };
        assert_eq!(code(&[ONE, ONE], two), (2, Code::Ok));
        assert_eq!(code(&[ONE], two), (1, Code::Internal));
        assert_eq!(code(&[ONE, ONE, ONE], two), (2, Code::Internal));
        assert_eq!(code(&[ONE, &ONE[..6]], two), (1, Code::Internal));
        assert_eq!(
            code(&[], AnswerLimits { expected: ExpectedMessages::Several(0), ..LIMITS }),
            (0, Code::Ok)
        );
    }

    #[test]
    fn a_stream_whose_server_may_hang_has_at_most_as_many_answers_as_were_asked_for() {
        let two = AnswerLimits { expected: ExpectedMessages::AtMost(2), ..LIMITS };
        for few in [&[][..], &[ONE], &[ONE, ONE]] {
            assert_eq!(code(few, two), (few.len(), Code::Ok));
        }
        // One more is read, because it shows which message was answered twice.
        assert_eq!(code(&[ONE; 4], two), (3, Code::Internal));
        assert_eq!(code(&[ONE, &ONE[..6]], two), (1, Code::Internal));
    }

    #[test]
    fn a_wrong_prefix_is_known_before_its_message() {
        assert_eq!(code(&[b"\0\xff\xff\xff\xff"], LIMITS), (0, Code::ResourceExhausted));
        assert_eq!(code(&[b"\0\0\0\0\x65"], LIMITS), (0, Code::ResourceExhausted));
        for flag in [1, 2, 60, 255] {
            assert_eq!(code(&[&[flag, 0, 0, 0, 1, 7]], LIMITS), (0, Code::Internal));
        }
    }

    #[test]
    fn a_compressed_message_is_refused_by_name_and_an_uncompressed_one_read() {
        let gzip = headers(&[GRPC, ("grpc-encoding", "gzip")]);
        let ok = headers(&[("grpc-status", "0")]);
        let (_, ended) = read(200, &gzip, &[b"\x01\0\0\0\0"], Some(&ok), LIMITS);
        let status = ended.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().contains("`gzip`"), "{status}");
        let (taken, ended) = read(200, &gzip, &[ONE], Some(&ok), LIMITS);
        assert_eq!((taken.len(), ended.is_ok()), (1, true));
    }

    #[test]
    fn a_failed_status_counts_in_the_head_and_in_trailers() {
        let failed = headers(&[GRPC, ("grpc-status", "5")]);
        let told = |http, head: &HeaderMap, trailers: Option<&HeaderMap>| {
            read(http, head, &[], trailers, LIMITS).1.unwrap_err().code()
        };
        assert_eq!(told(200, &failed, None), Code::NotFound);
        assert_eq!(told(503, &failed, None), Code::NotFound);
        let html = headers(&[("content-type", "text/html")]);
        assert_eq!(told(503, &html, None), Code::Unavailable);
        assert_eq!(
            told(503, &html, Some(&headers(&[("grpc-status", "8")]))),
            Code::ResourceExhausted
        );
        // An answer like this is not believed if it reports OK.
        assert_eq!(told(503, &html, Some(&headers(&[("grpc-status", "0")]))), Code::Unavailable);
        // HTTP/1.1 behind a proxy: the head, then an empty end.
        let said_early = headers(&[GRPC, ("grpc-status", "0")]);
        assert!(read(200, &said_early, &[ONE], None, LIMITS).1.is_ok());
        assert_eq!(told(200, &headers(&[GRPC]), None), Code::Unknown);
    }

    #[test]
    fn only_the_beginning_of_an_endless_page_is_read() {
        let html = headers(&[("content-type", "text/html")]);
        let chunk = [b'x'; 3_000];
        let many = vec![&chunk[..]; 1_000];
        let mut reader = Reader::new(StatusCode::BAD_GATEWAY, &html, LIMITS).unwrap();
        let read_on = many.iter().take_while(|chunk| {
            reader.add(Bytes::copy_from_slice(chunk));
            !reader.is_full()
        });
        assert_eq!(read_on.count(), 1);
        let nobody_asks = AnswerLimits { page_bytes: 0, ..LIMITS };
        assert!(Reader::new(StatusCode::BAD_GATEWAY, &html, nobody_asks).unwrap().is_full());
    }

    proptest! {
        /// Any answer at all is read to its end, and no more than was asked for is taken from it.
        #[test]
        fn any_answer_is_read_to_its_end(
            http in 200_u16..1000,
            is_grpc in any::<bool>(),
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..6),
            lengths in proptest::collection::vec(0_u8..120, 0..6),
            status in proptest::option::of("[ -~]{0,3}"),
            number in 0_u64..4,
        ) {
            let head = headers(if is_grpc { &[GRPC] } else { &[] });
            // Prefixes that are likely, and bytes that are not.
            let mut bytes: Vec<Vec<u8>> = lengths.iter().map(|length| vec![0, 0, 0, 0, *length]).collect();
            bytes.extend(chunks);
            let chunks: Vec<_> = bytes.iter().map(Vec::as_slice).collect();
            let trailers = status.map(|status| HeaderMap::from_iter([(
                HeaderName::from_static("grpc-status"), HeaderValue::from_str(&status).unwrap(),
            )]));
            for expected in [ExpectedMessages::One, ExpectedMessages::Several(number)] {
                let limits = AnswerLimits { expected, ..LIMITS };
                let http = if is_grpc { 200 } else { http };
                let (taken, ended) = read(http, &head, &chunks, trailers.as_ref(), limits);
                prop_assert!(taken.len() as u64 <= expected.number());
                prop_assert!(taken.iter().all(|message| message.len() <= limits.message_bytes));
                prop_assert!(ended.is_err() || taken.len() as u64 == expected.number());
            }
        }
    }
}
