//! Log streams as records (Amazon CloudWatch Logs API reference, pages of these names).

use crate::api::{Logs, Refusal, no_such_group, no_such_stream};
use model::logs::LogStream;
use model::{LogGroupName, LogStreamName};
use store::Tx;
use wire::logs::{self, error};
use wire::{ApiError, Cx};

impl Logs {
    pub(crate) async fn create_log_stream(
        &self,
        cx: &Cx,
        input: logs::CreateLogStreamRequest,
    ) -> Result<logs::CreateLogStreamResponse, ApiError> {
        let (scope, created_at) = (cx.scope.clone(), self.clock.now());
        let (group, name) =
            (LogGroupName::from(input.log_group_name), LogStreamName::from(input.log_stream_name));
        let change = move |tx: &mut Tx| {
            tx.log_group(&scope, &group).ok_or_else(|| Refusal::Api(no_such_group()))?;
            if tx.log_stream(&scope, &group, &name).is_some() {
                let message = "The specified log stream already exists";
                return Err(Refusal::Api(error::resource_already_exists_exception(message)));
            }
            // Each commit has another revision, also after a restart, and this one creates one stream.
            let id = tx.revision();
            tx.put(LogStream { id, scope, group, name, created_at });
            Ok(())
        };
        self.store.commit(change).await?;
        Ok(logs::CreateLogStreamResponse {})
    }

    /// As with groups, the row goes first.
    pub(crate) async fn delete_log_stream(
        &self,
        cx: &Cx,
        input: logs::DeleteLogStreamRequest,
    ) -> Result<logs::DeleteLogStreamResponse, ApiError> {
        let name = LogStreamName::from(input.log_stream_name);
        let key = (cx.scope.clone(), LogGroupName::from(input.log_group_name), name);
        let change = move |tx: &mut Tx| {
            let (scope, group, name) = &key;
            tx.log_group(scope, group).ok_or_else(|| Refusal::Api(no_such_group()))?;
            let stream = tx.log_stream(scope, group, name).map(|stream| stream.id);
            let id = stream.ok_or_else(|| Refusal::Api(no_such_stream()))?;
            tx.remove::<LogStream>(&key);
            Ok::<_, Refusal>(id)
        };
        let id = self.store.commit(change).await?;
        self.remove_segments(vec![id]).await?;
        Ok(logs::DeleteLogStreamResponse {})
    }
}
