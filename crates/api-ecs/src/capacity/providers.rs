//! CreateCapacityProvider and UpdateCapacityProvider.
//!
//! An Auto Scaling group is a name that container instances registered with (`wharf.auto-scaling-group`). Nothing here
//! starts or ends hosts, so managed scaling, managed termination protection and managed draining can be off only.

use super::CapacityRefusal;
use crate::{Ecs, Refusal, convert, lookup, names, tags};
use model::Scope;
use model::arn::Arn;
use model::capacity_provider::{CapacityProvider, ManagedScaling, Update, is_built_in};
use wire::Cx;
use wire::ecs::{
    self, AutoScalingGroupProvider, AutoScalingGroupProviderUpdate, CreateCapacityProviderRequest,
    CreateCapacityProviderResponse, ManagedDraining, ManagedScalingStatus, ManagedTerminationProtection,
    UpdateCapacityProviderRequest, UpdateCapacityProviderResponse,
};

/// What no capacity provider's name begins with, in whatever case.
const RESERVED: [&str; 3] = ["aws", "ecs", "fargate"];
/// The longest name of an Auto Scaling group (Amazon EC2 Auto Scaling API Reference: CreateAutoScalingGroup).
const GROUP_LENGTH_MAX: usize = 255;

impl Ecs {
    /// CreateCapacityProvider: ACTIVE at once, for there is no Auto Scaling group to be prepared.
    pub(crate) async fn create_capacity_provider(
        &self,
        cx: &Cx,
        input: CreateCapacityProviderRequest,
    ) -> Result<CreateCapacityProviderResponse, Refusal> {
        let lower = input.name.to_ascii_lowercase();
        if !names::is_name(&input.name) || RESERVED.iter().any(|reserved| lower.starts_with(reserved)) {
            return Err(CapacityRefusal::ProviderNameInvalid.into());
        }
        let group = input.auto_scaling_group_provider.ok_or(Refusal::Empty("autoScalingGroupProvider"))?;
        check_unmanaged(group.managed_termination_protection.as_ref(), group.managed_draining.as_ref())?;
        let provider = CapacityProvider {
            scope: cx.scope.clone(),
            name: input.name,
            managed_scaling: managed_scaling(ManagedScaling::default(), group.managed_scaling.as_ref())?,
            auto_scaling_group_arn: auto_scaling_group_arn(&cx.scope, group)?,
            last_update: None,
            tags: tags::parse(input.tags)?,
        };
        let shown = convert::capacity_provider(&provider, true);
        self.store
            .commit(|tx| {
                if tx.capacity_provider(&provider.scope, &provider.name).is_some() {
                    return Err(CapacityRefusal::ProviderExists.into());
                }
                let group = provider.auto_scaling_group();
                if tx.capacity_providers(&provider.scope).any(|other| other.auto_scaling_group() == group) {
                    return Err(CapacityRefusal::AutoScalingGroupInUse.into());
                }
                tx.put(provider);
                Ok(CreateCapacityProviderResponse { capacity_provider: Some(shown) })
            })
            .await
    }

    /// UpdateCapacityProvider: what the request says of managed scaling, and nothing else.
    pub(crate) async fn update_capacity_provider(
        &self,
        cx: &Cx,
        input: UpdateCapacityProviderRequest,
    ) -> Result<UpdateCapacityProviderResponse, Refusal> {
        let name = names::capacity_provider(&cx.scope, &input.name)?;
        if is_built_in(&name) {
            return Err(CapacityRefusal::ProviderReserved.into());
        }
        let AutoScalingGroupProviderUpdate {
            managed_draining,
            managed_scaling: asked,
            managed_termination_protection,
        } = input.auto_scaling_group_provider.unwrap_or_default();
        check_unmanaged(managed_termination_protection.as_ref(), managed_draining.as_ref())?;
        self.store
            .commit(|tx| {
                let mut provider = CapacityProvider::clone(lookup::capacity_provider(tx, &cx.scope, &name)?);
                provider.managed_scaling = managed_scaling(provider.managed_scaling, asked.as_ref())?;
                provider.last_update = Some(Update::Completed);
                let shown = convert::capacity_provider(&provider, true);
                tx.put(provider);
                Ok(UpdateCapacityProviderResponse { capacity_provider: Some(shown) })
            })
            .await
    }
}

/// `before` with what is asked for laid over it. Numbers are within their bounds: the model has them.
fn managed_scaling(
    before: ManagedScaling,
    asked: Option<&ecs::ManagedScaling>,
) -> Result<ManagedScaling, Refusal> {
    let Some(asked) = asked else { return Ok(before) };
    if asked.status == Some(ManagedScalingStatus::Enabled) {
        return Err(Refusal::unsupported("managedScaling.status ENABLED"));
    }
    let number = |asked: Option<i32>, before: u32| asked.map_or(before, i32::unsigned_abs);
    let after = ManagedScaling {
        target_percent: number(asked.target_capacity, before.target_percent),
        step_min: number(asked.minimum_scaling_step_size, before.step_min),
        step_max: number(asked.maximum_scaling_step_size, before.step_max),
        warmup_secs: number(asked.instance_warmup_period, before.warmup_secs),
    };
    match after.step_min > after.step_max {
        true => {
            Err(Refusal::parameter("minimumScalingStepSize cannot be greater than maximumScalingStepSize."))
        }
        false => Ok(after),
    }
}

fn check_unmanaged(
    protection: Option<&ManagedTerminationProtection>,
    draining: Option<&ManagedDraining>,
) -> Result<(), Refusal> {
    if protection == Some(&ManagedTerminationProtection::Enabled) {
        return Err(Refusal::unsupported("managedTerminationProtection ENABLED"));
    }
    match draining {
        Some(ManagedDraining::Enabled) => Err(Refusal::unsupported("managedDraining ENABLED")),
        Some(ManagedDraining::Disabled) | None => Ok(()),
    }
}

/// An ARN of the caller's account and region, or a group's name.
fn auto_scaling_group_arn(scope: &Scope, group: AutoScalingGroupProvider) -> Result<String, Refusal> {
    let text = group.auto_scaling_group_arn;
    let name = match text.starts_with("arn:") {
        true => {
            let arn = Arn::parse(&text).filter(|arn| arn.service == "autoscaling" && arn.scope == *scope);
            arn.and_then(|arn| {
                arn.resource.split_once(":autoScalingGroupName/").map(|(_, name)| name.to_owned())
            })
        }
        false => Some(text.clone()),
    };
    let is_name = |name: &String| {
        (1..=GROUP_LENGTH_MAX).contains(&name.chars().count())
            && !name.contains(|c: char| c.is_control() || c == ':')
    };
    match name.filter(is_name) {
        Some(_) => Ok(text),
        None => Err(CapacityRefusal::AutoScalingGroupInvalid.into()),
    }
}
