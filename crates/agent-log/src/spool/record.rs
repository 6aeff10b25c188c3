//! The bytes of a segment: an 8-byte magic, then records of a 13-byte header and a payload.

/// A longer line is written as several, as awslogs does: CloudWatch Logs takes 262,144 bytes an event, 26 of which are
/// overhead (PutLogEvents, "InputLogEvents").
pub const MAX_LINE_BYTES: usize = 262_144 - 26;

/// First bytes of every segment; the digit is the version of the format.
pub(super) const MAGIC: &[u8; 8] = b"wharfsp1";
/// kind u8, unix_ms i64, len u32; little-endian.
pub(super) const HEADER_BYTES: usize = 13;

const KIND_STDOUT: u8 = 1;
const KIND_STDERR: u8 = 2;
const KIND_DROPPED: u8 = 3;
const KIND_END: u8 = 4;

/// Where a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

/// What a spool is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A line, or a piece of one that is longer than [`MAX_LINE_BYTES`].
    Line {
        /// Where it was written.
        stream: Stream,
        /// When its end was read, in milliseconds since the epoch.
        at_unix_ms: i64,
        /// Without its newline; may be empty.
        bytes: Vec<u8>,
    },
    /// A non-blocking spool was full.
    Dropped {
        /// When, in milliseconds since the epoch.
        at_unix_ms: i64,
        /// Lines that were dropped here.
        lines: u64,
    },
    /// The container's output has ended; nothing follows.
    End {
        /// When, in milliseconds since the epoch.
        at_unix_ms: i64,
    },
}

/// A header whose kind and length are plausible.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    kind: u8,
    at_unix_ms: i64,
    len: u32,
}

impl Header {
    pub(super) fn line(stream: Stream, at_unix_ms: i64, len: usize) -> Self {
        let kind = match stream {
            Stream::Stdout => KIND_STDOUT,
            Stream::Stderr => KIND_STDERR,
        };
        Self { kind, at_unix_ms, len: u32::try_from(len).expect("a line is at most MAX_LINE_BYTES long") }
    }

    pub(super) fn dropped(at_unix_ms: i64) -> Self {
        Self { kind: KIND_DROPPED, at_unix_ms, len: 8 }
    }

    pub(super) fn end(at_unix_ms: i64) -> Self {
        Self { kind: KIND_END, at_unix_ms, len: 0 }
    }

    pub(super) fn encode(self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[0] = self.kind;
        out[1..9].copy_from_slice(&self.at_unix_ms.to_le_bytes());
        out[9..].copy_from_slice(&self.len.to_le_bytes());
        out
    }

    /// `None` for bytes that no writer wrote: a torn tail after a power loss, say.
    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let [kind, a, b, c, d, e, f, g, h, len @ ..] = *bytes;
        let header = Self {
            kind,
            at_unix_ms: i64::from_le_bytes([a, b, c, d, e, f, g, h]),
            len: u32::from_le_bytes(len),
        };
        let plausible = match kind {
            KIND_STDOUT | KIND_STDERR => header.payload_bytes() <= MAX_LINE_BYTES,
            KIND_DROPPED => header.len == 8,
            KIND_END => header.len == 0,
            _ => false,
        };
        plausible.then_some(header)
    }

    pub(super) fn payload_bytes(self) -> usize {
        self.len as usize
    }

    /// The record that this header and its payload are.
    pub(super) fn with_payload(self, payload: Vec<u8>) -> Record {
        let at_unix_ms = self.at_unix_ms;
        match self.kind {
            KIND_STDOUT => Record::Line { stream: Stream::Stdout, at_unix_ms, bytes: payload },
            KIND_STDERR => Record::Line { stream: Stream::Stderr, at_unix_ms, bytes: payload },
            KIND_DROPPED => {
                let lines = payload.try_into().map_or(0, u64::from_le_bytes);
                Record::Dropped { at_unix_ms, lines }
            }
            _ => Record::End { at_unix_ms },
        }
    }
}
