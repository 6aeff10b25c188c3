//! The regular expressions between percent signs: AWS's small language, translated piece by piece into that of the
//! crate `regex`, whose matching is linear.

use crate::ParseError;
use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

/// The most bytes that one compiled expression takes.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// What stands for itself besides letters and digits. The space is in an example of AWS's page and not in its list.
const SYMBOLS: &str = ":_#=@/;,- ";
/// What a backslash makes stand for itself.
const OPERATORS: &str = "^$?[]{}|\\*+.";
const SPACE: &str = r" \t\n\r\x0B\x0C";
const DIGIT: &str = "0-9";
const WORD: &str = "a-zA-Z_0-9";

/// A compiled expression.
#[derive(Clone, Debug)]
pub(crate) struct Regex(::regex::Regex);

impl Regex {
    pub(crate) fn new(source: &str) -> Result<Self, ParseError> {
        if source.is_empty() {
            return Err(ParseError::whole("the regular expression between the percent signs is empty"));
        }
        let fail = |reason: String| ParseError::whole(format!("%{source}%: {reason}"));
        let mut translation = Translation { chars: source.chars().peekable(), out: String::new() };
        translation.run().map_err(fail)?;
        ::regex::RegexBuilder::new(&translation.out)
            .dot_matches_new_line(true)
            .size_limit(COMPILED_BYTES_MAX)
            .build()
            .map(Self)
            .map_err(|error| match error {
                ::regex::Error::CompiledTooBig(_) => fail("the regular expression is too large".to_owned()),
                _ => fail("not a regular expression".to_owned()),
            })
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

struct Translation<'a> {
    chars: Peekable<Chars<'a>>,
    out: String,
}

impl Translation<'_> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(c) = self.chars.next() {
            match c {
                '[' => self.class()?,
                '{' => self.repetition()?,
                '\\' => {
                    let piece = self.escape()?;
                    match piece {
                        Piece::Char(c) => self.literal(c),
                        Piece::Set { members, negated } => {
                            let _ = write!(self.out, "[{}{members}]", if negated { "^" } else { "" });
                        }
                    }
                }
                '^' | '$' | '?' | '|' | '*' | '+' | '.' => self.out.push(c),
                ']' | '}' => return Err(format!("'{c}' closes nothing; write \\{c} for the character")),
                c => {
                    supported(c)?;
                    self.literal(c);
                }
            }
        }
        Ok(())
    }

    fn literal(&mut self, c: char) {
        let mut buffer = [0; 4];
        self.out.push_str(&::regex::escape(c.encode_utf8(&mut buffer)));
    }

    /// `{m,n}` with either number left out, or `{m}`.
    fn repetition(&mut self) -> Result<(), String> {
        let rest: String = self.chars.clone().collect();
        let (inside, _) = rest.split_once('}').ok_or_else(|| "'{' is never closed".to_owned())?;
        self.chars.by_ref().nth(inside.chars().count());
        let inside = inside.replace(' ', "");
        let number = |text: &str| text.is_empty() || text.parse::<u16>().is_ok();
        let (least, most) = inside.split_once(',').unwrap_or((&inside, &inside));
        if (least.is_empty() && most.is_empty()) || !number(least) || !number(most) {
            return Err(format!("{{{inside}}} is no repetition such as {{2,5}}"));
        }
        let least = if least.is_empty() { "0" } else { least };
        let _ = write!(self.out, "{{{least},{most}}}");
        Ok(())
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<Piece, String> {
        let set = |members, negated| Ok(Piece::Set { members, negated });
        match self.chars.next() {
            Some('d') => set(DIGIT, false),
            Some('D') => set(DIGIT, true),
            Some('s') => set(SPACE, false),
            Some('S') => set(SPACE, true),
            Some('w') => set(WORD, false),
            Some('W') => set(WORD, true),
            Some('x') => {
                let digits: String = self.chars.by_ref().take(2).collect();
                let code = u8::from_str_radix(&digits, 16).ok();
                let code = code.filter(|code| digits.len() == 2 && code.is_ascii());
                let code = code.ok_or_else(|| {
                    format!("\\x{digits} names no ASCII character by two hexadecimal digits")
                })?;
                Ok(Piece::Char(code.into()))
            }
            Some(c) if OPERATORS.contains(c) || SYMBOLS.contains(c) => Ok(Piece::Char(c)),
            Some(c) => Err(format!("\\{c} is not supported")),
            None => Err("the backslash at the end escapes nothing".to_owned()),
        }
    }

    /// A character class; its bracket has been read. Every character is written escaped, so that none gets a meaning
    /// that AWS's language does not give it.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.chars.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut members = 0;
        loop {
            let c = self.chars.next().ok_or_else(|| "'[' is never closed".to_owned())?;
            if c == ']' {
                break;
            }
            members += 1;
            let from = match self.class_piece(c)? {
                Piece::Char(from) => from,
                Piece::Set { members, negated } => {
                    let _ = write!(self.out, "[{}{members}]", if negated { "^" } else { "" });
                    continue;
                }
            };
            let mut ahead = self.chars.clone();
            let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']');
            self.class_char(from);
            if is_range {
                self.chars.next();
                let c = self.chars.next().ok_or_else(|| "'[' is never closed".to_owned())?;
                let Piece::Char(to) = self.class_piece(c)? else {
                    return Err("a range ends in a character".to_owned());
                };
                if from > to {
                    return Err(format!("the range {from}-{to} is empty"));
                }
                self.out.push('-');
                self.class_char(to);
            }
        }
        if members == 0 {
            return Err("a character class is empty".to_owned());
        }
        self.out.push(']');
        Ok(())
    }

    fn class_piece(&mut self, c: char) -> Result<Piece, String> {
        match c {
            '\\' => self.escape(),
            c if OPERATORS.contains(c) => Ok(Piece::Char(c)),
            c => {
                supported(c)?;
                Ok(Piece::Char(c))
            }
        }
    }

    fn class_char(&mut self, c: char) {
        let _ = write!(self.out, "\\x{:02X}", u32::from(c));
    }
}

/// What an escape stands for.
enum Piece {
    Char(char),
    Set { members: &'static str, negated: bool },
}

fn supported(c: char) -> Result<(), String> {
    match c {
        c if c.is_ascii_alphanumeric() || SYMBOLS.contains(c) => Ok(()),
        '(' | ')' => Err(format!("'{c}' is not supported; write \\x{:02X} for the character", u32::from(c))),
        c if c.is_ascii() => Err(format!("'{c}' is not supported; write \\x{:02X}", u32::from(c))),
        c => Err(format!("'{c}' is not supported: multi-byte characters are not")),
    }
}
