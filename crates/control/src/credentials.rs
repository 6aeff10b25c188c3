//! Keys that act for an account on behalf of its tasks: what the agent's log driver signs with.

use crate::context::Context;
use acs::RoleCredentials;
use hmac::{Hmac, KeyInit, Mac};
use model::identity::AccessKey;
use model::task::Task;
use model::{AccessKeyId, AccountId};
use sha2::Sha256;
use std::collections::BTreeSet;
use store::{State, StoreError};

/// Keys for tasks start with the prefix that AWS gives to keys of roles.
const PREFIX: &str = "ASIA";

/// The keys do not expire; agents want a date.
const NO_EXPIRATION: &str = "9999-12-31T23:59:59Z";

/// The key that acts for an account's tasks. There is one for each account, and one of another kind for each agent.
pub(crate) fn key_of<'a>(state: &'a State, account: &AccountId) -> Option<&'a AccessKey> {
    let mut keys = state.access_keys_with(PREFIX).map(|key| key.as_ref());
    keys.find(|key| key.account == *account)
}

/// Makes sure that each of these accounts has its key.
pub(crate) async fn ensure_keys(
    context: &Context,
    accounts: &BTreeSet<&AccountId>,
) -> Result<(), StoreError> {
    let snapshot = context.store.snapshot();
    if accounts.iter().all(|account| key_of(&snapshot, account).is_some()) {
        return Ok(());
    }
    context
        .store
        .commit(|tx| {
            for account in accounts {
                if key_of(tx, account).is_none() {
                    tx.put(fresh_key(context, account));
                }
            }
            Ok(())
        })
        .await
}

fn fresh_key(context: &Context, account: &AccountId) -> AccessKey {
    let id = format!("{PREFIX}{}", &context.ids.hex32()[16..].to_uppercase());
    let secret = format!("{}{}", context.ids.hex32(), &context.ids.hex32()[24..]);
    let (account, created_at) = (account.clone(), context.now());
    AccessKey { id: AccessKeyId::from(id), secret, account, created_at, agent: None }
}

/// The credentials for a task's pulls and logs. Their id stays the same for the task's life and cannot be guessed,
/// because knowing it is all that it takes to ask an agent for them.
pub(crate) fn execution_credentials(task: &Task, key: &AccessKey) -> RoleCredentials {
    RoleCredentials {
        credentials_id: credentials_id(task, &key.secret),
        role_arn: format!("arn:aws:iam::{}:role/ecsTaskExecutionRole", task.scope.account),
        access_key_id: key.id.as_str().to_owned(),
        secret_access_key: key.secret.clone(),
        session_token: String::new(),
        expiration: NO_EXPIRATION.to_owned(),
    }
}

fn credentials_id(task: &Task, secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(task.id.as_str().as_bytes());
    let digest = mac.finalize().into_bytes();
    let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
