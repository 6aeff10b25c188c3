//! The Engine's log as it is sent: pieces of lines, each with the time at which it was read. The driver `local` keeps a
//! newline with lines of one piece only, so size tells the last piece of a longer one.

use agent_log::spool::Stream;
use bollard::container::LogOutput;
use jiff::Timestamp;

/// A line that is longer comes in several pieces, all but the last of this size; the last one is smaller.
const PIECE_BYTES: usize = 16 * 1024;
/// Of a time: `2006-01-02T15:04:05.000000000Z`.
const TIME_BYTES: usize = 30;

/// A piece of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) stream: Stream,
    pub(super) at_ns: i64,
    pub(super) bytes: &'a [u8],
}

impl Frame<'_> {
    /// What one item of a log has in it: one piece, or all pieces of a terminal's line. What has no time is nobody's
    /// output.
    pub(super) fn of(output: &LogOutput) -> Vec<Frame<'_>> {
        let (stream, mut rest, is_terminal) = match output {
            LogOutput::StdErr { message } => (Stream::Stderr, &message[..], false),
            LogOutput::StdOut { message } => (Stream::Stdout, &message[..], false),
            LogOutput::Console { message } => (Stream::Stdout, &message[..], true),
            LogOutput::StdIn { .. } => return Vec::new(),
        };
        let mut frames = Vec::new();
        while let Some((at_ns, text)) = split_time(rest) {
            // A terminal's pieces come with nothing between them.
            let end = if is_terminal { end_of_piece(text, !frames.is_empty()) } else { text.len() };
            let (bytes, next) = text.split_at(end);
            frames.push(Frame { stream, at_ns, bytes });
            rest = next;
        }
        frames
    }

    /// Whether the next piece begins a line.
    pub(super) fn ends_line(&self) -> bool {
        self.bytes.ends_with(b"\n") || self.bytes.len() < PIECE_BYTES
    }
}

/// Where another time begins: after a full piece, or anywhere in what follows one.
fn end_of_piece(text: &[u8], follows_another: bool) -> usize {
    let begins = |at: &usize| text.get(*at..).and_then(split_time).is_some();
    if begins(&PIECE_BYTES) {
        return PIECE_BYTES;
    }
    let last = if follows_another { text.len().min(PIECE_BYTES) } else { 0 };
    (0..last).find(begins).unwrap_or(text.len())
}

/// A time and a space, and what follows them.
fn split_time(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (time, text) = bytes.split_at_checked(TIME_BYTES)?;
    let text = text.strip_prefix(b" ")?;
    let at: Timestamp = std::str::from_utf8(time).ok()?.parse().ok()?;
    Some((i64::try_from(at.as_nanosecond()).ok()?, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "1970-01-01T00:00:01.000000002Z ";
    const AT_NS: i64 = 1_000_000_002;

    #[test]
    fn a_piece_has_a_time() {
        let output = LogOutput::StdErr { message: format!("{AT}a b\n").into() };
        assert_eq!(Frame::of(&output), [Frame { stream: Stream::Stderr, at_ns: AT_NS, bytes: b"a b\n" }]);
        assert_eq!(Frame::of(&LogOutput::StdOut { message: "no time\n".into() }), []);
    }

    #[test]
    fn a_terminals_long_line_is_put_together() {
        let piece = "x".repeat(PIECE_BYTES);
        let message = format!("{AT}{piece}{AT}{piece}{AT}yy\r{AT}next\n");
        let output = LogOutput::Console { message: message.into() };
        let frames = Frame::of(&output);
        let seen: Vec<_> = frames.iter().map(|frame| (frame.bytes.len(), frame.ends_line())).collect();
        assert_eq!(seen, [(PIECE_BYTES, false), (PIECE_BYTES, false), (3, true), (5, true)]);
        // A program may write what looks like a time.
        let output = LogOutput::Console { message: format!("{AT}short {AT}\n").into() };
        assert_eq!(Frame::of(&output).len(), 1);
    }
}
