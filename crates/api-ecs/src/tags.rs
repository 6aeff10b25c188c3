//! Tags: what they may be, and TagResource, UntagResource and ListTagsForResource on every taggable record.

use crate::{Ecs, Refusal, convert, lookup, names};
use model::arn::Arn;
use model::capacity_provider::CapacityProvider;
use model::cluster::Cluster;
use model::instance::ContainerInstance;
use model::tag::TAGS_MAX;
use model::task::Task;
use model::task_definition::TaskDefinition;
use model::{ClusterName, Family, InstanceId, Scope, Tags, TaskId};
use store::{State, Tx};
use wire::Cx;
use wire::ecs::{
    ListTagsForResourceRequest, ListTagsForResourceResponse, Tag, TagResourceRequest, TagResourceResponse,
    UntagResourceRequest, UntagResourceResponse,
};

/// The tags of a request (Amazon ECS Developer Guide: tag restrictions). Characters and lengths were checked before.
pub(crate) fn parse(tags: Option<Vec<Tag>>) -> Result<Tags, Refusal> {
    let mut parsed = Tags::new();
    for tag in tags.unwrap_or_default() {
        let (Some(key), Some(value)) = (tag.key, tag.value) else { return Err(Refusal::TagIncomplete) };
        if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(Refusal::TagReserved(key));
        }
        if parsed.insert(key.clone(), value).is_some() {
            return Err(Refusal::TagDuplicate(key));
        }
    }
    check_count(parsed)
}

/// Refuses more tags than one resource may have.
pub(crate) fn check_count(tags: Tags) -> Result<Tags, Refusal> {
    if tags.len() > TAGS_MAX { Err(Refusal::TooManyTags) } else { Ok(tags) }
}

/// A record that has tags, out of its ARN.
enum Tagged {
    Cluster((Scope, ClusterName)),
    CapacityProvider((Scope, String)),
    Definition((Scope, Family, u32)),
    Instance((Scope, InstanceId)),
    Task((Scope, TaskId)),
}

impl Ecs {
    /// TagResource: adds tags and replaces those with the same keys.
    pub(crate) async fn tag_resource(
        &self,
        cx: &Cx,
        input: TagResourceRequest,
    ) -> Result<TagResourceResponse, Refusal> {
        let resource = Tagged::parse(&cx.scope, &input.resource_arn)?;
        let added = parse(Some(input.tags))?;
        self.store
            .commit(|tx| {
                let mut tags = resource.tags(tx)?.clone();
                tags.extend(added);
                resource.set_tags(tx, check_count(tags)?);
                Ok(TagResourceResponse {})
            })
            .await
    }

    /// UntagResource. Keys that are not there are no error.
    pub(crate) async fn untag_resource(
        &self,
        cx: &Cx,
        input: UntagResourceRequest,
    ) -> Result<UntagResourceResponse, Refusal> {
        let resource = Tagged::parse(&cx.scope, &input.resource_arn)?;
        self.store
            .commit(|tx| {
                let mut tags = resource.tags(tx)?.clone();
                tags.retain(|key, _| !input.tag_keys.contains(key));
                resource.set_tags(tx, tags);
                Ok(UntagResourceResponse {})
            })
            .await
    }

    /// ListTagsForResource.
    pub(crate) async fn list_tags_for_resource(
        &self,
        cx: &Cx,
        input: ListTagsForResourceRequest,
    ) -> Result<ListTagsForResourceResponse, Refusal> {
        let resource = Tagged::parse(&cx.scope, &input.resource_arn)?;
        let state = self.store.snapshot();
        let tags = convert::tags(resource.tags(&state)?);
        Ok(ListTagsForResourceResponse { tags: Some(tags) })
    }
}

impl Tagged {
    fn parse(scope: &Scope, text: &str) -> Result<Tagged, Refusal> {
        let arn = Arn::parse(text).filter(|a| a.service == "ecs").ok_or(Refusal::ResourceArnInvalid)?;
        let (kind, path) = arn.resource.split_once('/').ok_or(Refusal::ResourceArnInvalid)?;
        // The cluster of the ARN is the cluster of the record, or the ARN is not the record's.
        let member = || match path.split_once('/') {
            Some((cluster, _)) => Ok(ClusterName::from(cluster)),
            None => Err(Refusal::ResourceArnShort),
        };
        Ok(match kind {
            "cluster" => Tagged::Cluster((scope.clone(), names::cluster(scope, Some(text))?)),
            "task" => Tagged::Task((scope.clone(), names::task(scope, &member()?, text)?)),
            "container-instance" => {
                Tagged::Instance((scope.clone(), names::instance(scope, &member()?, text)?))
            }
            "task-definition" => {
                let name = names::definition(scope, text)?;
                Tagged::Definition((
                    scope.clone(),
                    name.family,
                    name.revision.ok_or(Refusal::RevisionMissing)?,
                ))
            }
            "capacity-provider" => {
                Tagged::CapacityProvider((scope.clone(), names::capacity_provider(scope, text)?))
            }
            "service" | "task-set" => {
                return Err(Refusal::ResourceNotFound("resource"));
            }
            _ => return Err(Refusal::ResourceArnInvalid),
        })
    }

    fn tags<'a>(&self, state: &'a State) -> Result<&'a Tags, Refusal> {
        match self {
            Self::Cluster((scope, name)) => Ok(&lookup::active_cluster(state, scope, name)?.tags),
            Self::CapacityProvider(key) => {
                let found = state.get::<CapacityProvider>(key);
                found.map(|p| &p.tags).ok_or(Refusal::ResourceNotFound("capacity provider"))
            }
            Self::Definition(key) => {
                let found = state.get::<TaskDefinition>(key);
                found.map(|d| &d.tags).ok_or(Refusal::ResourceNotFound("task definition"))
            }
            Self::Instance(key) => {
                let found = state.get::<ContainerInstance>(key);
                found.map(|i| &i.tags).ok_or(Refusal::ResourceNotFound("container instance"))
            }
            Self::Task(key) => {
                state.get::<Task>(key).map(|t| &t.tags).ok_or(Refusal::ResourceNotFound("task"))
            }
        }
    }

    /// Writes when something changes; records with a version count it.
    fn set_tags(&self, tx: &mut Tx, tags: Tags) {
        if self.tags(tx).is_ok_and(|before| *before == tags) {
            return;
        }
        match self {
            Self::Cluster(key) => tx.update(key, |cluster: &mut Cluster| cluster.tags = tags),
            Self::CapacityProvider(key) => {
                tx.update(key, |provider: &mut CapacityProvider| provider.tags = tags)
            }
            Self::Definition(key) => tx.update(key, |definition: &mut TaskDefinition| definition.tags = tags),
            Self::Instance(key) => tx.update(key, |instance: &mut ContainerInstance| {
                instance.tags = tags;
                instance.version += 1;
            }),
            Self::Task(key) => tx.update(key, |task: &mut Task| {
                task.tags = tags;
                task.version += 1;
            }),
        };
    }
}
