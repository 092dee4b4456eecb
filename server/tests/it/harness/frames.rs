//! HTTP/2 frames, written by hand.

use longsync::v1::LongSyncRequest;

use super::framed;

/// The start of a connection, before its SETTINGS.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The frames of a complete unary call.
pub(crate) fn unary(stream: u32, request: &LongSyncRequest) -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    for (name, value) in [
        (":path", "/longsync.v1.LongSyncService/LongSync"),
        (":authority", "longsync.test"),
        ("content-type", "application/grpc"),
    ] {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("a field is short"));
            block.extend(text.as_bytes());
        }
    }
    [frame(1, 4, stream, &block), frame(0, 1, stream, &framed(request))].concat()
}
