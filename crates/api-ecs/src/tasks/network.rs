//! `networkConfiguration` of RunTask: where the interface of an awsvpc task may be.

use crate::Refusal;
use model::network::DefaultVpc;
use model::task::{AttachmentStatus, EniAttachment};
use model::task_definition::{LaunchType, NetworkMode};
use model::{AttachmentId, Scope, SecurityGroupId, SubnetId};
use serde::Serialize;
use wire::ecs::{AssignPublicIp, NetworkConfiguration};

/// The most subnets and security groups (ECS API Reference: `AwsVpcConfiguration`).
const SUBNETS_MAX: usize = 16;
const SECURITY_GROUPS_MAX: usize = 5;

/// The caller's choice; every subnet and group in it exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Network {
    subnets: Vec<SubnetId>,
    security_groups: Vec<SecurityGroupId>,
    assign_public_ip: bool,
}

/// Reads the choice and looks up what it names; the default security group when it names none.
pub(super) fn parse(
    scope: &Scope,
    network: Option<NetworkConfiguration>,
) -> Result<Option<Network>, Refusal> {
    let Some(choice) = network.and_then(|n| n.awsvpc_configuration) else { return Ok(None) };
    let vpc = DefaultVpc::of(scope);
    let groups = choice.security_groups.unwrap_or_default();
    check_count("subnets", choice.subnets.len(), 1, SUBNETS_MAX)?;
    check_count("securityGroups", groups.len(), 0, SECURITY_GROUPS_MAX)?;
    let subnets = choice.subnets.into_iter().map(SubnetId::from).map(|id| match vpc.subnet(&id) {
        Some(_) => Ok(id),
        None => Err(Refusal::parameter(format!(
            "Error retrieving subnet information for [{id}]: The subnet ID '{id}' does not exist \
             (ErrorCode: InvalidSubnetID.NotFound)"
        ))),
    });
    let groups = groups.into_iter().map(SecurityGroupId::from).map(|id| match id == vpc.security_group {
        true => Ok(id),
        false => Err(Refusal::parameter(format!(
            "Error retrieving security group information for [{id}]: The security group '{id}' does not exist \
             (ErrorCode: InvalidGroup.NotFound)"
        ))),
    });
    let subnets = subnets.collect::<Result<_, _>>()?;
    let mut security_groups = groups.collect::<Result<Vec<_>, _>>()?;
    if security_groups.is_empty() {
        security_groups.push(vpc.security_group);
    }
    let assign_public_ip = choice.assign_public_ip == Some(AssignPublicIp::Enabled);
    Ok(Some(Network { subnets, security_groups, assign_public_ip }))
}

/// Whether the choice fits how the task is networked.
pub(super) fn check(
    network: Option<&Network>,
    mode: NetworkMode,
    launch_type: LaunchType,
) -> Result<(), Refusal> {
    match (network, mode == NetworkMode::Awsvpc) {
        (None, true) => Err(Refusal::parameter(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        )),
        (Some(_), false) => Err(Refusal::parameter(
            "Network Configuration is not valid for the given networkMode of this task definition.",
        )),
        (Some(network), true) if network.assign_public_ip && launch_type == LaunchType::Ec2 => {
            Err(Refusal::parameter("Assign public IP is not supported for this launch type."))
        }
        _ => Ok(()),
    }
}

impl Network {
    /// Zones of the VPC whose instances cannot take the tasks.
    pub fn zones_without_subnet(&self, scope: &Scope) -> Vec<String> {
        DefaultVpc::of(scope).zones_without(&self.subnets)
    }

    /// The attachment of a new task, without an interface yet. `turn` spreads the tasks of a cluster over the subnets.
    pub fn attachment(&self, id: AttachmentId, turn: u128) -> EniAttachment {
        let mut subnets = self.subnets.clone();
        let first = turn % subnets.len() as u128;
        subnets.rotate_left(first as usize);
        EniAttachment {
            id,
            subnets,
            security_groups: self.security_groups.clone(),
            interface: None,
            assign_public_ip: self.assign_public_ip,
            status: AttachmentStatus::Precreated,
        }
    }
}

fn check_count(what: &'static str, n: usize, least: usize, most: usize) -> Result<(), Refusal> {
    match n {
        n if n < least => Err(Refusal::parameter(format!("{what} can not be empty."))),
        n if n > most => Err(Refusal::TooMany { what, most }),
        _ => Ok(()),
    }
}
