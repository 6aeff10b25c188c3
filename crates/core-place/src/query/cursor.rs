//! A place in the text of an expression.

use super::error::QueryError;

/// What ends a word that stands bare, besides whitespace.
const SPECIAL: &str = "=!<>~()[],&|'\"";

/// Moves through the text.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, offset: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    pub(super) fn skip_whitespace(&mut self) {
        self.offset = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes `token` when it is next.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let is_next = self.rest().starts_with(token);
        if is_next {
            self.offset += token.len();
        }
        is_next
    }

    /// Takes `word` when it is next and ends there.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        self.clone().word() == word && self.eat(word)
    }

    /// The longest run of characters that stand for themselves, perhaps empty.
    pub(super) fn word(&mut self) -> &'a str {
        let end = self.rest().find(|c: char| c.is_whitespace() || SPECIAL.contains(c));
        self.take(end)
    }

    /// A pattern that stands bare: up to whitespace, a parenthesis, a quotation mark, `&&` or `||`.
    pub(super) fn bare_pattern(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.char_indices().find(|(at, c)| {
            let joint = ["&&", "||"].iter().any(|joint| rest[*at..].starts_with(joint));
            joint || c.is_whitespace() || "()'\"".contains(*c)
        });
        self.take(end.map(|(at, _)| at))
    }

    /// What stands between quotation marks, if they are next.
    pub(super) fn quoted(&mut self) -> Result<Option<&'a str>, QueryError> {
        let Some(quote) = self.rest().chars().next().filter(|c| "'\"".contains(*c)) else { return Ok(None) };
        let opened = self.clone();
        self.offset += 1;
        let Some(end) = self.rest().find(quote) else {
            return Err(opened.error(format!("{quote} is never closed")));
        };
        let inside = self.take(Some(end));
        self.offset += 1;
        Ok(Some(inside))
    }

    /// An error at this place.
    pub(super) fn error(&self, reason: impl Into<String>) -> QueryError {
        QueryError::new(self.text[..self.offset].chars().count() + 1, reason)
    }

    /// An error that says what should stand here, and what does.
    pub(super) fn expected(&self, what: &str) -> QueryError {
        let found = match (self.clone().word(), self.rest().chars().next()) {
            (_, None) => "the end".to_owned(),
            ("", Some(c)) => format!("'{c}'"),
            (word, _) => format!("'{word}'"),
        };
        self.error(format!("expected {what}, found {found}"))
    }

    /// Whether a text would be read as one word.
    pub(super) fn is_word(text: &'a str) -> bool {
        !text.is_empty() && Self::new(text).word() == text
    }

    /// Takes everything before `end` of the rest, or all of it.
    fn take(&mut self, end: Option<usize>) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..end.unwrap_or(rest.len())];
        self.offset += taken.len();
        taken
    }
}
