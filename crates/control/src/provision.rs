//! Provisioning: tasks in awsvpc mode get their network interface.

use crate::address::plan_addresses;
use crate::controller::Controller;
use crate::plan::{Change, Plan, TASKS_PER_PLAN_MAX};
use core_task::report::{apply_placed, apply_stop};
use model::network::{DefaultVpc, Eni, Subnet, mac_for};
use model::task::{EniAttachment, Interface, StopCode, Task};
use model::time::IdSource;
use model::{SubnetId, Timestamp};
use std::net::Ipv4Addr;
use std::sync::Arc;
use store::{Queue, State};

/// PROVISIONING → PENDING for every task that has a host and gets an address; the end for those that get none.
pub(crate) struct Provision {
    pub(crate) ids: Arc<dyn IdSource>,
}

impl Controller for Provision {
    fn name(&self) -> &'static str {
        "provision"
    }

    fn is_due(&self, state: &State, _: Timestamp) -> bool {
        state.queue_len(Queue::Provisioning) > 0
    }

    fn plan(&self, state: &State, now: Timestamp) -> Plan {
        plan_provision(state, self.ids.as_ref(), now)
    }
}

/// The PROVISIONING tasks that have a host, the oldest first. The interface's row and the task's record are written
/// together; its attachment is CREATED then, ATTACHING when the agent has accepted the task, ATTACHED when the agent
/// says that it runs.
pub fn plan_provision(state: &State, ids: &dyn IdSource, now: Timestamp) -> Plan {
    let waiting = state.queue(Queue::Provisioning).map(|t| t.as_ref());
    let tasks: Vec<&Task> = waiting.filter(|t| t.instance.is_some()).take(TASKS_PER_PLAN_MAX).collect();
    let requests: Vec<Vec<Subnet>> = tasks.iter().map(|task| subnets_of(state, task)).collect();
    let last = |network| state.setting(&cursor_name(network)).and_then(|text| text.parse().ok());
    let addresses = plan_addresses(&requests, |address| state.eni(address).is_some(), last);

    let mut plan = Plan::default();
    for ((task, subnets), grant) in tasks.into_iter().zip(&requests).zip(addresses.grants) {
        let mut after = task.clone();
        match (&task.eni, grant, &task.instance) {
            (Some(attachment), Some(grant), Some(instance)) => {
                let eni = interface_row(task, attachment, &grant.subnet.id, grant.address, ids);
                let (id, mac) = (eni.id.clone(), eni.mac.clone());
                let interface = Interface { eni: id, subnet: grant.subnet.id, address: grant.address, mac };
                apply_placed(&mut after, instance.clone(), Some(interface));
                plan.push(Change::PutEni(eni), "the task was placed");
                plan.push(Change::PutTask(Box::new(after)), "it has an interface");
            }
            (Some(attachment), None, _) => {
                let reason = no_address(attachment, subnets);
                apply_stop(&mut after, StopCode::TaskFailedToStart, Some(&reason), now);
                plan.push(Change::PutTask(Box::new(after)), "no address is left");
            }
            (None, _, Some(instance)) => {
                apply_placed(&mut after, instance.clone(), None);
                plan.push(Change::PutTask(Box::new(after)), "it needs no interface");
            }
            (_, _, None) => {}
        }
    }
    for (network, last) in addresses.cursors {
        plan.push(Change::SetSetting(cursor_name(network), last.to_string()), "addresses go round");
    }
    plan
}

/// Where the task's interface may be, on the host that it has.
fn subnets_of(state: &State, task: &Task) -> Vec<Subnet> {
    let Some(attachment) = &task.eni else { return Vec::new() };
    let host = task.instance.as_ref().and_then(|id| state.instance_by_id(id));
    let vpc = DefaultVpc::of(&task.scope);
    let near = vpc.subnets_near(&attachment.subnets, host.and_then(|host| host.zone()));
    near.into_iter().cloned().collect()
}

fn interface_row(
    task: &Task,
    attachment: &EniAttachment,
    subnet: &SubnetId,
    address: Ipv4Addr,
    ids: &dyn IdSource,
) -> Eni {
    Eni {
        scope: task.scope.clone(),
        id: ids.ec2("eni").into(),
        subnet: subnet.clone(),
        address,
        mac: mac_for(address),
        security_groups: attachment.security_groups.clone(),
        task: task.id.clone(),
    }
}

/// ECS's words (Amazon ECS: stopped tasks error messages, resource initialization errors).
fn no_address(attachment: &EniAttachment, subnets: &[Subnet]) -> String {
    let public = if attachment.assign_public_ip { "enabled" } else { "disabled" };
    let subnet = subnets.first().map(|subnet| &subnet.id).or(attachment.subnets.first());
    let subnet = subnet.map_or("", SubnetId::as_str);
    format!(
        "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment {public} in \
         subnet '{subnet}': InsufficientFreeAddressesInSubnet"
    )
}

fn cursor_name(network: Ipv4Addr) -> String {
    format!("network.last-address.{network}")
}
