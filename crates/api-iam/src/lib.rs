//! The IAM API: the access keys that there are, so that one can be taken back.
//!
//! What it is not yet: users, roles and policies. A key is the root's, or the one that an agent got when it joined from
//! another machine; that one belongs to a user with the agent's name, of whom nothing else is known.
//!
//! Start at [`Iam`].

use async_trait::async_trait;
use model::identity::AccessKey;
use store::{Store, StoreError};
use wire::iam::{
    AccessKeyMetadata, Api, DeleteAccessKeyRequest, DeleteAccessKeyResponse, ListAccessKeysRequest,
    ListAccessKeysResponse, StatusType,
};
use wire::{ApiError, Cx};

/// What the ids of keys begin with that do not expire. Those of tasks begin otherwise, and IAM lists none of them.
const LASTING: &str = "AKIA";
const ITEMS_DEFAULT: usize = 100;

/// The implementation of [`wire::iam::Api`].
#[derive(Clone)]
pub struct Iam {
    store: Store,
}

impl Iam {
    /// The keys of this store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

/// Why nothing was deleted.
enum Failure {
    Store(StoreError),
    Refused(ApiError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

#[async_trait]
impl Api for Iam {
    /// IAM API reference: `ListAccessKeys`. Without a user, those of the root, who signs.
    async fn list_access_keys(
        &self,
        cx: &Cx,
        input: ListAccessKeysRequest,
    ) -> Result<ListAccessKeysResponse, ApiError> {
        let user = user_of(&self.store, cx, input.user_name);
        let snapshot = self.store.snapshot();
        let mut keys: Vec<_> = snapshot.access_keys().filter(|key| is_of(key, cx, user.as_deref())).collect();
        if let (true, Some(user)) = (keys.is_empty(), &user) {
            return Err(no_user(user));
        }
        keys.sort_by(|a, b| a.id.cmp(&b.id));
        let after = input.marker.unwrap_or_default();
        let limit = input.max_items.and_then(|items| usize::try_from(items).ok()).unwrap_or(ITEMS_DEFAULT);
        let mut rest = keys.into_iter().filter(|key| key.id.as_str() > after.as_str());
        let page: Vec<_> = rest.by_ref().take(limit).collect();
        let is_truncated = rest.next().is_some();
        let marker = page.last().filter(|_| is_truncated).map(|key| key.id.to_string());
        Ok(ListAccessKeysResponse {
            access_key_metadata: Some(page.into_iter().map(|key| metadata(key)).collect()),
            is_truncated: Some(is_truncated),
            marker,
        })
    }

    /// IAM API reference: `DeleteAccessKey`. Requests with the key are refused from now on.
    async fn delete_access_key(
        &self,
        cx: &Cx,
        input: DeleteAccessKeyRequest,
    ) -> Result<DeleteAccessKeyResponse, ApiError> {
        let user = user_of(&self.store, cx, input.user_name);
        let id = model::AccessKeyId::from(input.access_key_id);
        let deleted = self.store.commit(move |tx| {
            if !tx.access_keys().any(|key| is_of(key, cx, user.as_deref())) {
                return Err(Failure::Refused(no_user(user.as_deref().unwrap_or("root"))));
            }
            match tx.access_key(&id).filter(|key| is_of(key, cx, user.as_deref())) {
                Some(_) => {
                    tx.remove::<AccessKey>(&id);
                    Ok(())
                }
                None => Err(Failure::Refused(ApiError::new(
                    "NoSuchEntity",
                    404,
                    format!("The Access Key with id {id} cannot be found."),
                ))),
            }
        });
        match deleted.await {
            Ok(()) => Ok(DeleteAccessKeyResponse {}),
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Store(error)) => Err(wire::error::internal_failure(error)),
        }
    }
}

/// The user whose keys are meant: the one that is named, else the one that signs; `None` is the root.
fn user_of(store: &Store, cx: &Cx, named: Option<String>) -> Option<String> {
    let signer = || store.snapshot().access_key(&cx.access_key.as_str().into())?.agent.clone();
    named.or_else(signer)
}

fn is_of(key: &AccessKey, cx: &Cx, user: Option<&str>) -> bool {
    key.account == cx.scope.account && key.id.as_str().starts_with(LASTING) && key.agent.as_deref() == user
}

fn no_user(name: &str) -> ApiError {
    ApiError::new("NoSuchEntity", 404, format!("The user with name {name} cannot be found."))
}

fn metadata(key: &AccessKey) -> AccessKeyMetadata {
    AccessKeyMetadata {
        user_name: key.agent.clone(),
        access_key_id: Some(key.id.to_string()),
        status: Some(StatusType::Active),
        create_date: Some(key.created_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;
    use store::{Committer, MemoryJournal};

    fn signed_by(key: &str) -> Cx {
        Cx {
            scope: model::Scope::new("000000000000", "us-east-1"),
            caller_arn: "arn:aws:iam::000000000000:root".to_owned(),
            access_key: key.to_owned(),
            request_id: "r".to_owned(),
            origin: String::new(),
            user_agent: String::new(),
        }
    }

    async fn iam(keys: &[(&str, &str, Option<&str>)]) -> Iam {
        let store = Store::open(Box::new(MemoryJournal::new()), Committer::Inline).unwrap();
        let keys: Vec<_> = keys.iter().map(|(id, account, agent)| key(id, account, *agent)).collect();
        let put = store.commit(|tx| {
            keys.iter().for_each(|key| tx.put(key.clone()));
            Ok::<_, StoreError>(())
        });
        put.await.unwrap();
        Iam::new(store)
    }

    fn key(id: &str, account: &str, agent: Option<&str>) -> AccessKey {
        AccessKey {
            id: id.into(),
            secret: "s".to_owned(),
            account: account.into(),
            created_at: Timestamp(1),
            agent: agent.map(str::to_owned),
        }
    }

    const OURS: &str = "000000000000";

    async fn some() -> Iam {
        iam(&[
            ("AKIAROOT", OURS, None),
            ("ASIATASK", OURS, None),
            ("AKIAHOST1", OURS, Some("host-1")),
            ("AKIAHOST1AGAIN", OURS, Some("host-1")),
            ("AKIAOTHER", "111111111111", None),
        ])
        .await
    }

    async fn ids(iam: &Iam, cx: &Cx, user: Option<&str>) -> Vec<String> {
        let input = ListAccessKeysRequest { user_name: user.map(str::to_owned), ..Default::default() };
        let listed = iam.list_access_keys(cx, input).await.unwrap().access_key_metadata.unwrap();
        listed.into_iter().map(|key| key.access_key_id.unwrap()).collect()
    }

    async fn delete(iam: &Iam, id: &str, user: Option<&str>) -> Result<(), ApiError> {
        let input = DeleteAccessKeyRequest { access_key_id: id.into(), user_name: user.map(str::to_owned) };
        iam.delete_access_key(&signed_by("AKIAROOT"), input).await.map(drop)
    }

    #[tokio::test]
    async fn keys_are_listed_by_whose_they_are() {
        let iam = some().await;
        assert_eq!(ids(&iam, &signed_by("AKIAROOT"), None).await, ["AKIAROOT"]);
        assert_eq!(ids(&iam, &signed_by("AKIAROOT"), Some("host-1")).await, ["AKIAHOST1", "AKIAHOST1AGAIN"]);
        assert_eq!(ids(&iam, &signed_by("AKIAHOST1"), None).await, ["AKIAHOST1", "AKIAHOST1AGAIN"]);
        let nobody = ListAccessKeysRequest { user_name: Some("host-2".into()), ..Default::default() };
        let error = iam.list_access_keys(&signed_by("AKIAROOT"), nobody).await.unwrap_err();
        assert_eq!((error.code, error.status), ("NoSuchEntity", 404));
    }

    #[tokio::test]
    async fn pages_end() {
        let iam = some().await;
        let page = |marker: Option<String>| ListAccessKeysRequest {
            user_name: Some("host-1".into()),
            max_items: Some(1),
            marker,
        };
        let first = iam.list_access_keys(&signed_by("AKIAROOT"), page(None)).await.unwrap();
        assert_eq!((first.is_truncated, first.marker.as_deref()), (Some(true), Some("AKIAHOST1")));
        let last = iam.list_access_keys(&signed_by("AKIAROOT"), page(first.marker)).await.unwrap();
        assert_eq!((last.is_truncated, last.marker), (Some(false), None));
        assert_eq!(last.access_key_metadata.unwrap()[0].access_key_id.as_deref(), Some("AKIAHOST1AGAIN"));
    }

    #[tokio::test]
    async fn only_the_key_that_is_named_with_its_owner_goes() {
        let iam = some().await;
        for (id, user) in [
            ("AKIAHOST1", None),
            ("AKIAROOT", Some("host-1")),
            ("AKIAOTHER", None),
            ("ASIATASK", None),
            ("AKIANONE", Some("host-1")),
            ("AKIAHOST1", Some("host-2")),
        ] {
            let error = delete(&iam, id, user).await.unwrap_err();
            assert_eq!((error.code, error.status), ("NoSuchEntity", 404), "{id} of {user:?}");
        }
        delete(&iam, "AKIAHOST1", Some("host-1")).await.unwrap();
        assert_eq!(ids(&iam, &signed_by("AKIAROOT"), Some("host-1")).await, ["AKIAHOST1AGAIN"]);
        assert_eq!(ids(&iam, &signed_by("AKIAROOT"), None).await, ["AKIAROOT"]);
    }
}
