//! Parses the HTTP/2 frames in a byte stream (RFC 9113, section 4.1) without keeping them. Pure.

const HEAD_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const SETTINGS_INITIAL_WINDOW_SIZE: u16 = 4;
/// The highest bit of a stream's number, and of a window's increment, is reserved.
const STREAM_MASK: u32 = u32::MAX >> 1;

/// A frame that was parsed, with only the details that are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// The number of bytes that count against the windows, including padding.
    Data(u32),
    /// The head of a message, or its trailers, on this stream.
    Headers {
        stream: u32,
    },
    /// Of a stream, with an error code.
    Reset {
        stream: u32,
        code: u32,
    },
    /// The initial window of a stream, if the frame contains it.
    Settings {
        is_ack: bool,
        initial_window: Option<u32>,
    },
    Ping {
        is_ack: bool,
        payload: [u8; 8],
    },
    Goaway,
    /// How many more bytes may be sent on the connection as a whole.
    WindowUpdate(u32),
    Other,
}

/// What a stream of frames has stopped in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnfinishedFrame {
    /// The preface, which ends with the first SETTINGS. It cannot be detected from frames alone.
    Preface,
    /// The head of a frame, or a short frame, which is any except DATA.
    Control,
    /// A block of headers that more frames must complete.
    Headers,
    /// A DATA frame.
    Data,
}

/// Parses frames, whatever pieces their bytes arrive in.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    head: [u8; HEAD_BYTES],
    head_len: usize,
    /// How many bytes of the frame's payload are still to come.
    payload_left: u32,
    /// The start of a payload; for SETTINGS, the current entry.
    part: [u8; 8],
    part_len: usize,
    initial_window: Option<u32>,
    is_block_open: bool,
    whole: u64,
}

impl Frames {
    /// Parses `bytes`, and calls `on_frame` at the end of each frame; stops if that returns false. Returns
    /// the number of bytes parsed.
    pub(crate) fn follow(
        &mut self,
        bytes: &[u8],
        mut on_frame: impl FnMut(Frame) -> bool,
    ) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            if let Some((frame, length)) = self.whole_message_frame(&bytes[at..]) {
                at += length;
                if !on_frame(frame) {
                    break;
                }
                continue;
            }
            at += self.take_head(&bytes[at..]);
            if self.head_len < HEAD_BYTES {
                break;
            }
            let taken = (bytes.len() - at).min(self.payload_left as usize);
            self.look_into(&bytes[at..at + taken]);
            at += taken;
            self.payload_left -= u32::try_from(taken).unwrap_or(self.payload_left);
            if self.payload_left == 0 && !on_frame(self.end()) {
                break;
            }
        }
        at
    }

    /// What the bytes have stopped in the middle of, if anything.
    pub(crate) fn unfinished(&self) -> Option<UnfinishedFrame> {
        match self.head_len {
            0 if self.is_block_open => Some(UnfinishedFrame::Headers),
            0 => None,
            HEAD_BYTES if self.kind() == DATA => Some(UnfinishedFrame::Data),
            HEAD_BYTES if matches!(self.kind(), HEADERS | CONTINUATION) => {
                Some(UnfinishedFrame::Headers)
            }
            _ => Some(UnfinishedFrame::Control),
        }
    }

    /// How many frames were parsed, counting a block of headers as one.
    pub(crate) fn whole(&self) -> u64 {
        self.whole
    }

    /// The frame at the start of `bytes`, and its length, if it belongs to a message and all of it is there.
    /// Nearly all frames do and are, so that they need not be parsed piece by piece.
    #[inline]
    fn whole_message_frame(&mut self, bytes: &[u8]) -> Option<(Frame, usize)> {
        let head: &[u8; HEAD_BYTES] = bytes.first_chunk().filter(|_| self.head_len == 0)?;
        let [high, mid, low, kind, flags, stream @ ..] = *head;
        let length = u32::from_be_bytes([0, high, mid, low]);
        let end = HEAD_BYTES + length as usize;
        if bytes.len() < end {
            return None;
        }
        let frame = match kind {
            DATA => Frame::Data(length),
            HEADERS => {
                self.is_block_open = flags & END_HEADERS == 0;
                Frame::Headers { stream: u32::from_be_bytes(stream) & STREAM_MASK }
            }
            _ => return None,
        };
        self.whole += u64::from(!self.is_block_open);
        Some((frame, end))
    }

    fn take_head(&mut self, bytes: &[u8]) -> usize {
        let taken = match bytes.first_chunk() {
            // It nearly always arrives in one piece.
            Some(head) if self.head_len == 0 => {
                self.head = *head;
                HEAD_BYTES
            }
            _ => {
                let taken = bytes.len().min(HEAD_BYTES - self.head_len);
                if taken == 0 {
                    return 0;
                }
                self.head[self.head_len..self.head_len + taken].copy_from_slice(&bytes[..taken]);
                taken
            }
        };
        self.head_len += taken;
        if self.head_len == HEAD_BYTES {
            self.payload_left = self.length();
            self.part_len = 0;
            self.initial_window = None;
        }
        taken
    }

    /// Keeps what is needed of a payload: a few bytes of a few kinds of frames.
    fn look_into(&mut self, mut payload: &[u8]) {
        let wanted = match self.kind() {
            SETTINGS => 6,
            PING => 8,
            WINDOW_UPDATE | RST_STREAM => 4,
            _ => return,
        };
        while !payload.is_empty() && self.part_len < wanted {
            let (taken, rest) = payload.split_at(payload.len().min(wanted - self.part_len));
            self.part[self.part_len..self.part_len + taken.len()].copy_from_slice(taken);
            self.part_len += taken.len();
            payload = rest;
            if wanted == 6 && self.part_len == 6 {
                self.part_len = 0;
                let [high, low, value @ ..] = self.part;
                if u16::from_be_bytes([high, low]) == SETTINGS_INITIAL_WINDOW_SIZE {
                    let [a, b, c, d, ..] = value;
                    self.initial_window = Some(u32::from_be_bytes([a, b, c, d]));
                }
            }
        }
    }

    fn end(&mut self) -> Frame {
        self.head_len = 0;
        if matches!(self.kind(), HEADERS | CONTINUATION) {
            self.is_block_open = self.flags() & END_HEADERS == 0;
        }
        self.whole += u64::from(!self.is_block_open);
        let is_ack = self.flags() & ACK != 0;
        match self.kind() {
            DATA => Frame::Data(self.length()),
            HEADERS => Frame::Headers { stream: self.stream() },
            RST_STREAM => Frame::Reset { stream: self.stream(), code: self.first_number() },
            SETTINGS => Frame::Settings { is_ack, initial_window: self.initial_window },
            PING => Frame::Ping { is_ack, payload: self.part },
            GOAWAY => Frame::Goaway,
            WINDOW_UPDATE if self.stream() == 0 => {
                Frame::WindowUpdate(self.first_number() & STREAM_MASK)
            }
            _ => Frame::Other,
        }
    }

    /// The number at the beginning of a payload.
    fn first_number(&self) -> u32 {
        let [a, b, c, d, ..] = self.part;
        u32::from_be_bytes([a, b, c, d])
    }

    fn stream(&self) -> u32 {
        let [.., a, b, c, d] = self.head;
        u32::from_be_bytes([a, b, c, d]) & STREAM_MASK
    }

    fn length(&self) -> u32 {
        u32::from_be_bytes([0, self.head[0], self.head[1], self.head[2]])
    }

    fn kind(&self) -> u8 {
        self.head[3]
    }

    fn flags(&self) -> u8 {
        self.head[4]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap();
        [&length.to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    fn frames() -> (Vec<u8>, Vec<Frame>) {
        let window = |value: u32| [&[0, 4][..], &value.to_be_bytes()].concat();
        let settings = [&[0, 3, 0, 0, 0, 9][..], &window(7), &window(70_000)].concat();
        let bytes = [
            frame(SETTINGS, 0, 0, &settings),
            frame(SETTINGS, ACK, 0, &[]),
            frame(HEADERS, 0, 1, &[9; 30]),
            frame(CONTINUATION, END_HEADERS, 1, &[9; 3]),
            frame(DATA, 1, 1, &[5; 300]),
            frame(PING, ACK, 0, b"pingpong"),
            frame(WINDOW_UPDATE, 0, 0, &1_000_u32.to_be_bytes()),
            frame(WINDOW_UPDATE, 0, 1, &2_000_u32.to_be_bytes()),
            frame(0x42, 0, 0, &[0; 20]),
            frame(RST_STREAM, 0, 1, &[0; 4]),
            frame(GOAWAY, 0, 0, &[0; 8]),
        ];
        let seen = vec![
            Frame::Settings { is_ack: false, initial_window: Some(70_000) },
            Frame::Settings { is_ack: true, initial_window: None },
            Frame::Headers { stream: 1 },
            Frame::Other,
            Frame::Data(300),
            Frame::Ping { is_ack: true, payload: *b"pingpong" },
            Frame::WindowUpdate(1_000),
            Frame::Other,
            Frame::Other,
            Frame::Reset { stream: 1, code: 0 },
            Frame::Goaway,
        ];
        (bytes.concat(), seen)
    }

    proptest! {
        /// However the bytes are cut, the same frames are found, and nothing is unfinished between them.
        #[test]
        fn pieces_do_not_change_which_frames_are_found(
            cuts in proptest::collection::vec(1_usize..40, 0..60),
        ) {
            let (bytes, expected) = frames();
            let (mut follower, mut seen, mut rest) = (Frames::default(), Vec::new(), &bytes[..]);
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                let followed = follower.follow(piece, |frame| {
                    seen.push(frame);
                    true
                });
                prop_assert_eq!(followed, piece.len());
                rest = after;
            }
            prop_assert_eq!(seen, expected);
            prop_assert_eq!((follower.unfinished(), follower.whole()), (None, 10));
        }

        /// Any bytes are parsed; nothing panics.
        #[test]
        fn any_bytes_are_parsed(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(Frames::default().follow(&bytes, |_| true), bytes.len());
        }
    }

    #[test]
    fn parsing_stops_after_the_frame_at_which_it_is_told_to_stop() {
        let (bytes, expected) = frames();
        for stop in &expected {
            let mut follower = Frames::default();
            let at = follower.follow(&bytes, |frame| frame != *stop);
            assert_eq!(follower.unfinished().is_some(), matches!(stop, Frame::Headers { .. }));
            let mut rest = Vec::new();
            follower.follow(&bytes[at..], |frame| {
                rest.push(frame);
                true
            });
            let index = expected.iter().position(|frame| frame == stop).unwrap();
            assert_eq!(rest, expected[index + 1..]);
        }
    }

    #[test]
    fn what_is_unfinished_is_reported() {
        let cases: [(&[u8], _); 6] = [
            (&[0, 0], Some(UnfinishedFrame::Control)),
            (&frame(PING, 0, 0, &[0; 8])[..12], Some(UnfinishedFrame::Control)),
            (&frame(HEADERS, END_HEADERS, 1, &[0; 8])[..12], Some(UnfinishedFrame::Headers)),
            (&frame(HEADERS, 0, 1, &[0; 8]), Some(UnfinishedFrame::Headers)),
            (&frame(DATA, 0, 1, &[0; 8])[..12], Some(UnfinishedFrame::Data)),
            (&frame(DATA, 0, 1, &[0; 8]), None),
        ];
        for (bytes, expected) in cases {
            let mut follower = Frames::default();
            follower.follow(bytes, |_| true);
            assert_eq!(follower.unfinished(), expected, "{bytes:?}");
        }
    }
}
