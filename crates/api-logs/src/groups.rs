//! Log groups as records: creating, deleting, how long their events are kept (Amazon CloudWatch Logs API reference,
//! pages of these names).

use crate::api::{Logs, Refusal, no_such_group};
use model::logs::{LogGroup, LogStream, MetricFilter};
use model::{LogGroupName, Scope};
use store::Tx;
use wire::logs::{self, error};
use wire::{ApiError, Cx};

/// What PutRetentionPolicy takes.
const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

impl Logs {
    pub(crate) async fn create_log_group(
        &self,
        cx: &Cx,
        input: logs::CreateLogGroupRequest,
    ) -> Result<logs::CreateLogGroupResponse, ApiError> {
        if input.log_group_name.to_ascii_lowercase().starts_with("aws/") {
            let message = "Log groups starting with AWS/ are reserved for AWS.";
            return Err(error::invalid_parameter_exception(message));
        }
        let group = LogGroup {
            scope: cx.scope.clone(),
            name: input.log_group_name.into(),
            created_at: self.clock.now(),
            tags: input.tags.unwrap_or_default(),
            retention_days: None,
        };
        let change = move |tx: &mut Tx| {
            if tx.log_group(&group.scope, &group.name).is_some() {
                let message = "The specified log group already exists";
                return Err(Refusal::Api(error::resource_already_exists_exception(message)));
            }
            tx.put(group);
            Ok(())
        };
        self.store.commit(change).await?;
        Ok(logs::CreateLogGroupResponse {})
    }

    /// The rows go first: from then on nobody reads the events. Files that a crash leaves are removed by
    /// [`Logs::open`] (INV-LOGS-3).
    pub(crate) async fn delete_log_group(
        &self,
        cx: &Cx,
        input: logs::DeleteLogGroupRequest,
    ) -> Result<logs::DeleteLogGroupResponse, ApiError> {
        let key = (cx.scope.clone(), LogGroupName::from(input.log_group_name));
        let change = move |tx: &mut Tx| {
            let (scope, group) = &key;
            tx.log_group(scope, group).ok_or_else(|| Refusal::Api(no_such_group()))?;
            let streams: Vec<_> = tx.log_streams(scope, group, "").cloned().collect();
            for stream in &streams {
                tx.remove::<LogStream>(&(scope.clone(), group.clone(), stream.name.clone()));
            }
            let filters: Vec<_> = tx.metric_filters(scope, group).map(|filter| filter.name.clone()).collect();
            for filter in filters {
                tx.remove::<MetricFilter>(&(scope.clone(), group.clone(), filter));
            }
            tx.remove::<LogGroup>(&key);
            Ok::<_, Refusal>(streams.iter().map(|stream| stream.id).collect())
        };
        let ids = self.store.commit(change).await?;
        self.remove_segments(ids).await?;
        Ok(logs::DeleteLogGroupResponse {})
    }

    pub(crate) async fn put_retention_policy(
        &self,
        cx: &Cx,
        input: logs::PutRetentionPolicyRequest,
    ) -> Result<logs::PutRetentionPolicyResponse, ApiError> {
        let asked = input.retention_in_days;
        let days = u32::try_from(asked).ok().filter(|days| RETENTION_DAYS.contains(days));
        let Some(days) = days else {
            let message = format!("Invalid retentionInDays {asked}: it must be one of {RETENTION_DAYS:?}");
            return Err(error::invalid_parameter_exception(message));
        };
        self.retain(&cx.scope, input.log_group_name, Some(days)).await?;
        Ok(logs::PutRetentionPolicyResponse {})
    }

    pub(crate) async fn delete_retention_policy(
        &self,
        cx: &Cx,
        input: logs::DeleteRetentionPolicyRequest,
    ) -> Result<logs::DeleteRetentionPolicyResponse, ApiError> {
        self.retain(&cx.scope, input.log_group_name, None).await?;
        Ok(logs::DeleteRetentionPolicyResponse {})
    }

    async fn retain(&self, scope: &Scope, name: String, days: Option<u32>) -> Result<(), ApiError> {
        let edit = move |group: &mut LogGroup| {
            group.retention_days = days;
            Ok(())
        };
        self.change_group(scope, name.into(), edit).await
    }

    /// Edits one group's record, or refuses without changing it.
    pub(crate) async fn change_group(
        &self,
        scope: &Scope,
        name: LogGroupName,
        edit: impl FnOnce(&mut LogGroup) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let key = (scope.clone(), name);
        let change = move |tx: &mut Tx| {
            let group = tx.log_group(&key.0, &key.1).ok_or_else(|| Refusal::Api(no_such_group()))?;
            let mut group = LogGroup::clone(group);
            edit(&mut group).map_err(Refusal::Api)?;
            tx.put(group);
            Ok::<_, Refusal>(())
        };
        Ok(self.store.commit(change).await?)
    }

    /// Removes the segments of streams whose rows are gone.
    pub(crate) async fn remove_segments(&self, ids: Vec<u64>) -> Result<(), ApiError> {
        let remove = move |logs: &Logs| {
            for id in ids {
                if let Err(error) = logs.streams.remove(id) {
                    tracing::warn!(id, %error, "the segments of a deleted log stream remain until the next start");
                }
            }
            Ok(())
        };
        self.blocking(remove).await
    }
}
