//! Any bytes as a block of log events, as they are and in a frame with the right length and checksum: no fuzzer guesses
//! those.

use crate::block::{events, header};

/// Whether the bytes are the body of a block.
pub fn check(bytes: &[u8]) -> bool {
    let _ = (header(bytes), events(bytes));
    let mut frame = (bytes.len() as u32).to_le_bytes().to_vec();
    frame.extend(crc32fast::hash(bytes).to_le_bytes());
    frame.extend(bytes);
    let Ok(header) = header(&frame) else { return false };
    assert_eq!(header.frame_bytes as usize, frame.len());
    let Ok(events) = events(&frame) else { return false };
    assert_eq!(events.len(), header.events as usize);
    true
}
