//! The numbers of the streams whose requests have not been routed yet: HTTP hands over requests in the order
//! in which they arrived, but without these numbers, which a planned GOAWAY needs.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::{ConnectionRecord, lock};

/// The streams of a connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Whether they are followed.
    are_followed: bool,
    /// The highest number so far.
    highest: AtomicU32,
    /// Those that the client has opened and whose requests have not been routed.
    opened: Mutex<VecDeque<u32>>,
}

impl Streams {
    /// `are_followed`: whether the number of a call's stream can be needed.
    pub(super) fn new(are_followed: bool) -> Self {
        Self { are_followed, ..Self::default() }
    }

    #[cold]
    fn follow(&self, stream: u32) {
        // Otherwise these are trailers.
        if self.highest.fetch_max(stream, Relaxed) < stream {
            lock(&self.opened).push_back(stream);
        }
    }

    #[cold]
    fn forget(&self, stream: u32) {
        lock(&self.opened).retain(|opened| *opened != stream);
    }
}

impl ConnectionRecord {
    /// Called when the client has sent headers on a stream.
    #[inline]
    pub(super) fn stream_opened(&self, stream: u32) {
        if self.streams.are_followed {
            self.streams.follow(stream);
        }
    }

    /// Called when we have sent headers on a stream, or reset it. If its request was not routed, it never will
    /// be: HTTP/2 itself has answered or refused it.
    #[inline]
    pub(super) fn stream_answered(&self, stream: u32) {
        if self.streams.are_followed {
            self.streams.forget(stream);
        }
    }

    /// The number of the stream whose request is routed now; 0 if streams are not followed.
    #[inline]
    pub(super) fn next_stream(&self) -> u32 {
        if !self.streams.are_followed {
            return 0;
        }
        lock(&self.streams.opened).pop_front().unwrap_or(0)
    }
}
