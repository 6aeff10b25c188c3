//! The interface that carries the routers' addresses and the metadata endpoint's. It is a bridge without ports: the
//! one kind of interface of no wire that every kernel with containers has.

use crate::ENDPOINT_ADDRESS;
use crate::config::{Block, HostNetworkConfig};
use crate::error::{HostError, OpenError, Step};
use crate::rtnl::{AddressScope, Link, Rtnl};
use rtnetlink::{LinkBridge, LinkUnspec};
use std::path::PathBuf;

/// Makes the interface with all routers' addresses. Idempotent.
pub fn ensure(config: &HostNetworkConfig, host: &mut Rtnl) -> Result<(), OpenError> {
    check_overlap(config, host)?;
    let name = &config.router;
    let look = || format!("look up the interface {name}");
    let router = match host.link(name).step(look)? {
        Some(link) if link.mac == mac(config) => match other_owner(config, &link) {
            None => link,
            Some(owner) => return Err(OpenError::OtherWharf { router: name.clone(), owner }),
        },
        Some(_) => return Err(OpenError::ForeignRouter(name.clone())),
        None => {
            let link = LinkBridge::new(name).address(mac(config).to_vec());
            host.add_link(link.build()).step(|| format!("create the interface {name}"))?;
            host.link(name).and_then(|link| link.ok_or(std::io::ErrorKind::NotFound.into())).step(look)?
        }
    };
    let gateways = config.gateways.iter().map(|(address, _)| (*address, AddressScope::Universe));
    let ours = [(config.bridge_gateway(), AddressScope::Universe), (ENDPOINT_ADDRESS, AddressScope::Link)];
    for (address, scope) in gateways.chain(ours) {
        host.ensure_address(router.index, address, 32, scope)
            .step(|| format!("give {name} the address {address}"))?;
    }
    let marked = LinkUnspec::new_with_index(router.index).alias(owner_mark(config)).up();
    host.set_link(marked.build()).step(|| format!("set {name} up"))?;
    for block in config.blocks() {
        // Addresses that nobody has are not looked for elsewhere.
        host.ensure_unreachable(block).step(|| format!("route {block}"))?;
    }
    Ok(())
}

/// Whether the networks here are those of another Wharf, which must stay as they are.
pub fn is_of_another(config: &HostNetworkConfig, host: &mut Rtnl) -> Result<bool, HostError> {
    let router = host.link(&config.router).step(|| format!("look up the interface {}", config.router))?;
    Ok(router.is_some_and(|link| other_owner(config, &link).is_some()))
}

/// The state directory of another Wharf whose router this is. One whose directory is gone, as after a reboot, owns nothing.
fn other_owner(config: &HostNetworkConfig, router: &Link) -> Option<PathBuf> {
    let owner = PathBuf::from(router.alias.strip_prefix(&owner_prefix(config))?);
    (owner != config.state_dir && owner.exists()).then_some(owner)
}

/// The router's alias says whose it is.
fn owner_mark(config: &HostNetworkConfig) -> String {
    format!("{}{}", owner_prefix(config), config.state_dir.display())
}

fn owner_prefix(config: &HostNetworkConfig) -> String {
    format!("{}of ", config.alias_prefix())
}

/// Locally administered, of the block's first address, which is no task's: by it the interface is known as ours.
fn mac(config: &HostNetworkConfig) -> [u8; 6] {
    let [a, b, c, d] = config.vpc_network.octets();
    [0x02, 0x77, a, b, c, d]
}

fn check_overlap(config: &HostNetworkConfig, host: &mut Rtnl) -> Result<(), OpenError> {
    let links = host.links().step(|| "list the interfaces".into())?;
    for address in host.addresses().step(|| "list the addresses".into())? {
        let Some(link) = links.iter().find(|link| link.index == address.link) else { continue };
        if link.name == config.router {
            continue;
        }
        if address.address == ENDPOINT_ADDRESS {
            return Err(OpenError::EndpointTaken(link.name.clone()));
        }
        let theirs = Block { network: address.address, prefix_len: address.prefix_len };
        if let Some(block) = config.blocks().into_iter().find(|block| block.overlaps(theirs)) {
            return Err(OpenError::Overlap {
                interface: link.name.clone(),
                address: address.address,
                prefix_len: address.prefix_len,
                block: block.to_string(),
            });
        }
    }
    Ok(())
}

/// Removes the interface when it is ours, and the blocks' routes. Idempotent.
pub fn remove(config: &HostNetworkConfig, host: &mut Rtnl) -> Result<(), HostError> {
    let step = || format!("remove the interface {}", config.router);
    match host.link(&config.router).step(step)? {
        Some(link) if link.mac == mac(config) => host.delete_link(link.index).step(step)?,
        _ => return Ok(()),
    }
    for block in config.blocks() {
        host.delete_unreachable(block).step(|| format!("remove the route {block}"))?;
    }
    Ok(())
}
