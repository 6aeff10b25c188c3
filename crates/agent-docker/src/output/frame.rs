//! The Engine's log as it is sent: pieces of lines, each with the time at which it was read.

use agent_log::spool::Stream;
use bollard::container::LogOutput;
use jiff::Timestamp;

/// A line that is longer comes in several pieces, all but the last of this size.
const PIECE_BYTES: usize = 16 * 1024;

/// A piece of a line; the last one ends with a newline.
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
            // Nothing but their size tells a terminal's pieces apart.
            let has_next =
                is_terminal && text.len() > PIECE_BYTES && split_time(&text[PIECE_BYTES..]).is_some();
            let (bytes, next) = if has_next { text.split_at(PIECE_BYTES) } else { (text, &[][..]) };
            frames.push(Frame { stream, at_ns, bytes });
            rest = next;
        }
        frames
    }
}

/// `2006-01-02T15:04:05.000000000Z `, and what follows it.
fn split_time(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let space = bytes.iter().take(40).position(|b| *b == b' ')?;
    let at: Timestamp = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    Some((i64::try_from(at.as_nanosecond()).ok()?, &bytes[space + 1..]))
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
        let output = LogOutput::Console { message: format!("{AT}{piece}{AT}{piece}{AT}\r\n").into() };
        let lengths: Vec<_> = Frame::of(&output).iter().map(|frame| frame.bytes.len()).collect();
        assert_eq!(lengths, [PIECE_BYTES, PIECE_BYTES, 2]);
        // A program may write what looks like a time.
        let output = LogOutput::Console { message: format!("{AT}short {AT}\n").into() };
        assert_eq!(Frame::of(&output).len(), 1);
    }
}
