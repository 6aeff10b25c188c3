//! Whose signature is accepted: the keys in the store, and on request the habit of local-AWS tools.

use model::identity::AccessKey;
use model::time::{Clock, IdSource};
use model::{AccessKeyId, AccountId, Timestamp};
use store::{Snapshot, Store, StoreError};
use wire::{Key, Keys};

/// The account of the first administrator.
pub const ACCOUNT: &str = "000000000000";
/// The secret that goes with a trusted local key.
const LOCAL_SECRET: &str = "test";
/// The store's setting that names the first administrator's key.
const FIRST_KEY: &str = "first-access-key";

/// The keys of the store.
pub struct StoreKeys {
    pub store: Store,
    /// Any 12-digit access key id with the secret `test` is that account's administrator.
    pub trust_local_keys: bool,
}

impl Keys for StoreKeys {
    fn find(&self, id: &str) -> Option<Key> {
        if self.trust_local_keys && is_account_id(id) {
            return Some(Key { secret: LOCAL_SECRET.to_owned(), account: AccountId::from(id) });
        }
        let snapshot = self.store.snapshot();
        let key = snapshot.access_key(&id.into())?;
        Some(Key { secret: key.secret.clone(), account: key.account.clone() })
    }
}

fn is_account_id(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit())
}

/// The first administrator's key, made when there is none.
pub async fn ensure_first_key(
    store: &Store,
    clock: &dyn Clock,
    ids: &dyn IdSource,
) -> Result<AccessKey, StoreError> {
    if let Some(key) = first_key(&store.snapshot()) {
        return Ok(key);
    }
    let key = fresh(ids, clock.now(), None);
    let made = key.clone();
    store
        .commit(move |tx| {
            tx.set_setting(FIRST_KEY, made.id.as_str());
            tx.put(made);
            Ok::<_, StoreError>(())
        })
        .await?;
    Ok(key)
}

/// A new key of the first account: a user's, or that of the agent of this name.
pub fn fresh(ids: &dyn IdSource, now: Timestamp, agent: Option<String>) -> AccessKey {
    AccessKey {
        id: AccessKeyId::from(format!("AKIA{}", base32(ids.next_u128(), 16))),
        secret: base32(ids.next_u128(), 20) + &base32(ids.next_u128(), 20),
        account: AccountId::from(ACCOUNT),
        created_at: now,
        agent,
    }
}

fn first_key(snapshot: &Snapshot) -> Option<AccessKey> {
    let id = snapshot.setting(FIRST_KEY)?;
    snapshot.access_key(&id.into()).map(|key| AccessKey::clone(key))
}

/// `letters` characters of AWS's key alphabet, five bits each.
fn base32(mut bits: u128, letters: usize) -> String {
    let mut text = String::with_capacity(letters);
    for _ in 0..letters {
        text.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(bits & 31) as usize]));
        bits >>= 5;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{RandomIds, SystemClock};
    use store::{Committer, MemoryJournal};

    #[tokio::test]
    async fn the_first_key_is_made_once_and_local_keys_need_trust() {
        let store = Store::open(Box::new(MemoryJournal::new()), Committer::Inline).unwrap();
        let first = ensure_first_key(&store, &SystemClock, &RandomIds).await.unwrap();
        let again = ensure_first_key(&store, &SystemClock, &RandomIds).await.unwrap();
        assert_eq!(first, again);
        assert_eq!((first.id.as_str().len(), first.secret.len()), (20, 40));
        let mut keys = StoreKeys { store, trust_local_keys: false };
        assert_eq!(keys.find(first.id.as_str()).map(|k| k.account.to_string()), Some(ACCOUNT.to_owned()));
        assert!(keys.find("111122223333").is_none());
        keys.trust_local_keys = true;
        assert_eq!(keys.find("111122223333").map(|k| k.account.to_string()), Some("111122223333".to_owned()));
        assert!(keys.find("11112222333").is_none());
    }
}
