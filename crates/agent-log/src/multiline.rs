//! Lines into events: one line each, or several up to the next that looks like the first one of an event.
//!
//! As Docker's awslogs driver does it ("Amazon CloudWatch Logs logging driver"): the lines of both streams go into one
//! event, each with its newline; an event that lasts longer than [`OPEN_FOR_MAX`] or grows too large ends early.

use crate::spool::{Cursor, MAX_LINE_BYTES};
use agent_driver::{LogError, Multiline};
use regex::bytes::{Regex, RegexBuilder};
use std::time::Duration;
use tokio::time::Instant;

/// `awslogs-force-flush-interval-seconds`: "Default is 5 seconds."
pub const OPEN_FOR_MAX: Duration = Duration::from_secs(5);
/// A compiled pattern may not be larger.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// One event, on its way from the spool.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    /// When its first line was read, in milliseconds since the epoch.
    pub at_unix_ms: i64,
    /// Its first line was written to standard error.
    pub is_stderr: bool,
    /// A line without its newline, or several with theirs.
    pub text: Vec<u8>,
}

/// Makes events of lines. Holds at most one that is not complete.
#[derive(Debug, Default)]
pub struct Assembler {
    first_line: Option<Regex>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    event: Event,
    begins: Cursor,
    since: Instant,
}

impl Assembler {
    /// # Errors
    /// The pattern is none, or too large.
    pub fn new(multiline: Option<&Multiline>) -> Result<Self, LogError> {
        Ok(Self { first_line: multiline.map(compile).transpose()?, open: None })
    }

    /// Adds a line that begins at `begins` in the spool; answers the event that it completes.
    pub fn push(&mut self, begins: Cursor, line: Event) -> Option<Event> {
        let Some(first_line) = &self.first_line else { return Some(line) };
        let goes_on = |open: &Open| {
            open.event.text.len() + line.text.len() <= MAX_LINE_BYTES && !first_line.is_match(&line.text)
        };
        if let Some(open) = &mut self.open
            && goes_on(open)
        {
            open.event.text.extend_from_slice(&line.text);
            open.event.text.push(b'\n');
            return None;
        }
        let complete = self.take();
        let mut event = line;
        event.text.push(b'\n');
        self.open = Some(Open { event, begins, since: Instant::now() });
        complete
    }

    /// The event that is not complete, given up on waiting for more of it.
    pub fn take(&mut self) -> Option<Event> {
        self.open.take().map(|open| open.event)
    }

    /// Where the event that is not complete begins.
    pub fn begins(&self) -> Option<Cursor> {
        self.open.as_ref().map(|open| open.begins)
    }

    /// When the event that is not complete is to be sent as it is.
    pub fn due(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.since + OPEN_FOR_MAX)
    }
}

fn compile(multiline: &Multiline) -> Result<Regex, LogError> {
    let pattern = match multiline {
        Multiline::Pattern(pattern) => pattern.clone(),
        Multiline::DatetimeFormat(format) => datetime_pattern(format)?,
    };
    let compiled = RegexBuilder::new(&pattern).size_limit(PATTERN_BYTES_MAX).build();
    compiled.map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        refused(&format!("awslogs could not parse multiline pattern key {pattern:?}: {reason}"))
    })
}

fn refused(reason: &str) -> LogError {
    LogError(format!("failed to initialize logging driver: {reason}"))
}

/// The pattern of a format. What is not a code is a part of the pattern as it is, so that brackets need a backslash.
fn datetime_pattern(format: &str) -> Result<String, LogError> {
    let mut pattern = String::new();
    let mut rest = format.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            pattern.push(character);
            continue;
        }
        let code = rest.next();
        let Some(of_code) = code.and_then(pattern_of_code) else {
            let code = code.map(String::from).unwrap_or_default();
            return Err(refused(&format!(
                "awslogs-datetime-format {format:?}: the code %{code} is not supported"
            )));
        };
        pattern.push_str(of_code);
    }
    Ok(pattern)
}

/// The table of "awslogs-datetime-format".
fn pattern_of_code(code: char) -> Option<&'static str> {
    Some(match code {
        'a' => "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
        'A' => "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)",
        'w' => "[0-6]",
        'd' => "(?:0[1-9]|[12][0-9]|3[01])",
        'b' => "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
        'B' => "(?:January|February|March|April|May|June|July|August|September|October|November|December)",
        'm' => "(?:0[1-9]|1[0-2])",
        'Y' => "[0-9]{4}",
        'y' => "[0-9]{2}",
        'H' => "(?:[01][0-9]|2[0-3])",
        'I' => "(?:0[0-9]|1[0-2])",
        'p' => "[AP]M",
        'M' | 'S' => "[0-5][0-9]",
        'f' => "[0-9]{6}",
        'z' => "[+-][0-9]{4}",
        'Z' => "[A-Z]{1,4}T",
        'j' => "(?:00[1-9]|0[1-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-6])",
        'L' => r"\.[0-9]{3}",
        '%' => "%",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(multiline: &Multiline, lines: &[&str]) -> Vec<String> {
        let mut assembler = Assembler::new(Some(multiline)).expect("a pattern");
        let at = Cursor::default();
        let line = |text: &&str| Event { at_unix_ms: 1, is_stderr: false, text: text.as_bytes().to_vec() };
        let mut events: Vec<_> =
            lines.iter().filter_map(|text| assembler.push(at, line(text))).map(|e| e.text).collect();
        events.extend(assembler.take().map(|e| e.text));
        events.into_iter().map(|text| String::from_utf8(text).expect("text")).collect()
    }

    #[test]
    fn lines_up_to_the_next_match_are_one_event() {
        let pattern = Multiline::Pattern("^INFO".into());
        assert_eq!(
            events(&pattern, &["stray", "INFO one", " more", "", "INFO two", "no INFO"]),
            ["stray\n", "INFO one\n more\n\n", "INFO two\nno INFO\n"]
        );
        assert_eq!(events(&pattern, &[]), [""; 0]);
    }

    #[test]
    fn the_example_of_the_documentation() {
        let format = Multiline::DatetimeFormat(r"\[%b %d, %Y %H:%M:%S\]".into());
        let lines = [
            "[May 01, 2017 19:00:01] A message was logged",
            "[May 01, 2017 19:00:04] Another multi-line message was logged",
            "Some random message",
            "with some random words",
            "[May 01, 2017 19:01:32] Another message was logged",
        ];
        let events = events(&format, &lines);
        assert_eq!(events.len(), 3);
        assert_eq!(events[1], format!("{}\n{}\n{}\n", lines[1], lines[2], lines[3]));
    }

    #[test]
    fn every_code_finds_its_example() {
        let examples = [
            ("%a", "Mon"),
            ("%A", "Monday"),
            ("%w", "0"),
            ("%d", "31"),
            ("%b", "Feb"),
            ("%B", "February"),
            ("%m", "12"),
            ("%Y", "2014"),
            ("%y", "99"),
            ("%H", "23"),
            ("%I", "12"),
            ("%p", "PM"),
            ("%M", "59"),
            ("%S", "00"),
            ("%f", "123456"),
            ("%z", "-0100"),
            ("%Z", "PDT"),
            ("%j", "366"),
            ("%j", "010"),
            ("%L", ".123"),
            ("%%", "%"),
        ];
        for (code, example) in examples {
            let regex = compile(&Multiline::DatetimeFormat(format!("^{code}$"))).expect(code);
            assert!(regex.is_match(example.as_bytes()), "{code} {example}");
            assert!(!regex.is_match(b"x"), "{code}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_by_name() {
        let error = |multiline| Assembler::new(Some(&multiline)).expect_err("no pattern").to_string();
        assert_eq!(
            error(Multiline::Pattern("(a".into())),
            r#"failed to initialize logging driver: awslogs could not parse multiline pattern key "(a": unclosed group"#
        );
        assert!(error(Multiline::Pattern("(a{1000}){1000}".into())).contains("size limit"));
        assert!(error(Multiline::DatetimeFormat("%Y %Q".into())).ends_with("the code %Q is not supported"));
        assert!(error(Multiline::DatetimeFormat("100%".into())).ends_with("the code % is not supported"));
    }

    #[test]
    fn an_event_that_grows_too_large_ends_early() {
        let pattern = Multiline::Pattern("^never$".into());
        let long = "x".repeat(100_000);
        let events = events(&pattern, &[&long, &long, &long]);
        assert_eq!(events.iter().map(String::len).collect::<Vec<_>>(), [200_002, 100_001]);
    }
}
