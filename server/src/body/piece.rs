//! A piece of an answer, from when it is handed to HTTP until it is encoded for the socket.

use std::mem;
use std::sync::Arc;

use bytes::{Buf, Bytes};

use crate::body::room::Room;
use crate::call::Call;

/// How much of an answer is handed to HTTP/2 at a time: a frame. It takes a piece whole as soon as its
/// reader has room for a byte, and then holds what the reader does not take.
pub(crate) const PIECE_BYTES: usize = 16 * 1024;

/// Bytes of an answer. HTTP advances it as it encodes them, and drops it, with what is left, when the
/// stream is reset or the connection lost: so it knows what the client cannot have.
#[derive(Debug, Default)]
pub(crate) struct AnswerPiece {
    bytes: Bytes,
    /// Until all of it is encoded.
    owner: PieceOwner,
}

/// Whose a piece is.
#[derive(Debug, Default)]
enum PieceOwner {
    #[default]
    Nobody,
    Call(Arc<Call>),
    /// A request that is not a call, and has its room until then.
    Request {
        _room: Room,
    },
}

impl AnswerPiece {
    /// A piece of the answer to `call`.
    pub(crate) fn of(call: &Arc<Call>, bytes: Bytes) -> Self {
        if bytes.is_empty() {
            return Self::default();
        }
        Self::last_of(Arc::clone(call), bytes)
    }

    /// The last piece of the answer to `call`, which is not empty.
    pub(crate) fn last_of(call: Arc<Call>, bytes: Bytes) -> Self {
        call.hand_over(length(bytes.len()));
        Self { bytes, owner: PieceOwner::Call(call) }
    }

    /// Bytes that do not belong to a call, and the room of their request if this is its only piece.
    pub(crate) fn plain(bytes: Bytes, room: Option<Room>) -> Self {
        let owner = room.map_or(PieceOwner::Nobody, |room| PieceOwner::Request { _room: room });
        Self { bytes, owner }
    }
}

impl Buf for AnswerPiece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let PieceOwner::Call(call) = &self.owner {
            call.encoded(length(count));
        }
        if self.bytes.is_empty() {
            // So that a call is counted before the client has its last piece.
            self.owner = PieceOwner::Nobody;
        }
    }
}

impl Drop for AnswerPiece {
    fn drop(&mut self) {
        if let PieceOwner::Call(call) = mem::take(&mut self.owner) {
            call.thrown_away(length(self.bytes.len()));
        }
    }
}

/// Answers are limited to less than 4 GiB.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
