//! Task networks: namespaces, veth pairs, the bridge and NAT
