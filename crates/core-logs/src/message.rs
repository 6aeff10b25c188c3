//! The message of an event, as patterns look at it.

use serde_json::Value;
use std::cell::OnceCell;

/// A message that several patterns may be asked about: it is read as JSON at most once.
#[derive(Debug)]
pub struct Message<'m> {
    text: &'m str,
    json: OnceCell<Option<Value>>,
}

impl<'m> Message<'m> {
    /// Of an event with this text.
    pub fn new(text: &'m str) -> Self {
        Self { text, json: OnceCell::new() }
    }

    pub(crate) fn text(&self) -> &'m str {
        self.text
    }

    /// The event as JSON; `None` when it is neither an object nor an array.
    pub(crate) fn json(&self) -> Option<&Value> {
        let read = || {
            let is_json = self.text.trim_start().starts_with(['{', '[']);
            is_json.then(|| serde_json::from_str(self.text).ok()).flatten()
        };
        self.json.get_or_init(read).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_json_once_and_only_when_it_looks_like_it() {
        let event = Message::new(r#" {"a": 1}"#);
        assert!(event.json.get().is_none());
        let first = event.json().expect("an object");
        assert!(std::ptr::eq(first, event.json().expect("the same")));
        for text in ["", "1", "null", "text", "{", "{} x"] {
            assert_eq!(Message::new(text).json(), None, "{text}");
        }
    }
}
