//! What is sent at once: no more than one PutLogEvents call takes.

use crate::multiline::Event;
use agent_driver::LogEvent;

/// PutLogEvents: "The maximum number of log events in a batch is 10,000."
const EVENTS_MAX: usize = 10_000;
/// PutLogEvents: "The maximum batch size is 1,048,576 bytes", counting [`EVENT_OVERHEAD_BYTES`] for each event.
const BYTES_MAX: usize = 1_048_576;
const EVENT_OVERHEAD_BYTES: usize = 26;
/// What an event's message may hold.
const MESSAGE_BYTES_MAX: usize = 262_144 - EVENT_OVERHEAD_BYTES;
/// PutLogEvents: "A batch of log events in a single request cannot span more than 24 hours."
const SPAN_MS_MAX: i64 = 24 * 60 * 60 * 1000;

/// Events of one stream that CloudWatch Logs takes in one call.
#[derive(Debug, Default)]
pub struct Batch {
    events: Vec<LogEvent>,
    bytes: usize,
    times: Option<(i64, i64)>,
}

impl Batch {
    /// Adds an event, all of it or nothing: `false` when the batch has no room for it. An empty batch has room for any
    /// event of an [`Assembler`](crate::multiline::Assembler).
    #[must_use]
    pub fn add(&mut self, event: Event) -> bool {
        let Event { at_unix_ms, is_stderr, text } = event;
        let messages = messages_of(text);
        let bytes: usize = messages.iter().map(|m| m.len() + EVENT_OVERHEAD_BYTES).sum();
        let (first, last) = self.times.unwrap_or((at_unix_ms, at_unix_ms));
        let times = (first.min(at_unix_ms), last.max(at_unix_ms));
        let fits = self.events.len() + messages.len() <= EVENTS_MAX
            && self.bytes + bytes <= BYTES_MAX
            && times.1.saturating_sub(times.0) < SPAN_MS_MAX;
        if fits {
            self.bytes += bytes;
            self.times = Some(times);
            self.events.extend(messages.into_iter().map(|message| LogEvent {
                at_unix_ms,
                message,
                is_stderr,
            }));
        }
        fits
    }

    /// The events, sorted by time; those of one millisecond in the order in which they were added.
    pub fn into_events(mut self) -> Vec<LogEvent> {
        self.events.sort_by_key(|e| e.at_unix_ms);
        self.events
    }
}

/// The messages that an event becomes: several when its last newline, or replacing invalid UTF-8, made it too long.
fn messages_of(text: Vec<u8>) -> Vec<String> {
    let text = String::from_utf8(text).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
    if text.len() <= MESSAGE_BYTES_MAX {
        return vec![text];
    }
    pieces(&text, MESSAGE_BYTES_MAX).map(str::to_owned).collect()
}

/// The text in pieces of at most `max` bytes, cut between characters.
pub fn pieces(text: &str, max: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (head, tail) = rest.split_at(rest.floor_char_boundary(max));
        rest = tail;
        (!head.is_empty()).then_some(head)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::MAX_LINE_BYTES;

    fn line(at_unix_ms: i64, text: &[u8]) -> Event {
        Event { at_unix_ms, is_stderr: false, text: text.to_vec() }
    }

    #[test]
    fn invalid_utf8_is_replaced_and_split_again() {
        let mut batch = Batch::default();
        assert!(batch.add(line(1, &vec![0xff; MAX_LINE_BYTES])));
        let events = batch.into_events();
        assert_eq!(events.len(), 4);
        assert!(events.iter().all(|e| e.message.len() <= MESSAGE_BYTES_MAX));
        assert_eq!(events.iter().map(|e| e.message.chars().count()).sum::<usize>(), MAX_LINE_BYTES);
    }

    #[test]
    fn limits_are_those_of_put_log_events() {
        let mut batch = Batch::default();
        assert_eq!((0..20_000).take_while(|_| batch.add(line(0, b"x"))).count(), EVENTS_MAX);

        let mut batch = Batch::default();
        assert_eq!((0..9).take_while(|_| batch.add(line(0, &[b'x'; MAX_LINE_BYTES]))).count(), 4);

        let mut batch = Batch::default();
        assert!(batch.add(line(0, b"monday")) && batch.add(line(SPAN_MS_MAX - 1, b"still monday")));
        assert!(!batch.add(line(SPAN_MS_MAX, b"tuesday")));
    }

    #[test]
    fn events_are_sorted_and_ties_keep_their_order() {
        let mut batch = Batch::default();
        for (at, text) in [(5, "c"), (3, "a"), (5, "d"), (3, "b")] {
            assert!(batch.add(line(at, text.as_bytes())));
        }
        let messages: Vec<_> = batch.into_events().into_iter().map(|e| e.message).collect();
        assert_eq!(messages, ["a", "b", "c", "d"]);
    }
}
