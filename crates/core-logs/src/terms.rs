//! `ERROR "exact phrase" -excluded`, `?one ?or ?another`: patterns over any text. A term is found wherever it stands,
//! inside of longer words too, and case matters.

use crate::ParseError;
use crate::cursor::Cursor;
use memchr::memmem::Finder;

/// Terms of a pattern.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    included: Vec<Finder<'static>>,
    excluded: Vec<Finder<'static>>,
    /// One of them is enough; none of them counts as soon as there are other terms.
    optional: Vec<Finder<'static>>,
}

impl Terms {
    pub(crate) fn parse(text: &str) -> Result<Self, ParseError> {
        let mut terms = Self::default();
        let mut matches_all = false;
        let mut cursor = Cursor::new(text);
        loop {
            cursor.skip_whitespace();
            let terms = match cursor.peek() {
                None => break,
                Some('-') => &mut terms.excluded,
                Some('?') => &mut terms.optional,
                Some(_) => &mut terms.included,
            };
            let is_included = !cursor.eat("-") && !cursor.eat("?");
            let term = term(&mut cursor)?;
            // `" "` is AWS's way to match everything.
            if is_included && term.trim().is_empty() {
                matches_all = true;
            } else {
                terms.push(Finder::new(&term).into_owned());
            }
        }
        if matches_all || !terms.included.is_empty() || !terms.excluded.is_empty() {
            terms.optional.clear();
        }
        Ok(terms)
    }

    pub(crate) fn matches(&self, message: &str) -> bool {
        let found = |term: &Finder<'_>| term.find(message.as_bytes()).is_some();
        self.included.iter().all(found)
            && !self.excluded.iter().any(found)
            && (self.optional.is_empty() || self.optional.iter().any(found))
    }
}

/// A word of letters, digits and underscores, or anything in quotation marks.
fn term(cursor: &mut Cursor<'_>) -> Result<String, ParseError> {
    let at = cursor.clone();
    if cursor.eat("\"") {
        let phrase = cursor.quoted('"')?;
        if phrase.is_empty() {
            return Err(at.error("Invalid character(s) in term '\"\"'"));
        }
        return Ok(phrase);
    }
    let word = cursor.take_while(|c| !c.is_whitespace());
    if word.is_empty() {
        return Err(at.error("expected a term"));
    }
    if !word.chars().all(|c| c.is_alphanumeric() || c == '_') {
        let message = format!("Invalid character(s) in term '{word}'; enclose it in double quotation marks");
        return Err(at.error(message));
    }
    Ok(word.to_owned())
}
