//! PutAttributes, DeleteAttributes, ListAttributes: what users say of their container instances.

use crate::page::Page;
use crate::{Ecs, Refusal, convert, lookup, names};
use model::instance::{ContainerInstance, InstanceStatus};
use model::{ClusterName, InstanceId, Scope};
use store::Tx;
use wire::Cx;
use wire::ecs::{
    Attribute, DeleteAttributesRequest, DeleteAttributesResponse, ListAttributesRequest,
    ListAttributesResponse, PutAttributesRequest, PutAttributesResponse,
};

/// The most attributes of one call, and custom ones of one instance (ECS API Reference: PutAttributes).
const ATTRIBUTES_MAX: usize = 10;
const VALUE_LENGTH_MAX: usize = 128;
/// Names that only an agent may use.
const BUILT_IN: [&str; 3] = ["ecs.", "com.amazonaws.ecs.", "wharf."];

/// An attribute of one instance, checked.
struct Target {
    instance: (Scope, InstanceId),
    name: String,
    value: Option<String>,
}

impl Ecs {
    /// PutAttributes: adds attributes and replaces those with the same names. All of them or none.
    pub(crate) async fn put_attributes(
        &self,
        cx: &Cx,
        input: PutAttributesRequest,
    ) -> Result<PutAttributesResponse, Refusal> {
        let cluster = names::cluster(&cx.scope, input.cluster.as_deref())?;
        let targets = targets(&cx.scope, &cluster, &input.attributes)?;
        self.change_attributes(&cx.scope, &cluster, &targets, |instance, target| {
            instance.attributes.insert(target.name.clone(), target.value.clone());
            let custom = instance.attributes.keys().filter(|name| !is_built_in(name)).count();
            if custom > ATTRIBUTES_MAX { Err(Refusal::TooManyAttributes) } else { Ok(()) }
        })
        .await?;
        Ok(PutAttributesResponse { attributes: Some(input.attributes) })
    }

    /// DeleteAttributes: an attribute with a value only when it has that value.
    pub(crate) async fn delete_attributes(
        &self,
        cx: &Cx,
        input: DeleteAttributesRequest,
    ) -> Result<DeleteAttributesResponse, Refusal> {
        let cluster = names::cluster(&cx.scope, input.cluster.as_deref())?;
        let targets = targets(&cx.scope, &cluster, &input.attributes)?;
        self.change_attributes(&cx.scope, &cluster, &targets, |instance, target| {
            let found = instance.attributes.get(&target.name);
            if found.is_some_and(|value| target.value.is_none() || *value == target.value) {
                instance.attributes.remove(&target.name);
            }
            Ok(())
        })
        .await?;
        Ok(DeleteAttributesResponse { attributes: Some(input.attributes) })
    }

    async fn change_attributes(
        &self,
        scope: &Scope,
        cluster: &ClusterName,
        targets: &[Target],
        change: impl Fn(&mut ContainerInstance, &Target) -> Result<(), Refusal> + Send + Sync,
    ) -> Result<(), Refusal> {
        self.store
            .commit(|tx| {
                lookup::active_cluster(tx, scope, cluster)?;
                for target in targets {
                    let mut instance = target.instance(tx, cluster)?;
                    change(&mut instance, target)?;
                    instance.version += 1;
                    tx.put(instance);
                }
                Ok(())
            })
            .await
    }

    /// ListAttributes of the cluster's instances, by instance and name.
    pub(crate) async fn list_attributes(
        &self,
        cx: &Cx,
        input: ListAttributesRequest,
    ) -> Result<ListAttributesResponse, Refusal> {
        let cluster = names::cluster(&cx.scope, input.cluster.as_deref())?;
        if input.attribute_value.is_some() && input.attribute_name.is_none() {
            return Err(Refusal::parameter("attributeName has to be specified when attributeValue is."));
        }
        let query = ("attributes", &cx.scope, &cluster, &input.attribute_name, &input.attribute_value);
        let page = Page::open(query, input.next_token.as_deref(), input.max_results)?;
        let state = self.store.snapshot();
        lookup::cluster(&state, &cx.scope, &cluster)?;
        let instances = state.instances(&cx.scope, &cluster).filter(|i| i.status != InstanceStatus::Inactive);
        let all = instances.flat_map(|instance| {
            instance.attributes.iter().map(move |(name, value)| (instance, name.as_str(), value))
        });
        let key = |(instance, name, _): &(&_, &str, &_)| key_of(instance, name);
        let matching = all.filter(|entry @ (_, name, value)| {
            input.attribute_name.as_ref().is_none_or(|wanted| wanted == name)
                && input.attribute_value.as_ref().is_none_or(|wanted| value.as_ref() == Some(wanted))
                && page.after().is_none_or(|after| key(entry).as_str() > after)
        });
        let (attributes, next_token) = page.take(matching, key);
        let attributes = attributes.into_iter().map(|(i, name, value)| convert::attribute(i, name, value));
        Ok(ListAttributesResponse { attributes: Some(attributes.collect()), next_token })
    }
}

fn key_of(instance: &std::sync::Arc<ContainerInstance>, name: &str) -> String {
    format!("{}/{name}", instance.id)
}

impl Target {
    fn instance(&self, tx: &Tx, cluster: &ClusterName) -> Result<ContainerInstance, Refusal> {
        let found = tx.get::<ContainerInstance>(&self.instance);
        let usable = found.filter(|i| i.cluster == *cluster && i.status != InstanceStatus::Inactive);
        usable.map(|i| ContainerInstance::clone(i)).ok_or(Refusal::TargetNotFound)
    }
}

fn targets(scope: &Scope, cluster: &ClusterName, attributes: &[Attribute]) -> Result<Vec<Target>, Refusal> {
    match attributes.len() {
        0 => return Err(Refusal::Empty("attributes")),
        n if n > ATTRIBUTES_MAX => {
            return Err(Refusal::TooMany { what: "attributes", most: ATTRIBUTES_MAX });
        }
        _ => {}
    }
    attributes.iter().map(|attribute| target(scope, cluster, attribute)).collect()
}

fn target(scope: &Scope, cluster: &ClusterName, attribute: &Attribute) -> Result<Target, Refusal> {
    let id = attribute.target_id.as_deref().filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| Refusal::parameter("The targetId of an attribute cannot be empty."))?;
    if attribute.target_type.is_none() && !id.starts_with("arn:") {
        let rule = "The targetType of an attribute has to be specified when its targetId is no ARN.";
        return Err(Refusal::parameter(rule));
    }
    let name = &attribute.name;
    check(name, attribute.value.as_deref())?;
    if is_built_in(name) {
        return Err(Refusal::parameter(format!(
            "The attribute '{name}' is built in: only the container agent sets it."
        )));
    }
    let instance = (scope.clone(), names::instance(scope, cluster, id)?);
    Ok(Target { instance, name: name.clone(), value: attribute.value.clone() })
}

/// Whether it is an attribute (ECS API Reference: Attribute).
pub(super) fn check(name: &str, value: Option<&str>) -> Result<(), Refusal> {
    if !names::is_attribute_name(name) {
        return Err(Refusal::parameter(format!("The attribute name '{name}' is invalid.")));
    }
    if let Some(value) = value {
        let valid = |c: char| c.is_ascii_alphanumeric() || "-_.@:/\\ ".contains(c);
        let spaced = value.starts_with(' ') || value.ends_with(' ');
        if value.is_empty() || value.len() > VALUE_LENGTH_MAX || spaced || !value.chars().all(valid) {
            return Err(Refusal::parameter(format!("The value of the attribute '{name}' is invalid.")));
        }
    }
    Ok(())
}

pub(super) fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|prefix| name.starts_with(prefix))
}
