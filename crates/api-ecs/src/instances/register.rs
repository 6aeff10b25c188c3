//! RegisterContainerInstance: what an agent calls when it starts.

use super::attributes::{check, is_built_in};
use crate::tasks::client_token;
use crate::{Ecs, Refusal, convert, lookup, names, tags};
use model::demand::held;
use model::instance::{
    ATTRIBUTE_ANY_ZONE, ATTRIBUTE_AUTO_SCALING_GROUP, ATTRIBUTE_AVAILABILITY_ZONE, ContainerInstance,
    InstanceStatus, Resources,
};
use model::task::Task;
use model::{ClusterName, InstanceId, Scope, Tags, Timestamp};
use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;
use store::State;
use wire::Cx;
use wire::ecs::{
    Attribute, PlatformDevice, RegisterContainerInstanceRequest, RegisterContainerInstanceResponse, Resource,
    VersionInfo,
};

/// What a registration says of the host.
struct Registration {
    instance: Option<InstanceId>,
    client_token: Option<String>,
    ec2_instance_id: Option<String>,
    version: VersionInfo,
    resources: Resources,
    attributes: BTreeMap<String, Option<String>>,
    tags: Option<Tags>,
}

impl Ecs {
    /// RegisterContainerInstance. An agent that names its instance gets it back, with what it says now; so does one that
    /// names none and sends a `clientToken` again, because the first answer was lost. Any other gets a new one.
    ///
    /// An instance that was deregistered, or that is not known at all, is refused by its name, which ends Amazon's
    /// agent: it would go on under the old name, and a new instance would stay without an agent. AWS refuses another
    /// instance type; here the host may change as long as what its tasks hold is there (INV-PLACE-1).
    pub(crate) async fn register_container_instance(
        &self,
        cx: &Cx,
        input: RegisterContainerInstanceRequest,
    ) -> Result<RegisterContainerInstanceResponse, Refusal> {
        let cluster = names::cluster(&cx.scope, input.cluster.as_deref())?;
        let registration = Registration::parse(&cx.scope, &cluster, input)?;
        let (now, fresh) = (self.clock.now(), InstanceId::from(self.ids.hex32()));
        self.store
            .commit(|tx| {
                lookup::active_cluster(tx, &cx.scope, &cluster)?;
                let known = registration.known(tx, &cx.scope, &cluster)?.cloned();
                let before = known.as_deref();
                let after = match before {
                    Some(before) => registration.renew(before),
                    None => registration.create(fresh, &cx.scope, &cluster, now),
                };
                check_room(&after, tx.active_tasks_on(&after.id))?;
                if before != Some(&after) {
                    let version = after.version + u64::from(before.is_some());
                    tx.put(ContainerInstance { version, ..after.clone() });
                }
                let stored = tx.instance(&cx.scope, &after.id).ok_or(Refusal::InstanceNotFound)?;
                let shown = convert::instance(tx, stored, true);
                Ok(RegisterContainerInstanceResponse { container_instance: Some(shown) })
            })
            .await
    }
}

impl Registration {
    fn parse(
        scope: &Scope,
        cluster: &ClusterName,
        input: RegisterContainerInstanceRequest,
    ) -> Result<Registration, Refusal> {
        let document = Document::parse(input.instance_identity_document.as_deref());
        let mut attributes = attributes(input.attributes.unwrap_or_default())?;
        if let Entry::Vacant(zone) = attributes.entry(ATTRIBUTE_AVAILABILITY_ZONE.to_owned()) {
            let is_named = document.availability_zone.is_some();
            zone.insert(document.availability_zone.or_else(|| Some(format!("{}a", scope.region))));
            if !is_named {
                attributes.insert(ATTRIBUTE_ANY_ZONE.to_owned(), None);
            }
        }
        let arn = input.container_instance_arn.filter(|a| !a.is_empty());
        Ok(Registration {
            instance: arn.map(|arn| names::instance(scope, cluster, &arn)).transpose()?,
            client_token: client_token(input.client_token)?,
            ec2_instance_id: document.instance_id,
            version: input.version_info.unwrap_or_default(),
            resources: Resources {
                gpus: gpus(input.platform_devices.unwrap_or_default()),
                ..resources(&input.total_resources.unwrap_or_default())?
            },
            attributes,
            tags: input.tags.map(|t| tags::parse(Some(t))).transpose()?,
        })
    }

    /// The instance that the agent names, or that it registered with the same token.
    fn known<'a>(
        &self,
        state: &'a State,
        scope: &Scope,
        cluster: &ClusterName,
    ) -> Result<Option<&'a Arc<ContainerInstance>>, Refusal> {
        let is_here =
            |i: &&Arc<ContainerInstance>| i.cluster == *cluster && i.status != InstanceStatus::Inactive;
        match (&self.instance, &self.client_token) {
            (Some(id), _) => {
                let named = state.instance(scope, id).filter(is_here);
                named.map(Some).ok_or_else(|| Refusal::InstanceInactive(id.clone()))
            }
            (None, Some(token)) => {
                let mut here = state.instances(scope, cluster).filter(is_here);
                Ok(here.find(|i| i.client_token.as_ref() == Some(token)))
            }
            (None, None) => Ok(None),
        }
    }

    fn create(
        self,
        id: InstanceId,
        scope: &Scope,
        cluster: &ClusterName,
        now: Timestamp,
    ) -> ContainerInstance {
        ContainerInstance {
            scope: scope.clone(),
            cluster: cluster.clone(),
            id,
            status: InstanceStatus::Active,
            agent_connected: false,
            connection_changed_at: None,
            agent_version: self.version.agent_version.unwrap_or_default(),
            agent_hash: self.version.agent_hash.unwrap_or_default(),
            docker_version: self.version.docker_version.unwrap_or_default(),
            ec2_instance_id: self.ec2_instance_id,
            registered: self.resources,
            attributes: self.attributes,
            tags: self.tags.unwrap_or_default(),
            client_token: self.client_token,
            registered_at: now,
            deregistered_at: None,
            runtime_health: None,
            timeline: 0,
            version: 1,
        }
    }

    /// Agents send custom attributes at their first registration only, so known ones stay. Built-in ones they send each
    /// time: one that is absent is a capability that is gone, and would bring tasks that the agent cannot run. To an
    /// official agent the Auto Scaling group is a custom one. A zone that its owner named once stays until another is named.
    fn renew(mut self, known: &ContainerInstance) -> ContainerInstance {
        let was_named = known.zone().is_some();
        if was_named && self.attributes.remove(ATTRIBUTE_ANY_ZONE).is_some() {
            self.attributes.remove(ATTRIBUTE_AVAILABILITY_ZONE);
        }
        let kept = [ATTRIBUTE_AUTO_SCALING_GROUP, ATTRIBUTE_AVAILABILITY_ZONE];
        let mut attributes = known.attributes.clone();
        attributes.retain(|name, _| !is_built_in(name) || kept.contains(&name.as_str()));
        attributes.extend(self.attributes);
        ContainerInstance {
            registered: self.resources,
            attributes,
            ec2_instance_id: self.ec2_instance_id.or_else(|| known.ec2_instance_id.clone()),
            agent_version: self.version.agent_version.unwrap_or_else(|| known.agent_version.clone()),
            agent_hash: self.version.agent_hash.unwrap_or_else(|| known.agent_hash.clone()),
            docker_version: self.version.docker_version.unwrap_or_else(|| known.docker_version.clone()),
            tags: self.tags.unwrap_or_else(|| known.tags.clone()),
            ..known.clone()
        }
    }
}

/// Whether what the tasks on the instance hold is there.
fn check_room<'a>(
    instance: &ContainerInstance,
    tasks: impl Iterator<Item = &'a Arc<Task>>,
) -> Result<(), Refusal> {
    let held = held(tasks.map(|task| &**task));
    let has = &instance.registered;
    let fits = held.cpu_units <= has.cpu_units
        && held.memory_mib <= has.memory_mib
        && held.ports_tcp.is_disjoint(&has.ports_tcp)
        && held.ports_udp.is_disjoint(&has.ports_udp)
        && held.gpus.is_subset(&has.gpus);
    if fits { Ok(()) } else { Err(Refusal::InstanceTooSmall(instance.id.clone())) }
}

/// What is of use in the identity document; agents outside EC2 send an empty one.
#[derive(Default)]
struct Document {
    instance_id: Option<String>,
    availability_zone: Option<String>,
}

impl Document {
    fn parse(text: Option<&str>) -> Self {
        let json: serde_json::Value = text.and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
        let member = |name: &str| Some(json.get(name)?.as_str()?.to_owned()).filter(|v| !v.is_empty());
        Self { instance_id: member("instanceId"), availability_zone: member("availabilityZone") }
    }
}

/// Custom ones are held to the same rules as those of PutAttributes; what is built in, the agent's maker answers for.
fn attributes(attributes: Vec<Attribute>) -> Result<BTreeMap<String, Option<String>>, Refusal> {
    let checked = attributes.into_iter().map(|Attribute { name, value, .. }| {
        let value = value.filter(|value| !value.is_empty());
        if !is_built_in(&name) {
            check(&name, value.as_deref())?;
        }
        Ok((name, value))
    });
    checked.collect()
}

/// CPU, memory and the reserved ports; of the values of each, `type` says which counts.
fn resources(resources: &[Resource]) -> Result<Resources, Refusal> {
    let mut registered = Resources::default();
    for resource in resources {
        match resource.name.as_deref().unwrap_or_default() {
            "CPU" => registered.cpu_units = number(resource)?,
            "MEMORY" => registered.memory_mib = number(resource)?,
            "PORTS" => registered.ports_tcp = ports(resource)?,
            "PORTS_UDP" => registered.ports_udp = ports(resource)?,
            other => return Err(Refusal::unsupported(&format!("the resource '{other}'"))),
        }
    }
    Ok(registered)
}

/// The ids of `platformDevices`, which are GPUs: ECS knows no other type.
fn gpus(devices: Vec<PlatformDevice>) -> BTreeSet<String> {
    devices.into_iter().map(|device| device.id).collect()
}

fn number(resource: &Resource) -> Result<u32, Refusal> {
    let value = u32::try_from(resource.integer_value.unwrap_or(0)).ok();
    value.filter(|_| has_type(resource, "INTEGER")).ok_or_else(|| invalid(resource))
}

fn ports(resource: &Resource) -> Result<BTreeSet<u16>, Refusal> {
    let ports = resource.string_set_value.iter().flatten().map(|text| text.parse::<u16>().ok());
    let ports = ports.collect::<Option<_>>().filter(|_| has_type(resource, "STRINGSET"));
    ports.ok_or_else(|| invalid(resource))
}

fn has_type(resource: &Resource, expected: &str) -> bool {
    resource.r#type.as_deref().is_none_or(|given| given == expected)
}

fn invalid(resource: &Resource) -> Refusal {
    let name = resource.name.as_deref().unwrap_or_default();
    Refusal::parameter(format!("Invalid value for the resource {name}."))
}
