//! Any text as a filter pattern, and any text as a message: a line of the one, then the other.

use core_logs::{Message, Pattern};

/// Whether the bytes are a pattern, a newline and a message.
pub fn check(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Some((pattern, message)) = text.split_once('\n') else { return false };
    let Ok(pattern) = Pattern::parse(pattern) else { return false };
    let message = &Message::new(message);
    assert_eq!(pattern.matches(message), pattern.extract(message).is_some());
    true
}
