//! Pagination tokens: a direction and a place between two events. Opaque to callers, the same after a restart.

use crate::scan::{Direction, Position};

/// Where to go on: forwards with the event at `position` and those after it, backwards with those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) direction: Direction,
    pub(crate) position: Position,
}

impl Token {
    /// `f/…` or `b/…`, as GetLogEvents writes them.
    pub(crate) fn write(self) -> String {
        let direction = match self.direction {
            Direction::Forward => 'f',
            Direction::Backward => 'b',
        };
        format!("{direction}/{}", digits(self.position))
    }

    /// `None` when it is none of ours.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (direction, rest) = text.split_once('/')?;
        let direction = match direction {
            "f" => Direction::Forward,
            "b" => Direction::Backward,
            _ => return None,
        };
        Some(Self { direction, position: position(rest)? })
    }
}

/// Widths of the parts of a position in decimal digits: 56 digits in all, as many as AWS's event ids have.
const WIDTHS: [usize; 3] = [19, 20, 17];

/// A position as digits: the `eventId` of FilterLogEvents, and the inner part of a token.
pub(crate) fn digits((timestamp, stream, seq): Position) -> String {
    let [a, b, c] = WIDTHS;
    format!("{timestamp:0a$}{stream:0b$}{seq:0c$}")
}

/// The position that these digits say.
pub(crate) fn position(text: &str) -> Option<Position> {
    if text.len() != WIDTHS.iter().sum::<usize>() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (timestamp, rest) = text.split_at(WIDTHS[0]);
    let (stream, seq) = rest.split_at(WIDTHS[1]);
    Some((timestamp.parse().ok()?, stream.parse().ok()?, seq.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_token_is_read_back(timestamp in 0..i64::MAX, stream: u64, seq in 0..1u64 << 56, forward: bool) {
            let direction = if forward { Direction::Forward } else { Direction::Backward };
            let token = Token { direction, position: (timestamp, stream, seq) };
            prop_assert_eq!(Token::read(&token.write()), Some(token));
        }

        #[test]
        fn what_is_no_token_is_refused(text in ".{0,70}") {
            prop_assume!(text.len() != 58);
            prop_assert_eq!(Token::read(&text), None);
        }
    }
}
