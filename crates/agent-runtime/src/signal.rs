//! Signals by name or number, as Docker's `--stop-signal` takes them.

use nix::libc::{self, c_int};
use nix::sys::signal::Signal;
use std::str::FromStr;

/// `SIGTERM` when empty; with or without `SIG`, in any case; `RTMIN+3` and the like; numbers.
///
/// # Errors
/// A text that names it.
pub(crate) fn parse(text: &str) -> Result<c_int, String> {
    let invalid = || format!("invalid signal: {text}");
    if text.is_empty() {
        return Ok(libc::SIGTERM);
    }
    if let Ok(number) = text.parse::<c_int>() {
        return if (1..=libc::SIGRTMAX()).contains(&number) { Ok(number) } else { Err(invalid()) };
    }
    let upper = text.to_ascii_uppercase();
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(number) = real_time(bare) {
        return Ok(number);
    }
    Signal::from_str(&format!("SIG{bare}")).map(|signal| signal as c_int).map_err(|_| invalid())
}

fn real_time(name: &str) -> Option<c_int> {
    let (first, last) = (libc::SIGRTMIN(), libc::SIGRTMAX());
    let offset =
        |text: &str| -> Option<c_int> { if text.is_empty() { Some(0) } else { text[1..].parse().ok() } };
    let number = if let Some(rest) = name.strip_prefix("RTMIN") {
        (rest.is_empty() || rest.starts_with('+')).then(|| offset(rest))??.checked_add(first)?
    } else {
        let rest = name.strip_prefix("RTMAX")?;
        last.checked_sub((rest.is_empty() || rest.starts_with('-')).then(|| offset(rest))??)?
    };
    (first..=last).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (text, number) in [
            ("", 15),
            ("SIGTERM", 15),
            ("term", 15),
            ("9", 9),
            ("SIGQUIT", 3),
            ("SIGWINCH", 28),
            ("SIGRTMIN+3", libc::SIGRTMIN() + 3),
            ("RTMAX", libc::SIGRTMAX()),
            ("RTMAX-1", libc::SIGRTMAX() - 1),
        ] {
            assert_eq!(parse(text), Ok(number), "{text}");
        }
        for text in ["0", "65", "SIGNOPE", "RTMIN-1", "RTMIN+99", "RTMIN+99999999999", "RTMINé", "-9"] {
            assert_eq!(parse(text), Err(format!("invalid signal: {text}")), "{text}");
        }
    }
}
