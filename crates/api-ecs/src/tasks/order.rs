//! What one RunTask asks for, read but not yet held against the cluster and the definition.

use super::network::{self, Network};
use super::overrides;
use super::placement::Placement;
use crate::account_settings;
use crate::capacity::{CapacityRefusal, parse_strategy};
use crate::names::{self, DefinitionName};
use crate::{Refusal, lookup, tags};
use model::account_setting::{BLOCKING, DEFAULT_LOG_DRIVER_MODE};
use model::placement::CapacityProviderStrategyItem;
use model::task::{ClientRequest, Overrides};
use model::task_definition::{LaunchType, TaskDefinition, TaskDefinitionStatus};
use model::{ClusterName, Scope, Tags};
use serde::{Serialize, Serializer};
use std::sync::Arc;
use store::State;
use wire::Cx;
use wire::ecs::{self, PropagateTags, RunTaskRequest, StartTaskRequest};

/// Tasks of one RunTask (ECS API Reference: RunTask).
const COUNT: std::ops::RangeInclusive<i32> = 1..=10;
/// The longest `startedBy`, and the longest `clientToken`.
const STARTED_BY_LEN_MAX: usize = 128;
const CLIENT_TOKEN_LEN_MAX: usize = 64;

/// A RunTask: names resolved and defaults filled in, so that orders that mean the same are the same.
#[derive(Clone, Serialize)]
pub(super) struct Order {
    pub scope: Scope,
    pub cluster: ClusterName,
    pub definition: DefinitionName,
    pub count: u32,
    /// EC2 when absent, as far as orders are compared: it was always so.
    #[serde(serialize_with = "or_ec2")]
    pub launch_type: Option<LaunchType>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub strategy: Vec<CapacityProviderStrategyItem>,
    #[serde(skip_serializing_if = "Placement::is_empty")]
    pub placement: Placement,
    pub group: String,
    pub started_by: Option<String>,
    pub overrides: Overrides,
    pub network: Option<Network>,
    tags: Tags,
    propagate_tags: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    managed_tags: bool,
    /// There is one, so it makes no difference which name it is called by.
    #[serde(skip)]
    platform_version: Option<String>,
    /// Who asks.
    #[serde(skip)]
    caller_arn: String,
    /// The request as its tasks remember it.
    #[serde(skip)]
    pub client_request: Option<ClientRequest>,
    /// The caller's account setting.
    #[serde(skip)]
    pub logs_block_by_default: bool,
}

impl Order {
    /// Reads a request.
    pub fn parse(cx: &Cx, input: RunTaskRequest) -> Result<Order, Refusal> {
        let scope = &cx.scope;
        let launch_type = input.launch_type.map(launch_type).transpose()?;
        let strategy = parse_strategy(scope, input.capacity_provider_strategy)?;
        if launch_type.is_some() && !strategy.is_empty() {
            return Err(CapacityRefusal::StrategyAndLaunchType.into());
        }
        let count = input.count.unwrap_or(1);
        if !COUNT.contains(&count) {
            return Err(Refusal::parameter("count should be between 1 and 10."));
        }
        check_word("startedBy", input.started_by.as_deref(), STARTED_BY_LEN_MAX, "-/_")?;
        let token = client_token(input.client_token)?;
        check_length("group", input.group.as_deref(), 255)?;
        let definition = names::definition(scope, &input.task_definition)?;
        let group = input.group.filter(|g| !g.is_empty());
        if group.as_deref().is_some_and(|group| group.starts_with("service:")) {
            return Err(Refusal::parameter(
                "The group of a task that no service runs cannot begin with 'service:'.",
            ));
        }
        let mut order = Order {
            scope: scope.clone(),
            cluster: names::cluster(scope, input.cluster.as_deref())?,
            count: count.unsigned_abs(),
            launch_type,
            strategy,
            placement: Placement::parse(input.placement_constraints, input.placement_strategy)?,
            group: group.unwrap_or_else(|| format!("family:{}", definition.family)),
            started_by: input.started_by,
            overrides: overrides::parse(input.overrides)?,
            network: network::parse(scope, input.network_configuration)?,
            tags: tags::parse(input.tags)?,
            propagate_tags: propagate_tags(input.propagate_tags)?,
            definition,
            managed_tags: input.enable_ecs_managed_tags.unwrap_or(false),
            platform_version: input.platform_version.filter(|version| !version.is_empty()),
            caller_arn: cx.caller_arn.clone(),
            client_request: None,
            logs_block_by_default: false,
        };
        order.client_request = token.map(|token| ClientRequest { token, fingerprint: order.fingerprint() });
        Ok(order)
    }

    /// Reads a StartTask: it is a RunTask of the EC2 launch type whose instances are for the caller of this to know.
    pub fn parse_start(cx: &Cx, input: StartTaskRequest) -> Result<Order, Refusal> {
        let order = RunTaskRequest {
            cluster: input.cluster,
            enable_ecs_managed_tags: input.enable_ecs_managed_tags,
            group: input.group,
            launch_type: Some(ecs::LaunchType::Ec2),
            network_configuration: input.network_configuration,
            overrides: input.overrides,
            propagate_tags: input.propagate_tags,
            started_by: input.started_by,
            tags: input.tags,
            task_definition: input.task_definition,
            ..RunTaskRequest::default()
        };
        Self::parse(cx, order)
    }

    /// Looks up what the caller's account settings add.
    pub fn read_settings(&mut self, state: &State) {
        let mode = account_settings::effective(state, &self.scope, &self.caller_arn, DEFAULT_LOG_DRIVER_MODE);
        self.logs_block_by_default = mode == Some(BLOCKING);
    }

    /// The definition, if tasks may still be run of it.
    pub fn definition(&self, state: &State) -> Result<Arc<TaskDefinition>, Refusal> {
        let found = lookup::definition(state, &self.scope, &self.definition);
        let definition = found.ok_or(Refusal::DefinitionNotFound)?;
        match definition.status {
            TaskDefinitionStatus::Active => Ok(definition.clone()),
            TaskDefinitionStatus::Inactive | TaskDefinitionStatus::DeleteInProgress => {
                Err(Refusal::DefinitionInactive)
            }
        }
    }

    /// Holds the order against the definition and what its tasks are to run on.
    pub fn check(&self, definition: &TaskDefinition, launch_type: LaunchType) -> Result<(), Refusal> {
        check_platform(launch_type, self.platform_version.as_deref())?;
        self.placement.check(definition, launch_type)?;
        if !definition.compatibilities.contains(&launch_type) {
            let message = format!("Task definition does not support launch_type {}.", launch_type.as_str());
            return Err(Refusal::parameter(message));
        }
        network::check(self.network.as_ref(), definition.network_mode, launch_type)?;
        overrides::check(&self.overrides, definition, launch_type)
    }

    /// The tags of the tasks: the definition's when they are to be propagated, and the order's own over them.
    pub fn tags(&self, definition: &TaskDefinition) -> Result<Tags, Refusal> {
        let mut tags = if self.propagate_tags { definition.tags.clone() } else { Tags::new() };
        tags.extend(self.tags.clone());
        let mut tags = tags::check_count(tags)?;
        if self.managed_tags {
            // They do not count against the limit (Amazon ECS Developer Guide: managed tags).
            tags.insert("aws:ecs:clusterName".to_owned(), self.cluster.to_string());
        }
        Ok(tags)
    }

    /// A digest of the whole order. It is kept with the tasks, so a member that is added must be skipped while it has
    /// its default: an order must have the same digest before and after an upgrade.
    fn fingerprint(&self) -> String {
        let canonical = serde_json::to_vec(self).expect("plain values in memory always serialise");
        wire::sigv4::sha256_hex(&canonical)
    }
}

fn launch_type(launch_type: ecs::LaunchType) -> Result<LaunchType, Refusal> {
    match launch_type {
        ecs::LaunchType::Ec2 => Ok(LaunchType::Ec2),
        ecs::LaunchType::Fargate => Ok(LaunchType::Fargate),
        ecs::LaunchType::External => Err(Refusal::unsupported("launchType EXTERNAL")),
        ecs::LaunchType::ManagedInstances => Err(Refusal::unsupported("launchType MANAGED_INSTANCES")),
    }
}

fn or_ec2<S: Serializer>(launch_type: &Option<LaunchType>, serializer: S) -> Result<S::Ok, S::Error> {
    launch_type.unwrap_or(LaunchType::Ec2).serialize(serializer)
}

fn check_platform(launch_type: LaunchType, version: Option<&str>) -> Result<(), Refusal> {
    match (launch_type, version) {
        (_, None) | (LaunchType::Fargate, Some("LATEST" | "1.4.0")) => Ok(()),
        (LaunchType::Fargate, Some(_)) => Err(Refusal::PlatformUnknown),
        (LaunchType::Ec2 | LaunchType::External, Some(_)) => {
            Err(Refusal::parameter("The platform version must be null when specifying an EC2 launch type."))
        }
    }
}

fn propagate_tags(from: Option<PropagateTags>) -> Result<bool, Refusal> {
    match from {
        Some(PropagateTags::TaskDefinition) => Ok(true),
        Some(PropagateTags::None) | None => Ok(false),
        Some(PropagateTags::Service) => Err(Refusal::parameter(
            "propagateTags should be one of [TASK_DEFINITION,NONE] when running a task.",
        )),
    }
}

/// ASCII without spaces (ECS API Reference: Ensuring idempotency).
pub(crate) fn client_token(token: Option<String>) -> Result<Option<String>, Refusal> {
    check_length("clientToken", token.as_deref(), CLIENT_TOKEN_LEN_MAX)?;
    match token.filter(|t| !t.is_empty()) {
        Some(token) if !token.bytes().all(|b| b.is_ascii_graphic()) => {
            Err(Refusal::parameter("clientToken contains invalid characters."))
        }
        token => Ok(token),
    }
}

fn check_word(member: &str, text: Option<&str>, most: usize, besides: &str) -> Result<(), Refusal> {
    check_length(member, text, most)?;
    let valid = |c: char| c.is_ascii_alphanumeric() || besides.contains(c);
    match text {
        Some(text) if !text.chars().all(valid) => {
            Err(Refusal::parameter(format!("{member} contains invalid characters.")))
        }
        _ => Ok(()),
    }
}

fn check_length(member: &str, text: Option<&str>, most: usize) -> Result<(), Refusal> {
    match text {
        Some(text) if text.chars().count() > most => {
            Err(Refusal::parameter(format!("{member} can have at most {most} characters.")))
        }
        _ => Ok(()),
    }
}
