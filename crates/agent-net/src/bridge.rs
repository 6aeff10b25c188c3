//! The bridge: all subnets' router.

use crate::config::HostNetworkConfig;
use crate::error::{HostError, OpenError, Step};
use crate::rtnl::Rtnl;
use rtnetlink::{LinkBridge, LinkUnspec};

/// Makes the bridge with all routers' addresses. Idempotent. Answers its index.
pub fn ensure(config: &HostNetworkConfig, host: &mut Rtnl) -> Result<u32, OpenError> {
    check_overlap(config, host)?;
    let name = &config.bridge;
    let look = || format!("look up the bridge {name}");
    let bridge = match host.link(name).step(look)? {
        Some(link) if link.mac == mac(config) => link,
        Some(_) => return Err(OpenError::ForeignBridge(name.clone())),
        None => {
            let bridge = LinkBridge::new(name).address(mac(config).to_vec());
            host.add_link(bridge.build()).step(|| format!("create the bridge {name}"))?;
            host.link(name).and_then(|link| link.ok_or(std::io::ErrorKind::NotFound.into())).step(look)?
        }
    };
    for (address, prefix_len) in &config.gateways {
        host.ensure_address(bridge.index, *address, *prefix_len)
            .step(|| format!("give {name} the address {address}/{prefix_len}"))?;
    }
    host.set_link(LinkUnspec::new_with_index(bridge.index).up().build()).step(|| format!("set {name} up"))?;
    Ok(bridge.index)
}

/// Locally administered, of the block's first address, which is no task's: by it the bridge is known as ours. Without
/// an address of its own a bridge takes the lowest one among its ports, a different one each time a task comes or
/// goes, and tasks would look for their router in vain.
fn mac(config: &HostNetworkConfig) -> [u8; 6] {
    let [a, b, c, d] = config.vpc_network.octets();
    [0x02, 0x77, a, b, c, d]
}

fn check_overlap(config: &HostNetworkConfig, host: &mut Rtnl) -> Result<(), OpenError> {
    let links = host.links().step(|| "list the interfaces".into())?;
    for address in host.addresses().step(|| "list the addresses".into())? {
        let Some(link) = links.iter().find(|link| link.index == address.link) else { continue };
        if link.name != config.bridge && config.overlaps_vpc(address.address, address.prefix_len) {
            return Err(OpenError::Overlap {
                interface: link.name.clone(),
                address: address.address,
                prefix_len: address.prefix_len,
                vpc: config.vpc_cidr(),
            });
        }
    }
    Ok(())
}

/// Removes the bridge when it is ours. Idempotent.
pub fn remove(config: &HostNetworkConfig, host: &mut Rtnl) -> Result<(), HostError> {
    let step = || format!("remove the bridge {}", config.bridge);
    match host.link(&config.bridge).step(step)? {
        Some(link) if link.mac == mac(config) => host.delete_link(link.index).step(step),
        _ => Ok(()),
    }
}
