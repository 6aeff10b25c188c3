//! Java's regular expressions, translated piece by piece into those of the crate `regex`, whose matching is linear. What
//! that one cannot do, or does differently, is refused by name.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

/// The most bytes that one compiled pattern takes, and again those of its cache.
const COMPILED_BYTES_MAX: usize = 1 << 18;
/// Brackets within brackets.
const CLASS_DEPTH_MAX: usize = 8;

/// Without the flag `UNICODE_CHARACTER_CLASS` Java means these characters.
const DIGIT: &str = "0-9";
const SPACE: &str = r"\x20\t\n\x0B\f\r";
const WORD: &str = "a-zA-Z_0-9";
/// `\p{…}` of POSIX, which is of ASCII alone in Java.
const POSIX: [(&str, &str); 13] = [
    ("Lower", "a-z"),
    ("Upper", "A-Z"),
    ("ASCII", r"\x00-\x7F"),
    ("Alpha", "a-zA-Z"),
    ("Digit", DIGIT),
    ("Alnum", "a-zA-Z0-9"),
    ("Punct", r"\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E"),
    ("Graph", r"\x21-\x7E"),
    ("Print", r"\x20-\x7E"),
    ("Blank", r"\x20\t"),
    ("Cntrl", r"\x00-\x1F\x7F"),
    ("XDigit", "0-9a-fA-F"),
    ("Space", SPACE),
];

/// A compiled pattern, which has to match all of a value.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    source: Box<str>,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    /// This text and then anything: `t2.*` and its like are what is asked most, and need no automaton.
    Prefix(Box<str>),
    Regex(regex::Regex),
}

impl Pattern {
    /// Compiles Java's `source`, or says what is wrong with it.
    pub(super) fn new(source: &str) -> Result<Self, String> {
        let matcher = match prefix(source) {
            Some(prefix) => Matcher::Prefix(prefix.into()),
            None => Matcher::Regex(compile(source)?),
        };
        Ok(Self { source: source.into(), matcher })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn is_match(&self, value: &str) -> bool {
        match &self.matcher {
            // A dot is no end of a line.
            Matcher::Prefix(prefix) => value.strip_prefix(&**prefix).is_some_and(|rest| !rest.contains('\n')),
            Matcher::Regex(regex) => regex.is_match(value),
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// What stands before `.*` in a pattern that is a plain text otherwise.
fn prefix(source: &str) -> Option<&str> {
    let text = source.strip_suffix(".*")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_:/@".contains(c);
    text.chars().all(plain).then_some(text)
}

fn compile(source: &str) -> Result<regex::Regex, String> {
    let mut translation = Translation { chars: source.chars().peekable(), out: String::new() };
    translation.run()?;
    regex::RegexBuilder::new(&format!(r"\A(?:{})\z", translation.out))
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            _ => "it is not a regular expression".to_owned(),
        })
}

struct Translation<'a> {
    chars: Peekable<Chars<'a>>,
    out: String,
}

/// What an escape stands for.
enum Piece {
    Char(char),
    /// A bracket expression.
    Set(String),
    /// A place between characters.
    Boundary(&'static str),
    /// `\Q…\E`
    Quoted(String),
}

impl Translation<'_> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(c) = self.chars.next() {
            match c {
                '[' => self.class(0)?,
                '(' => self.group()?,
                '*' | '+' | '?' | '{' => self.repetition(c)?,
                '\\' => match self.escape()? {
                    Piece::Char(c) => self.literal(c),
                    Piece::Set(set) => self.out.push_str(&set),
                    Piece::Boundary(boundary) => self.out.push_str(boundary),
                    Piece::Quoted(text) => text.chars().for_each(|c| self.literal(c)),
                },
                '.' | '^' | '$' | '|' | ')' => self.out.push(c),
                c => self.literal(c),
            }
        }
        Ok(())
    }

    fn literal(&mut self, c: char) {
        let mut buffer = [0; 4];
        self.out.push_str(&regex::escape(c.encode_utf8(&mut buffer)));
    }

    /// A group; its parenthesis has been read.
    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        if self.chars.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        match self.chars.next() {
            Some(':') => self.out.push_str("?:"),
            Some('=' | '!') => return Err("look-ahead is not supported".to_owned()),
            Some('>') => return Err("independent groups, (?>X), are not supported".to_owned()),
            Some('<') => {
                if matches!(self.chars.peek(), Some('=' | '!')) {
                    return Err("look-behind is not supported".to_owned());
                }
                let name = self.until('>').filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric()));
                let name =
                    name.ok_or_else(|| "a group's name is letters and digits between < and >".to_owned())?;
                let _ = write!(self.out, "?<{name}>");
            }
            _ => return Err("flags, such as (?i), are not supported".to_owned()),
        }
        Ok(())
    }

    /// `*`, `+`, `?` or `{n,m}`, perhaps reluctant.
    fn repetition(&mut self, c: char) -> Result<(), String> {
        self.out.push(c);
        if c == '{' {
            let counts = self.until('}').filter(|counts| is_counts(counts));
            let counts = counts.ok_or_else(|| "'{' begins a repetition such as {2,5}".to_owned())?;
            let _ = write!(self.out, "{counts}}}");
        }
        if self.chars.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
        match self.chars.peek() {
            Some('+') => Err("possessive repetition, such as X*+, is not supported".to_owned()),
            Some(c @ ('*' | '?' | '{')) => Err(format!("'{c}' repeats nothing")),
            _ => Ok(()),
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<Piece, String> {
        let set = |members: &str, negated| Ok(Piece::Set(bracket(members, negated)));
        match self.chars.next().ok_or_else(|| "the backslash at the end escapes nothing".to_owned())? {
            'd' => set(DIGIT, false),
            'D' => set(DIGIT, true),
            's' => set(SPACE, false),
            'S' => set(SPACE, true),
            'w' => set(WORD, false),
            'W' => set(WORD, true),
            't' => Ok(Piece::Char('\t')),
            'n' => Ok(Piece::Char('\n')),
            'r' => Ok(Piece::Char('\r')),
            'f' => Ok(Piece::Char('\x0C')),
            'a' => Ok(Piece::Char('\x07')),
            'e' => Ok(Piece::Char('\x1B')),
            'x' => self.code(2),
            'u' => self.code(4),
            'p' => self.property(false),
            'P' => self.property(true),
            'b' => Ok(Piece::Boundary(r"\b")),
            'B' => Ok(Piece::Boundary(r"\B")),
            'A' => Ok(Piece::Boundary(r"\A")),
            'z' | 'Z' => Ok(Piece::Boundary(r"\z")),
            'Q' => Ok(self.quotation()),
            '1'..='9' | 'k' => Err("back references are not supported".to_owned()),
            c if c.is_ascii_alphanumeric() => Err(format!("\\{c} is not supported")),
            c => Ok(Piece::Char(c)),
        }
    }

    /// A character by so many hexadecimal digits, or by any number of them in braces.
    fn code(&mut self, width: usize) -> Result<Piece, String> {
        let digits = match self.chars.next_if_eq(&'{') {
            Some(_) => self.until('}'),
            None => Some(self.chars.by_ref().take(width).collect()).filter(|d: &String| d.len() == width),
        };
        let code = digits.and_then(|digits| u32::from_str_radix(&digits, 16).ok());
        let c = code.and_then(char::from_u32);
        c.map(Piece::Char).ok_or_else(|| "a character's code is not hexadecimal digits".to_owned())
    }

    /// `{Lower}`, `{Lu}` or `L`.
    fn property(&mut self, negated: bool) -> Result<Piece, String> {
        let name = match self.chars.next_if_eq(&'{') {
            Some(_) => self.until('}').unwrap_or_default(),
            None => self.chars.next().map(String::from).unwrap_or_default(),
        };
        if let Some((_, members)) = POSIX.iter().find(|(posix, _)| *posix == name) {
            return Ok(Piece::Set(bracket(members, negated)));
        }
        let is_category = matches!(name.len(), 1 | 2) && name.bytes().all(|b| b.is_ascii_alphabetic());
        let property = format!(r"\p{{{name}}}");
        if is_category && regex::Regex::new(&property).is_ok() {
            return Ok(Piece::Set(bracket(&property, negated)));
        }
        Err(format!("the property {{{name}}} is not supported"))
    }

    /// Up to `\E`, or to the end.
    fn quotation(&mut self) -> Piece {
        let rest: String = self.chars.clone().collect();
        let text = rest.split_once(r"\E").map_or(&*rest, |(text, _)| text);
        self.chars.by_ref().take(text.chars().count() + 2).for_each(drop);
        Piece::Quoted(text.to_owned())
    }

    /// A character class; its bracket has been read. Every character is written as its code, so that none gets a meaning
    /// that Java does not give it.
    fn class(&mut self, depth: usize) -> Result<(), String> {
        let unclosed = || "'[' is never closed".to_owned();
        if depth == CLASS_DEPTH_MAX {
            return Err(format!("brackets are more than {CLASS_DEPTH_MAX} deep"));
        }
        self.out.push('[');
        if self.chars.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut is_empty = true;
        loop {
            match self.chars.next().ok_or_else(unclosed)? {
                ']' if is_empty => return Err("a character class is empty".to_owned()),
                ']' => break,
                '[' => self.class(depth + 1)?,
                '&' if self.chars.next_if_eq(&'&').is_some() => {
                    if is_empty || self.chars.peek() == Some(&']') {
                        return Err("'&&' joins two parts of a character class".to_owned());
                    }
                    self.out.push_str("&&");
                }
                c => self.class_members(c)?,
            }
            is_empty = false;
        }
        self.out.push(']');
        Ok(())
    }

    /// A character, a range or a set, which begins with `c`.
    fn class_members(&mut self, c: char) -> Result<(), String> {
        let from = match self.class_piece(c)? {
            Piece::Char(from) => from,
            Piece::Set(set) => {
                self.out.push_str(&set);
                return Ok(());
            }
            Piece::Quoted(text) => {
                text.chars().for_each(|c| self.class_char(c));
                return Ok(());
            }
            Piece::Boundary(_) => return Err("a boundary means nothing in brackets".to_owned()),
        };
        self.class_char(from);
        let mut ahead = self.chars.clone();
        let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']' && c != '[');
        if !is_range {
            return Ok(());
        }
        self.chars.next();
        let Some(c) = self.chars.next() else { return Ok(()) };
        match self.class_piece(c)? {
            Piece::Char(to) if from <= to => {
                self.out.push('-');
                self.class_char(to);
                Ok(())
            }
            Piece::Char(to) => Err(format!("the range {from}-{to} is empty")),
            _ => Err("a range ends in a character".to_owned()),
        }
    }

    fn class_piece(&mut self, c: char) -> Result<Piece, String> {
        if c == '\\' { self.escape() } else { Ok(Piece::Char(c)) }
    }

    fn class_char(&mut self, c: char) {
        let _ = write!(self.out, r"\x{{{:X}}}", u32::from(c));
    }

    /// Takes the text up to `end`, and `end`.
    fn until(&mut self, end: char) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.chars.next()? {
                c if c == end => return Some(text),
                c => text.push(c),
            }
        }
    }
}

fn bracket(members: &str, negated: bool) -> String {
    format!("[{}{members}]", if negated { "^" } else { "" })
}

/// `n`, `n,` or `n,m`.
fn is_counts(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
    let (least, most) = text.split_once(',').unwrap_or((text, ""));
    number(least) && (most.is_empty() || number(most))
}
