//! A wire: a veth pair that leads an address from the host's routing table into one namespace.
//!
//! No bridge connects wires: the host routes each address to its wire, and the namespace sends everything to its
//! gateway. So there is no limit of a bridge's ports, an address that comes again is never looked for at its old place,
//! and nobody can answer for an address of another.

use crate::config::{HostNetworkConfig, LINK_PREFIX};
use crate::netns;
use crate::rtnl::{AddressScope, Rtnl};
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkMessage};
use rtnetlink::{LinkMessageBuilder, LinkUnspec, LinkVeth};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The file in a wire's directory that is bound to the namespace. The directory can be renamed, which the file could
/// not: that is how a spare becomes a task's.
pub const NETNS_FILE: &str = "netns";
/// The file in a wire's directory with the name of its end on the host.
pub const LINK_FILE: &str = "link";
/// The interface inside.
pub const INSIDE: &str = "eth0";
/// Every wire's end on the host: it is the gateway's, of whatever address.
const HOST_MAC: [u8; 6] = [0xee; 6];
/// The group of links that are to be deleted.
const DOOMED: u32 = 0x7761_6466;
/// It takes about a millisecond; a host that is this slow is not to be trusted with the task.
const RUNNING_WITHIN: Duration = Duration::from_secs(5);
const RUNNING_POLL: Duration = Duration::from_micros(100);

/// What the end inside is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// Its address.
    pub address: Ipv4Addr,
    /// Length of the prefix that it believes to be in.
    pub prefix_len: u8,
    /// Its default route; an address of the host's.
    pub gateway: Ipv4Addr,
    /// Its MAC address.
    pub mac: [u8; 6],
}

/// A wire whose both ends are there.
#[derive(Debug)]
pub struct Wire {
    outside: u32,
    inside: Rtnl,
    inside_link: u32,
}

impl Wire {
    /// Makes the pair. The directory is the wire's own; its name makes the link's.
    pub fn make(
        config: &HostNetworkConfig,
        dir: &Path,
        namespace: &Path,
        mut inside: Rtnl,
    ) -> io::Result<Self> {
        let name = link_name(dir);
        // First, so that the link is found whatever happens.
        fs::write(dir.join(LINK_FILE), &name)?;
        let namespace = File::open(namespace)?;
        let mut host = Rtnl::open()?;
        let peer = LinkUnspec::new_with_name(INSIDE).setns_by_fd(namespace.as_raw_fd());
        let peer = InfoVeth::Peer(with_one_queue(peer).build());
        let pair = LinkVeth::new(&name, INSIDE).set_info_data(InfoData::Veth(peer));
        host.add_link(with_one_queue(pair).address(HOST_MAC.to_vec()).build())?;
        // Packets from the host's 127.0.0.1 may leave here, to published ports. The firewall keeps out what would come in.
        fs::write(format!("/proc/sys/net/ipv4/conf/{name}/route_localnet"), "1")?;
        let outside = host.link(&name)?.ok_or(io::ErrorKind::NotFound)?.index;
        let alias = format!("{}spare", config.alias_prefix());
        host.set_link(LinkUnspec::new_with_index(outside).alias(&alias).up().build())?;
        let inside_link = inside.link(INSIDE)?.ok_or(io::ErrorKind::NotFound)?.index;
        inside.set_link(LinkUnspec::new_with_index(inside_link).up().build())?;
        Ok(Self { outside, inside, inside_link })
    }

    /// Gives the namespace its address, and leads packets there.
    pub fn connect(&mut self, ends: &Ends, alias: &str) -> io::Result<()> {
        let (inside, eth0) = (&mut self.inside, self.inside_link);
        inside.set_link(LinkUnspec::new_with_index(eth0).address(ends.mac.to_vec()).build())?;
        inside.ensure_address(eth0, ends.address, ends.prefix_len, AddressScope::Universe)?;
        inside.ensure_neighbour(eth0, ends.gateway, HOST_MAC)?;
        inside.ensure_default_route(eth0, ends.gateway)?;
        let mut host = Rtnl::open()?;
        host.set_link(LinkUnspec::new_with_index(self.outside).alias(alias).build())?;
        host.ensure_neighbour(self.outside, ends.address, ends.mac)?;
        for (end, link) in [(inside, eth0), (&mut host, self.outside)] {
            wait_until_running(end, link)?;
        }
        host.add_host_route(self.outside, ends.address, ends.gateway)
    }
}

/// A pair passes packets on without a queue of its own; those that the kernel would make by default, one for each of its
/// processors, only cost memory.
fn with_one_queue<T>(link: LinkMessageBuilder<T>) -> LinkMessageBuilder<T> {
    link.append_extra_attribute(LinkAttribute::NumTxQueues(1))
        .append_extra_attribute(LinkAttribute::NumRxQueues(1))
}

/// Waits until packets pass: the kernel opens the ends in a thread of its own, and the loss of a first packet would
/// cost whoever connects now a second.
fn wait_until_running(end: &mut Rtnl, link: u32) -> io::Result<()> {
    let deadline = Instant::now() + RUNNING_WITHIN;
    while !end.link_at(link)?.is_some_and(|link| link.is_running) {
        if Instant::now() > deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(RUNNING_POLL);
    }
    Ok(())
}

/// The directories in this one: each is a wire's.
pub fn all_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut dirs = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(dirs),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            dirs.push(entry.path());
        }
    }
    Ok(dirs)
}

/// Whether the wire of this directory stands.
pub fn stands(dir: &Path) -> io::Result<bool> {
    let Some(name) = link_of(dir)? else { return Ok(false) };
    Ok(Rtnl::open()?.link(&name)?.is_some_and(|link| link.is_up))
}

/// Takes the wire down: its address and routes are gone when this answers. The link itself is deleted later when its
/// namespace is ours (that takes the kernel as long as everything else together), at once when it is not.
pub fn cut(dir: &Path) -> io::Result<()> {
    let Some(name) = link_of(dir)? else { return Ok(()) };
    let mut host = Rtnl::open()?;
    let link = host.link(&name)?;
    if netns::is_bound(&dir.join(NETNS_FILE)) {
        let down = link.map(|link| doomed(LinkUnspec::new_with_index(link.index).down().build()));
        return down.map_or(Ok(()), |down| host.set_link(down));
    }
    link.map_or(Ok(()), |link| host.delete_link(link.index))?;
    // The next wire at this place has the same name, and is not to be deleted for this one.
    fs::remove_file(dir.join(LINK_FILE))
}

/// Removes these directories with their namespaces and links. Idempotent.
pub fn discard(dirs: &[PathBuf]) -> io::Result<()> {
    let mut host = Rtnl::open()?;
    for dir in dirs {
        if let Some(link) = link_of(dir)?.map(|name| host.link(&name)).transpose()?.flatten() {
            host.set_link(doomed(LinkUnspec::new_with_index(link.index).build()))?;
        }
    }
    host.delete_group(DOOMED)?;
    for dir in dirs {
        netns::remove(&dir.join(NETNS_FILE))?;
        match fs::remove_dir_all(dir) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

fn doomed(mut link: LinkMessage) -> LinkMessage {
    link.attributes.push(LinkAttribute::Group(DOOMED));
    link
}

fn link_of(dir: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(dir.join(LINK_FILE)) {
        Ok(name) => Ok(Some(name).filter(|name| !name.is_empty())),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}

/// The prefix and 9 hexadecimal digits of a hash: a link's name is at most 15 bytes long.
fn link_name(dir: &Path) -> String {
    let hash = dir
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    format!("{LINK_PREFIX}{:09x}", (hash ^ hash >> 36) & 0xf_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_names_fit_and_differ() {
        assert_eq!(link_name(Path::new("/a")).len(), 15);
        assert_ne!(link_name(Path::new("/a")), link_name(Path::new("/b")));
    }
}
