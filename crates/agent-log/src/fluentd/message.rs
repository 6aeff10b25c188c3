//! Events as messages of the forward protocol (Fluentd, "Forward Protocol Specification v1", Forward Mode):
//! `[tag, [[time, record], …], {"chunk": …, "size": n}]` in msgpack.

use crate::batch::pieces;
use crate::spool::Cursor;
use agent_driver::{FluentdSpec, LogEvent};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmp::encode as msgpack;
use std::collections::BTreeMap;

/// A message is sent when its entries are so large; an event more may be in it.
const ENTRIES_BYTES_MAX: usize = 1 << 20;
/// Docker reads as much of a line at once, and sends a longer one in pieces that say so.
const PIECE_BYTES_MAX: usize = 16 * 1024;
/// A vector takes all bytes.
const INFALLIBLE: &str = "memory can be written";

/// What messages are made of that is the same for all of a container's.
#[derive(Debug)]
pub struct Encoder {
    spec: FluentdSpec,
    /// Names the container.
    hash: u64,
    /// Pairs of the record that every event has, encoded.
    fields: Vec<u8>,
}

/// A message, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// What is sent.
    pub bytes: Vec<u8>,
    /// What the collector answers with, if it was asked for an answer.
    pub chunk: Option<String>,
}

/// Which of the pieces of a line this is.
struct Piece<'a> {
    text: &'a str,
    /// From 1; `None` when the line is whole.
    ordinal: Option<usize>,
    is_last: bool,
}

impl Encoder {
    /// For the container that `hash` names.
    pub fn new(hash: u64, spec: FluentdSpec) -> Self {
        let mut fields = Vec::new();
        for (name, value) in &spec.fields {
            text(&mut fields, name);
            text(&mut fields, value);
        }
        Self { spec, hash, fields }
    }

    /// Messages for events that begin at `from` in the spool. The same events make the same messages, so that a
    /// collector can know one that is sent again.
    pub fn messages(&self, from: Cursor, events: &[LogEvent]) -> Vec<Message> {
        let mut messages = Vec::new();
        let (mut entries, mut count) = (Vec::new(), 0);
        for (index, event) in events.iter().enumerate() {
            for piece in pieces_of(&event.message) {
                self.entry(&mut entries, event, &piece, || self.partial_id(from, index));
                count += 1;
            }
            if entries.len() >= ENTRIES_BYTES_MAX || index + 1 == events.len() {
                let chunk = self.spec.request_ack.then(|| self.chunk(from, messages.len()));
                messages.push(self.message(&entries, count, chunk));
                entries.clear();
                count = 0;
            }
        }
        messages
    }

    fn message(&self, entries: &[u8], count: u32, chunk: Option<String>) -> Message {
        let mut bytes = Vec::with_capacity(entries.len() + 256);
        msgpack::write_array_len(&mut bytes, 3).expect(INFALLIBLE);
        text(&mut bytes, &self.spec.tag);
        msgpack::write_array_len(&mut bytes, count).expect(INFALLIBLE);
        bytes.extend_from_slice(entries);
        msgpack::write_map_len(&mut bytes, 1 + u32::from(chunk.is_some())).expect(INFALLIBLE);
        text(&mut bytes, "size");
        msgpack::write_uint(&mut bytes, count.into()).expect(INFALLIBLE);
        if let Some(chunk) = &chunk {
            text(&mut bytes, "chunk");
            text(&mut bytes, chunk);
        }
        Message { bytes, chunk }
    }

    fn entry(&self, out: &mut Vec<u8>, event: &LogEvent, piece: &Piece<'_>, name: impl Fn() -> String) {
        msgpack::write_array_len(out, 2).expect(INFALLIBLE);
        self.time(out, event.at_unix_ms);
        // A label may be called `log`; it is then that label, as with Docker.
        let source = if event.is_stderr { "stderr" } else { "stdout" };
        let mut own = vec![("source", source), ("log", piece.text)];
        let (id, ordinal): (String, String);
        if let Some(number) = piece.ordinal {
            (id, ordinal) = (name(), number.to_string());
            own.extend([("partial_message", "true"), ("partial_id", &id), ("partial_ordinal", &ordinal)]);
            own.push(("partial_last", if piece.is_last { "true" } else { "false" }));
        }
        own.retain(|(name, _)| !self.spec.fields.contains_key(*name));
        let len = u32::try_from(own.len() + self.spec.fields.len()).expect("a container has few labels");
        msgpack::write_map_len(out, len).expect(INFALLIBLE);
        out.extend_from_slice(&self.fields);
        for (name, value) in own {
            text(out, name);
            text(out, value);
        }
    }

    /// Seconds, or an EventTime: extension type 0 of seconds and nanoseconds, 32 bits each.
    fn time(&self, out: &mut Vec<u8>, at_unix_ms: i64) {
        let seconds = at_unix_ms.div_euclid(1000);
        if !self.spec.sub_second {
            msgpack::write_sint(out, seconds).expect(INFALLIBLE);
            return;
        }
        let nanoseconds = at_unix_ms.rem_euclid(1000) as u32 * 1_000_000;
        msgpack::write_ext_meta(out, 8, 0).expect(INFALLIBLE);
        out.extend_from_slice(&(seconds as u32).to_be_bytes());
        out.extend_from_slice(&nanoseconds.to_be_bytes());
    }

    /// "Base64 encoded 128 bits": the container, and the place in its spool.
    fn chunk(&self, from: Cursor, number: usize) -> String {
        let place = (from.segment << 40) ^ (from.offset << 8) ^ number as u64;
        STANDARD.encode([self.hash.to_be_bytes(), place.to_be_bytes()].concat())
    }

    /// Names a line that is sent in pieces; as long as one of Docker's.
    fn partial_id(&self, from: Cursor, index: usize) -> String {
        format!("{:016x}{:016x}{:016x}{index:016x}", self.hash, from.segment, from.offset)
    }
}

/// As dockerd cuts it, which reads the newline with the line: a full piece always has a successor, if an empty one.
fn pieces_of(message: &str) -> Vec<Piece<'_>> {
    if message.len() < PIECE_BYTES_MAX {
        return vec![Piece { text: message, ordinal: None, is_last: true }];
    }
    let mut texts: Vec<_> = pieces(message, PIECE_BYTES_MAX).collect();
    if texts.last().is_some_and(|text| text.len() == PIECE_BYTES_MAX) {
        texts.push("");
    }
    let count = texts.len();
    let piece = |(n, text)| Piece { text, ordinal: Some(n + 1), is_last: n + 1 == count };
    texts.into_iter().enumerate().map(piece).collect()
}

fn text(out: &mut Vec<u8>, text: &str) {
    msgpack::write_str(out, text).expect(INFALLIBLE);
}

/// What a collector answers: `{"ack": chunk}`. `None` while it is not whole.
///
/// # Errors
/// It is no such answer.
pub fn read_ack(bytes: &[u8]) -> Result<Option<String>, String> {
    let answer: BTreeMap<String, String> = match rmp_serde::from_slice(bytes) {
        Ok(answer) => answer,
        Err(
            rmp_serde::decode::Error::InvalidMarkerRead(e) | rmp_serde::decode::Error::InvalidDataRead(e),
        ) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Ok(None);
        }
        Err(error) => return Err(format!("the collector's answer is no acknowledgement: {error}")),
    };
    let ack = answer.into_iter().find_map(|(name, value)| (name == "ack").then_some(value));
    ack.map(Some).ok_or_else(|| "the collector's answer has no member ack".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> FluentdSpec {
        FluentdSpec {
            address: String::new(),
            tag: "app".into(),
            connect_async: false,
            sub_second: false,
            request_ack: false,
            fields: BTreeMap::from([("k".into(), "v".into())]),
        }
    }

    fn event(message: &str) -> LogEvent {
        LogEvent { at_unix_ms: 1_700_000_000_123, message: message.into(), is_stderr: true }
    }

    #[test]
    fn the_bytes_of_a_message() {
        let encoder = Encoder::new(7, spec());
        let mut expected =
            b"\x93\xa3app\x91\x92\xce\x65\x53\xf1\x00\x83\xa1k\xa1v\xa6source\xa6stderr\xa3log\xa2hi"
                .to_vec();
        expected.extend(b"\x81\xa4size\x01");
        let messages = encoder.messages(Cursor::default(), &[event("hi")]);
        assert_eq!(messages, [Message { bytes: expected, chunk: None }]);
    }

    #[test]
    fn with_nanoseconds_and_a_chunk() {
        let encoder = Encoder::new(7, FluentdSpec { sub_second: true, request_ack: true, ..spec() });
        let [message] = &encoder.messages(Cursor { segment: 1, offset: 8 }, &[event("")])[..] else {
            panic!("one message")
        };
        assert!(message.bytes.starts_with(b"\x93\xa3app\x91\x92\xd7\x00\x65\x53\xf1\x00\x07\x54\xd4\xc0"));
        assert!(message.bytes.ends_with(b"\x82\xa4size\x01\xa5chunk\xb8AAAAAAAAAAcAAAEAAAAIAA=="));
        assert_eq!(message.chunk.as_deref(), Some("AAAAAAAAAAcAAAEAAAAIAA=="));
    }

    #[test]
    fn a_label_called_log_stays_that_label() {
        let fields = BTreeMap::from([("log".into(), "label".into())]);
        let encoder = Encoder::new(7, FluentdSpec { fields, ..spec() });
        let bytes = &encoder.messages(Cursor::default(), &[event("hi")])[0].bytes;
        assert!(bytes.windows(10).any(|w| w == b"\x82\xa3log\xa5labe"), "{bytes:?}");
    }

    #[test]
    fn a_long_line_is_pieces_and_many_lines_are_messages() {
        let lens = |text: &str| {
            pieces_of(text).iter().map(|p| (p.text.len(), p.ordinal, p.is_last)).collect::<Vec<_>>()
        };
        assert_eq!(lens(""), [(0, None, true)]);
        assert_eq!(lens(&"x".repeat(16_383)), [(16_383, None, true)]);
        // What dockerd 20.10.24 sends for such a line.
        assert_eq!(lens(&"x".repeat(16_384)), [(16_384, Some(1), false), (0, Some(2), true)]);
        assert_eq!(lens(&"x".repeat(16_385)), [(16_384, Some(1), false), (1, Some(2), true)]);

        let encoder = Encoder::new(7, FluentdSpec { request_ack: true, ..spec() });
        let events = vec![event(&"x".repeat(400_000)); 4];
        let messages = encoder.messages(Cursor::default(), &events);
        assert_eq!(messages.len(), 2);
        assert_ne!(messages[0].chunk, messages[1].chunk);
    }

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        let answer = b"\x81\xa3ack\xa5chunk";
        for cut in 0..answer.len() {
            assert_eq!(read_ack(&answer[..cut]), Ok(None), "{cut}");
        }
        assert_eq!(read_ack(answer), Ok(Some("chunk".into())));
        assert!(read_ack(b"\xc0").is_err());
        assert!(read_ack(b"\x80").is_err());
    }
}
