//! Credentials of tasks, in memory only. After a restart the control plane sends them again.

use acs::RoleCredentials;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use wire::client::Credentials;

/// What each task's log driver signs with, by the task's id. Clones share their content.
#[derive(Clone)]
pub struct Vault {
    by_task: Arc<watch::Sender<BTreeMap<String, Credentials>>>,
}

impl Default for Vault {
    fn default() -> Self {
        Self { by_task: Arc::new(watch::Sender::new(BTreeMap::new())) }
    }
}

impl Vault {
    /// A task's execution-role credentials; they replace the ones that it had.
    pub(crate) fn put(&self, task: &str, credentials: &RoleCredentials) {
        let token = &credentials.session_token;
        let credentials = Credentials {
            access_key: credentials.access_key_id.clone(),
            secret_key: credentials.secret_access_key.clone(),
            session_token: (!token.is_empty()).then(|| token.clone()),
        };
        self.by_task.send_modify(|map| {
            map.insert(task.to_owned(), credentials);
        });
    }

    /// The task is over.
    pub(crate) fn forget(&self, task: &str) {
        self.by_task.send_modify(|map| {
            map.remove(task);
        });
    }

    /// A task's credentials, as soon as they are there.
    pub(crate) async fn wait_for(&self, task: &str) -> Credentials {
        let mut watch = self.by_task.subscribe();
        let map = watch.wait_for(|map| map.contains_key(task)).await;
        let map = map.expect("the sender is held by self");
        map[task].clone()
    }
}
