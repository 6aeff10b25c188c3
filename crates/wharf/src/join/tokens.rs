//! The tokens that a server knows: a file each in its data directory, so that whoever may read that makes and revokes them
//! without asking the server, which looks at the moment somebody joins. Secrets are kept as hashes.

use super::JoinToken;
use anyhow::{Context, Result};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The tokens of one data directory.
#[derive(Clone, Debug)]
pub struct JoinTokens {
    directory: PathBuf,
}

/// What is known of a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownToken {
    /// Its id.
    pub id: String,
    /// The SHA-256 of its secret, in hexadecimal digits.
    secret_sha256: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be used, any number of times.
    pub expires_at: Timestamp,
}

impl KnownToken {
    /// Whether it can be used no more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }
}

/// Why a token lets nobody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// No such token, or not its secret.
    #[error(
        "this join token is not known here: it was revoked, or made by another Wharf; `wharf join-token` on the server's \
         machine makes a new one"
    )]
    Unknown,
    /// Its time is over.
    #[error("this join token has expired; `wharf join-token` on the server's machine makes a new one")]
    Expired,
}

impl JoinTokens {
    /// Those under this directory, which need not be there.
    pub fn under(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Takes a token in, to be used until `expires_at`; and forgets those that have expired.
    pub fn add(&self, token: &JoinToken, now: Timestamp, expires_at: Timestamp) -> Result<()> {
        for over in self.list()?.iter().filter(|known| known.is_over(now)) {
            self.revoke(&over.id)?;
        }
        let made = fs::DirBuilder::new().mode(0o700).recursive(true).create(&self.directory);
        made.with_context(|| format!("creating {}", self.directory.display()))?;
        let known = KnownToken {
            id: token.id.clone(),
            secret_sha256: hex::encode(Sha256::digest(&token.secret)),
            created_at: now,
            expires_at,
        };
        crate::data_dir::write_whole(&self.file(&token.id), &serde_json::to_vec(&known)?, 0o600)
    }

    /// All of them, the newest first.
    pub fn list(&self) -> Result<Vec<KnownToken>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(|| format!("reading {}", self.directory.display()))?,
        };
        let mut tokens = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
            if let Some(known) = id.map(|id| self.find(id)).transpose()?.flatten() {
                tokens.push(known);
            }
        }
        tokens.sort_by_key(|token| std::cmp::Reverse((token.created_at, token.id.clone())));
        Ok(tokens)
    }

    /// Forgets a token, and says whether there was one. Agents that joined with it have keys of their own.
    pub fn revoke(&self, id: &str) -> Result<bool> {
        if !JoinToken::is_id(id) {
            return Ok(false);
        }
        match fs::remove_file(self.file(id)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("removing the join token {id}")),
        }
    }

    /// Whether the token can be used now.
    pub fn check(&self, id: &str, secret: &str, now: Timestamp) -> Result<Result<(), Wrong>> {
        let Some(known) = self.find(id)? else { return Ok(Err(Wrong::Unknown)) };
        // Of hashes in any case: how long it takes tells nothing of the secret.
        let given = hex::encode(Sha256::digest(secret));
        let is_same = |(a, b): (u8, u8)| a ^ b;
        let differing =
            given.bytes().zip(known.secret_sha256.bytes()).map(is_same).fold(0, |all, byte| all | byte);
        Ok(match differing == 0 && given.len() == known.secret_sha256.len() {
            false => Err(Wrong::Unknown),
            true if known.is_over(now) => Err(Wrong::Expired),
            true => Ok(()),
        })
    }

    fn find(&self, id: &str) -> Result<Option<KnownToken>> {
        if !JoinToken::is_id(id) {
            return Ok(None);
        }
        match fs::read(self.file(id)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text).with_context(|| self.unreadable(id))?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| self.unreadable(id)),
        }
    }

    fn file(&self, id: &str) -> PathBuf {
        self.directory.join(Path::new(id).with_extension("json"))
    }

    fn unreadable(&self, id: &str) -> String {
        format!("reading {}", self.file(id).display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const HOUR: i64 = 3_600_000;

    fn token(n: u128) -> JoinToken {
        JoinToken::new([n, n, n], [1; 32])
    }

    #[test]
    fn a_token_is_good_until_it_expires_or_is_revoked() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = JoinTokens::under(dir.path().join("join-tokens"));
        let check = |token: &JoinToken, at| tokens.check(&token.id, &token.secret, Timestamp(at)).unwrap();
        assert_eq!(check(&token(1), 0), Err(Wrong::Unknown));
        tokens.add(&token(1), Timestamp(0), Timestamp(HOUR)).unwrap();
        tokens.add(&token(2), Timestamp(1), Timestamp(HOUR)).unwrap();
        assert_eq!((check(&token(1), 0), check(&token(1), HOUR - 1)), (Ok(()), Ok(())));
        assert_eq!(check(&token(1), HOUR), Err(Wrong::Expired));
        let ids = |tokens: &JoinTokens| tokens.list().unwrap().into_iter().map(|t| t.id).collect::<Vec<_>>();
        assert_eq!(ids(&tokens), [token(2).id, token(1).id]);
        assert!(tokens.revoke(&token(1).id).unwrap());
        assert!(!tokens.revoke(&token(1).id).unwrap());
        assert_eq!((check(&token(1), 0), check(&token(2), 0)), (Err(Wrong::Unknown), Ok(())));
        tokens.add(&token(3), Timestamp(HOUR), Timestamp(2 * HOUR)).unwrap();
        assert_eq!(ids(&tokens), [token(3).id], "what has expired is forgotten");
    }

    #[test]
    fn a_wrong_secret_lets_nobody_in_expired_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = JoinTokens::under(dir.path().to_owned());
        tokens.add(&token(1), Timestamp(0), Timestamp(HOUR)).unwrap();
        for (secret, at) in [("", 0), (&token(2).secret, 0), (&token(2).secret, HOUR)] {
            assert_eq!(tokens.check(&token(1).id, secret, Timestamp(at)).unwrap(), Err(Wrong::Unknown));
        }
        assert_eq!(tokens.check("../x", "", Timestamp(0)).unwrap(), Err(Wrong::Unknown));
    }

    #[test]
    fn secrets_are_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = JoinTokens::under(dir.path().join("tokens"));
        tokens.add(&token(1), Timestamp(0), Timestamp(HOUR)).unwrap();
        let file = dir.path().join("tokens").join(format!("{}.json", token(1).id));
        assert!(!fs::read_to_string(&file).unwrap().contains(&token(1).secret));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
