//! Reading a pattern from left to right.

use crate::ParseError;

/// A place in a pattern.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, offset: 0 }
    }

    /// What is not read yet.
    pub(crate) fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    pub(crate) fn skip_whitespace(&mut self) {
        self.take_while(char::is_whitespace);
    }

    /// Steps over `token` when it comes next.
    pub(crate) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.offset += token.len();
        }
        found
    }

    /// Steps over `word` when it comes next and ends there.
    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let found = self.rest().strip_prefix(word).is_some_and(ends);
        if found {
            self.offset += word.len();
        }
        found
    }

    /// Steps over `token`, which has to come next.
    pub(crate) fn expect(&mut self, token: &str) -> Result<(), ParseError> {
        if self.eat(token) { Ok(()) } else { Err(self.error(format!("expected '{token}'{}", self.found()))) }
    }

    /// The longest run of such characters, perhaps empty.
    pub(crate) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !wanted(c)).unwrap_or(rest.len());
        self.offset += end;
        &rest[..end]
    }

    /// Reads the text up to `quote`, whose opening one has been read; a backslash takes the next character as it is.
    pub(crate) fn quoted(&mut self, quote: char) -> Result<String, ParseError> {
        let opened = self.offset;
        let mut out = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.offset += at + c.len_utf8();
                    return Ok(out);
                }
                '\\' => match chars.next() {
                    Some((_, escaped)) => out.push(escaped),
                    None => break,
                },
                c => out.push(c),
            }
        }
        Err(ParseError::at(opened.saturating_sub(1), format!("{quote} is never closed")))
    }

    /// Reads a regular expression up to its closing percent sign; the opening one has been read.
    pub(crate) fn regex(&mut self) -> Result<&'a str, ParseError> {
        let opened = self.offset;
        let source = self.take_while(|c| c != '%');
        if self.eat("%") {
            Ok(source)
        } else {
            Err(ParseError::at(opened.saturating_sub(1), "% is never closed"))
        }
    }

    /// An error at this place.
    pub(crate) fn error(&self, reason: impl Into<String>) -> ParseError {
        ParseError::at(self.offset, reason)
    }

    /// How an error says what stands here.
    pub(crate) fn found(&self) -> String {
        self.peek().map_or_else(|| ", found the end".to_owned(), |c| format!(", found '{c}'"))
    }
}
