//! The token, as it is shown once.

use anyhow::{Context, Result, bail};
use std::fmt;
use std::str::FromStr;

/// The first word of a token: what it is, and its version.
const VERSION: &str = "wharf1";
/// Letters of [`LETTERS`]: 40 bits.
const ID_LETTERS: usize = 8;
/// 160 bits, so that guesses need no limit.
const SECRET_LETTERS: usize = 32;
/// Five bits each; none looks like another.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// `wharf1.ID.SECRET.FINGERPRINT`
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// Names it: in lists, and to revoke it.
    pub id: String,
    /// Never shown again, never logged.
    pub secret: String,
    /// The SHA-256 of the certificate of the server's authority.
    pub fingerprint: [u8; 32],
}

impl JoinToken {
    /// A token of these random bits.
    pub fn new(random: [u128; 3], fingerprint: [u8; 32]) -> Self {
        let [id, first, second] = random;
        Self {
            id: letters(id, ID_LETTERS),
            secret: letters(first, SECRET_LETTERS / 2) + &letters(second, SECRET_LETTERS / 2),
            fingerprint,
        }
    }

    /// Whether this may be a token's id: a file's name is made of it.
    pub fn is_id(text: &str) -> bool {
        is_letters(text, ID_LETTERS)
    }
}

fn letters(mut bits: u128, count: usize) -> String {
    let mut text = String::with_capacity(count);
    for _ in 0..count {
        text.push(char::from(LETTERS[(bits & 31) as usize]));
        bits >>= 5;
    }
    text
}

fn is_letters(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|b| LETTERS.contains(&b))
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}.{}.{}.{}", self.id, self.secret, hex::encode(self.fingerprint))
    }
}

/// Without its secret.
impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken").field("id", &self.id).finish_non_exhaustive()
    }
}

impl FromStr for JoinToken {
    type Err = anyhow::Error;

    /// The text is not repeated in the error: it may be almost a secret.
    fn from_str(text: &str) -> Result<Self> {
        const WRONG: &str =
            "this is no join token, or not all of one; copy it as `wharf join-token` printed it";
        let mut words = text.trim().split('.');
        match words.next() {
            Some(VERSION) => {}
            Some(version) if version.len() < 10 && version.starts_with("wharf") => {
                bail!(
                    "this join token is of another version of Wharf: it begins with {version}, not {VERSION}"
                )
            }
            _ => bail!(WRONG),
        }
        let (Some(id), Some(secret), Some(print), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            bail!(WRONG);
        };
        if !Self::is_id(id) || !is_letters(secret, SECRET_LETTERS) {
            bail!(WRONG);
        }
        let mut fingerprint = [0; 32];
        hex::decode_to_slice(print, &mut fingerprint).ok().context(WRONG)?;
        Ok(Self { id: id.to_owned(), secret: secret.to_owned(), fingerprint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> JoinToken {
        JoinToken::new([7, u128::MAX, 1 << 90], [0xab; 32])
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let text = token().to_string();
        assert_eq!(text.parse::<JoinToken>().unwrap(), token());
        assert_eq!(format!(" {text}\n").parse::<JoinToken>().unwrap(), token());
        assert!(
            text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'),
            "{text} is one word for any shell"
        );
    }

    #[test]
    fn a_token_that_is_not_whole_is_refused_without_being_repeated() {
        let text = token().to_string();
        let secret = token().secret;
        let longer = format!("{text}a");
        let another = format!("{text}.a");
        let path = format!("wharf1.../../a.{secret}.{}", "ab".repeat(32));
        let upper = text.to_uppercase();
        for wrong in ["", "wharf1", &text[1..], &text[..text.len() - 1], &longer, &another, &path, &upper] {
            let error = wrong.parse::<JoinToken>().expect_err(wrong).to_string();
            assert!(error.contains("no join token") && !error.contains(&secret), "{error}");
        }
        let later = text.replacen("wharf1", "wharf2", 1).parse::<JoinToken>().expect_err("later").to_string();
        assert!(later.contains("another version"), "{later}");
    }

    #[test]
    fn a_token_is_not_logged() {
        assert!(!format!("{:?}", token()).contains(&token().secret));
    }
}
