//! A piece of an answer, from its handover to HTTP until it is encoded for the socket.

use std::mem;
use std::sync::Arc;

use bytes::{Buf, Bytes};

use crate::body::room::Room;
use crate::call::Call;

/// How much of an answer is handed to HTTP/2 at a time: one frame. HTTP/2 accepts an entire piece as soon as
/// its reader has room for one byte, and then holds what the reader does not take.
pub(crate) const PIECE_BYTES: usize = 16 * 1024;

/// Bytes of an answer. HTTP advances the piece as it encodes the bytes. It drops the piece, with whatever is
/// left of it, when the stream is reset or the connection is lost; so the piece knows which bytes cannot have
/// reached the client.
#[derive(Debug, Default)]
pub(crate) struct AnswerPiece {
    bytes: Bytes,
    /// Who owns the piece, until all of it is encoded.
    owner: PieceOwner,
}

/// The owner of a piece.
#[derive(Debug, Default)]
enum PieceOwner {
    #[default]
    Nobody,
    Call(Arc<Call>),
    /// A request that is not a call; it keeps its room until then.
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

    /// Bytes that do not belong to a call, with the room of their request if this is its only piece.
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
            // The call must be counted before the client has the last piece.
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

/// The length of a piece. It fits, because answers are limited to less than 4 GiB.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
