//! What operations on several things of one kind have in common.

use crate::Refusal;

/// What a request names, as it has it and as it was read, in its order. What is named twice counts once, whichever of its
/// names it has: AWS does not say, and an answer with one thing in it twice would be the greater surprise.
///
/// # Errors
/// There are more than `most` names, or one of them is none.
pub(crate) fn each_once<'a, T: PartialEq>(
    what: &'static str,
    most: usize,
    named: &'a [String],
    read: impl Fn(&str) -> Result<T, Refusal>,
) -> Result<Vec<(&'a str, T)>, Refusal> {
    if named.len() > most {
        return Err(Refusal::TooMany { what, most });
    }
    let mut things: Vec<(&str, T)> = Vec::with_capacity(named.len());
    for text in named {
        let thing = read(text)?;
        if things.iter().all(|(_, other)| *other != thing) {
            things.push((text, thing));
        }
    }
    Ok(things)
}
