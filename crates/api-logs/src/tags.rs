//! Tags of log groups, by ARN and, as the older operations have it, by name (Amazon CloudWatch Logs API reference:
//! `TagResource`, `TagLogGroup` and their like).

use crate::api::{Logs, find_group, group_name};
use model::logs::LogGroup;
use model::tag::TAGS_MAX;
use model::{LogGroupName, Scope, Tags};
use wire::logs::{self, error};
use wire::{ApiError, Cx};

/// The group whose ARN this is.
fn named(scope: &Scope, arn: String) -> Result<LogGroupName, ApiError> {
    if !arn.starts_with("arn:") {
        return Err(error::invalid_parameter_exception("The specified resourceArn is no ARN."));
    }
    group_name(scope, None, Some(arn))
}

impl Logs {
    pub(crate) async fn tag_resource(
        &self,
        cx: &Cx,
        input: logs::TagResourceRequest,
    ) -> Result<logs::TagResourceResponse, ApiError> {
        self.tag(&cx.scope, named(&cx.scope, input.resource_arn)?, input.tags).await?;
        Ok(logs::TagResourceResponse {})
    }

    pub(crate) async fn untag_resource(
        &self,
        cx: &Cx,
        input: logs::UntagResourceRequest,
    ) -> Result<logs::UntagResourceResponse, ApiError> {
        self.untag(&cx.scope, named(&cx.scope, input.resource_arn)?, input.tag_keys).await?;
        Ok(logs::UntagResourceResponse {})
    }

    pub(crate) async fn list_tags_for_resource(
        &self,
        cx: &Cx,
        input: logs::ListTagsForResourceRequest,
    ) -> Result<logs::ListTagsForResourceResponse, ApiError> {
        let tags = self.tags(&cx.scope, &named(&cx.scope, input.resource_arn)?)?;
        Ok(logs::ListTagsForResourceResponse { tags: Some(tags) })
    }

    pub(crate) async fn tag_log_group(
        &self,
        cx: &Cx,
        input: logs::TagLogGroupRequest,
    ) -> Result<logs::TagLogGroupResponse, ApiError> {
        self.tag(&cx.scope, input.log_group_name.into(), input.tags).await?;
        Ok(logs::TagLogGroupResponse {})
    }

    pub(crate) async fn untag_log_group(
        &self,
        cx: &Cx,
        input: logs::UntagLogGroupRequest,
    ) -> Result<logs::UntagLogGroupResponse, ApiError> {
        self.untag(&cx.scope, input.log_group_name.into(), input.tags).await?;
        Ok(logs::UntagLogGroupResponse {})
    }

    pub(crate) async fn list_tags_log_group(
        &self,
        cx: &Cx,
        input: logs::ListTagsLogGroupRequest,
    ) -> Result<logs::ListTagsLogGroupResponse, ApiError> {
        let tags = self.tags(&cx.scope, &input.log_group_name.into())?;
        Ok(logs::ListTagsLogGroupResponse { tags: Some(tags) })
    }

    fn tags(&self, scope: &Scope, group: &LogGroupName) -> Result<Tags, ApiError> {
        Ok(find_group(&self.store.snapshot(), scope, group)?.tags.clone())
    }

    async fn tag(&self, scope: &Scope, group: LogGroupName, tags: Tags) -> Result<(), ApiError> {
        let edit = move |group: &mut LogGroup| {
            group.tags.extend(tags);
            if group.tags.len() > TAGS_MAX {
                let message = format!("A log group has at most {TAGS_MAX} tags.");
                return Err(
                    error::too_many_tags_exception(message).with_member("resourceName", group.name.as_str())
                );
            }
            Ok(())
        };
        self.change_group(scope, group, edit).await
    }

    async fn untag(&self, scope: &Scope, group: LogGroupName, keys: Vec<String>) -> Result<(), ApiError> {
        let edit = move |group: &mut LogGroup| {
            group.tags.retain(|key, _| !keys.contains(key));
            Ok(())
        };
        self.change_group(scope, group, edit).await
    }
}
