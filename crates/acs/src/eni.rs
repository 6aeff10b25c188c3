//! The elastic network interface of an awsvpc task, as the agent is told of it.

use serde::{Deserialize, Serialize};

/// `elasticNetworkInterfaces[]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ElasticNetworkInterface {
    /// The interface's id, `eni-…`.
    pub ec2_id: String,
    /// Its MAC address.
    pub mac_address: String,
    /// The task's attachment, whose state the agent reports.
    #[serde(default)]
    pub attachment_arn: String,
    /// Its addresses; the primary one first.
    #[serde(default)]
    pub ipv4_addresses: Vec<Ipv4AddressAssignment>,
    /// The router with the subnet's prefix length: `172.31.0.1/20`. Exactly one slash.
    pub subnet_gateway_ipv4_address: String,
    /// Name servers; none means the host's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domain_name_servers: Vec<String>,
    /// Search domains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domain_name: Vec<String>,
    /// `ip-172-31-0-5.ec2.internal`; the host name of the task's containers.
    #[serde(default)]
    pub private_dns_name: String,
    /// `default`: an interface of its own.
    #[serde(default)]
    pub interface_association_protocol: String,
    /// Position among the task's interfaces.
    #[serde(default)]
    pub index: i64,
}

/// One address of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ipv4AddressAssignment {
    /// Whether it is the interface's first.
    #[serde(default)]
    pub primary: bool,
    /// Dotted.
    pub private_address: String,
}
