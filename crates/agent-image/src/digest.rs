//! Content addresses.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::io::{self, Read};

/// `sha256:` and 64 lower-case hexadecimal digits: always valid, so safe to make a file's name of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Digest(String);

/// A digest that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a sha256 digest")]
pub(crate) struct BadDigest(String);

const ALGORITHM: &str = "sha256:";

impl Digest {
    pub(crate) fn of(bytes: &[u8]) -> Digest {
        Hasher::default().chain(bytes).finish()
    }

    /// The 64 digits.
    pub(crate) fn hex(&self) -> &str {
        &self.0[ALGORITHM.len()..]
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Digest {
    type Error = BadDigest;

    fn try_from(text: String) -> Result<Digest, BadDigest> {
        let valid = text.strip_prefix(ALGORITHM).is_some_and(|hex| {
            hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        });
        if valid { Ok(Digest(text)) } else { Err(BadDigest(text.chars().take(160).collect())) }
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A digest in the making.
#[derive(Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn chain(mut self, bytes: &[u8]) -> Hasher {
        self.update(bytes);
        self
    }

    pub(crate) fn finish(self) -> Digest {
        Digest(format!("{ALGORITHM}{}", hex::encode(self.0.finalize())))
    }
}

/// Hashes what is read through it.
pub(crate) struct HashingReader<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> HashingReader<R> {
    pub(crate) fn new(inner: R) -> HashingReader<R> {
        HashingReader { inner, hasher: Hasher::default() }
    }

    /// Reads what is left and answers with the digest of everything.
    pub(crate) fn finish(mut self) -> io::Result<Digest> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(self.hasher.finish())
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.hasher.update(&buf[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_sha256_digests_are_accepted() {
        let good = format!("sha256:{}", "a0".repeat(32));
        assert_eq!(Digest::try_from(good.clone()).unwrap().as_str(), good);
        for bad in ["", "sha256:", "sha512:00", "sha256:../../etc/passwd", &good.to_uppercase(), &good[..70]]
        {
            assert!(Digest::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reader_is_hashed_to_its_end() {
        let mut reader = HashingReader::new(&b"hello"[..]);
        let mut first = [0];
        reader.read_exact(&mut first).unwrap();
        assert_eq!(reader.finish().unwrap(), Digest::of(b"hello"));
    }
}
