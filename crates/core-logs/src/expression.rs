//! Conditions joined by `&&`, `||` and parentheses, in this order of operations: `()`, `&&`, `||`. Both the JSON and
//! the space-delimited patterns have them.

use crate::ParseError;
use crate::cursor::Cursor;

/// Parentheses may be this deep.
const DEPTH_MAX: usize = 32;

/// A tree of conditions, no deeper than [`DEPTH_MAX`] twice.
#[derive(Clone, Debug)]
pub(crate) enum Expression<C> {
    One(C),
    All(Vec<Expression<C>>),
    Any(Vec<Expression<C>>),
}

impl<C> Expression<C> {
    /// Reads an expression whose conditions `condition` reads.
    pub(crate) fn parse(
        cursor: &mut Cursor<'_>,
        condition: &mut dyn FnMut(&mut Cursor<'_>) -> Result<C, ParseError>,
    ) -> Result<Self, ParseError> {
        Self::any(cursor, condition, 0)
    }

    fn any(
        cursor: &mut Cursor<'_>,
        condition: &mut dyn FnMut(&mut Cursor<'_>) -> Result<C, ParseError>,
        depth: usize,
    ) -> Result<Self, ParseError> {
        let mut operands = vec![Self::all(cursor, condition, depth)?];
        while cursor.eat("||") {
            operands.push(Self::all(cursor, condition, depth)?);
        }
        Ok(Self::joined(operands, Self::Any))
    }

    fn all(
        cursor: &mut Cursor<'_>,
        condition: &mut dyn FnMut(&mut Cursor<'_>) -> Result<C, ParseError>,
        depth: usize,
    ) -> Result<Self, ParseError> {
        let mut operands = vec![Self::operand(cursor, condition, depth)?];
        while cursor.eat("&&") {
            operands.push(Self::operand(cursor, condition, depth)?);
        }
        Ok(Self::joined(operands, Self::All))
    }

    fn operand(
        cursor: &mut Cursor<'_>,
        condition: &mut dyn FnMut(&mut Cursor<'_>) -> Result<C, ParseError>,
        depth: usize,
    ) -> Result<Self, ParseError> {
        cursor.skip_whitespace();
        let operand = if cursor.eat("(") {
            if depth == DEPTH_MAX {
                return Err(cursor.error(format!("parentheses are more than {DEPTH_MAX} deep")));
            }
            let inner = Self::any(cursor, condition, depth + 1)?;
            cursor.expect(")")?;
            inner
        } else if cursor.peek() == Some('!') {
            return Err(cursor.error("'!' before a condition is not supported"));
        } else {
            Self::One(condition(cursor)?)
        };
        cursor.skip_whitespace();
        Ok(operand)
    }

    fn joined(mut operands: Vec<Self>, join: impl Fn(Vec<Self>) -> Self) -> Self {
        match operands.pop() {
            Some(only) if operands.is_empty() => only,
            last => {
                operands.extend(last);
                join(operands)
            }
        }
    }

    /// Whether it holds, given which conditions do.
    pub(crate) fn holds(&self, condition: &impl Fn(&C) -> bool) -> bool {
        match self {
            Self::One(one) => condition(one),
            Self::All(operands) => operands.iter().all(|operand| operand.holds(condition)),
            Self::Any(operands) => operands.iter().any(|operand| operand.holds(condition)),
        }
    }

    /// Every condition, from left to right.
    pub(crate) fn each<'a>(&'a self, see: &mut dyn FnMut(&'a C)) {
        match self {
            Self::One(one) => see(one),
            Self::All(operands) | Self::Any(operands) => {
                operands.iter().for_each(|operand| operand.each(see));
            }
        }
    }
}
