//! A container's network.

/// One of `Networks`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkView {
    /// `awsvpc`, `bridge`, `host` or `none`.
    pub network_mode: String,
    /// Its IPv4 addresses; none in the host's network.
    pub ipv4_addresses: Vec<String>,
    /// Its IPv6 addresses.
    pub ipv6_addresses: Vec<String>,
    /// Its interface of the VPC; `None` unless the mode is awsvpc.
    pub interface: Option<InterfaceView>,
}

/// What version 4 tells of an interface of the VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceView {
    /// `AttachmentIndex`: 0 for the only one.
    pub attachment_index: u32,
    /// `MACAddress`.
    pub mac_address: String,
    /// `IPv4SubnetCIDRBlock`: `10.0.2.0/24`.
    pub ipv4_subnet: String,
    /// `DomainNameServers`.
    pub dns_servers: Vec<String>,
    /// `DomainNameSearchList`.
    pub dns_search: Vec<String>,
    /// `PrivateDNSName`.
    pub private_dns_name: String,
    /// `SubnetGatewayIpv4Address`: `10.0.2.1/24`.
    pub gateway: String,
}
