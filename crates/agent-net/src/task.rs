//! One task's network: what it is made of, and how it is made and taken away. Blocking; one caller a task at a time.

use crate::config::HostNetworkConfig;
use crate::error::{HostError, Step};
use crate::netns;
use crate::pool::{self, NETNS_FILE, Pool, Spare};
use crate::rtnl::Rtnl;
use agent_driver::AwsvpcSpec;
use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::link::LinkMessage;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// Holds the [`AwsvpcSpec`] of a network that is complete: written last, deleted first.
const SPEC_FILE: &str = "spec.json";

/// It takes about a millisecond; a host that is this slow is not to be trusted with the task.
const RUNNING_WITHIN: Duration = Duration::from_secs(5);
const RUNNING_POLL: Duration = Duration::from_micros(100);

/// Where a task's network is.
#[derive(Debug)]
pub struct Place {
    task: String,
    dir: PathBuf,
    link_name: String,
    alias: String,
}

impl Place {
    /// Refuses ids that are not usable as a directory's name.
    pub fn of(config: &HostNetworkConfig, task: &str) -> Result<Self, HostError> {
        let usable = !task.is_empty()
            && task.len() <= 128
            && task.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let checked = if usable { Ok(()) } else { Err(io::ErrorKind::InvalidInput.into()) };
        checked.step(|| format!("use {task:?} as a task's id"))?;
        Ok(Self {
            task: task.to_owned(),
            dir: config.tasks_dir().join(task),
            link_name: config.task_link(task),
            alias: format!("{}{task}", config.alias_prefix()),
        })
    }

    /// The file that is bound to the namespace.
    pub fn netns(&self) -> PathBuf {
        self.dir.join(NETNS_FILE)
    }

    /// Whether the whole network of this spec is there.
    pub fn observe_complete(&self, spec: &AwsvpcSpec) -> Result<bool, HostError> {
        let Ok(written) = fs::read(self.dir.join(SPEC_FILE)) else { return Ok(false) };
        if serde_json::from_slice(&written).ok().as_ref() != Some(spec) || !netns::is_bound(&self.netns()) {
            return Ok(false);
        }
        let link = Rtnl::open().and_then(|mut host| host.link(&self.link_name));
        Ok(link.step(|| self.step("look up the interface"))?.is_some_and(|link| link.is_up))
    }

    /// Makes the network out of a spare. Nothing of it is there before.
    pub fn build(&self, spec: &AwsvpcSpec, bridge: u32, pool: &Pool) -> Result<(), HostError> {
        let mac = parse_mac(&spec.mac).step(|| format!("use {:?} as a MAC address", spec.mac))?;
        let mut spare = pool.take().step(|| self.step("make the namespace"))?;
        // First of all the namespace becomes the task's: from here on detach finds it.
        fs::rename(&spare.dir, &self.dir).step(|| self.step("keep the namespace"))?;
        configure_inside(&mut spare, spec, mac).step(|| self.step("configure the interface"))?;
        let outside = LinkUnspec::new_with_index(spare.link)
            .name(&self.link_name)
            .alias(&self.alias)
            .controller(bridge)
            .up();
        self.connect(outside.build()).step(|| self.step("connect the interface"))?;
        self.write_spec(spec).step(|| self.step("write down the network"))
    }

    /// Sets the link up and waits until packets pass: the bridge is told of the new carrier by a kernel thread, and the
    /// loss of a first ARP request would cost whoever connects now a second.
    fn connect(&self, link: LinkMessage) -> io::Result<()> {
        let mut host = Rtnl::open()?;
        host.set_link(link)?;
        let deadline = Instant::now() + RUNNING_WITHIN;
        while !host.link(&self.link_name)?.is_some_and(|link| link.is_running) {
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(RUNNING_POLL);
        }
        Ok(())
    }

    /// Takes away whatever is there. Idempotent.
    pub fn remove(&self) -> Result<(), HostError> {
        let missing_is_fine = |result: io::Result<()>| match result {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        };
        missing_is_fine(fs::remove_file(self.dir.join(SPEC_FILE)))
            .step(|| self.step("forget the network"))?;
        self.delete_link().step(|| self.step("delete the interface"))?;
        pool::discard(&self.dir).step(|| self.step("remove the namespace"))
    }

    /// The kernel answers when both ends of the pair are gone, and the address with them.
    fn delete_link(&self) -> io::Result<()> {
        let mut host = Rtnl::open()?;
        match host.link(&self.link_name)? {
            Some(link) => host.delete_link(link.index),
            None => Ok(()),
        }
    }

    fn write_spec(&self, spec: &AwsvpcSpec) -> io::Result<()> {
        let fresh = self.dir.join("spec.new");
        fs::write(&fresh, serde_json::to_vec(spec)?)?;
        fs::rename(fresh, self.dir.join(SPEC_FILE))
    }

    fn step(&self, what: &str) -> String {
        format!("{what} of task {}", self.task)
    }
}

fn configure_inside(spare: &mut Spare, spec: &AwsvpcSpec, mac: [u8; 6]) -> io::Result<()> {
    let (inside, eth0) = (&mut spare.inside, spare.inside_link);
    inside.set_link(LinkUnspec::new_with_index(eth0).address(mac.to_vec()).up().build())?;
    inside.ensure_address(eth0, spec.address, spec.prefix_len)?;
    inside.ensure_default_route(spec.gateway)
}

fn parse_mac(text: &str) -> io::Result<[u8; 6]> {
    let octet = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        u8::from_str_radix(digits, 16).ok().filter(|_| plain)
    };
    let octets: Option<Vec<u8>> = text.split(':').map(octet).collect();
    octets.and_then(|o| o.try_into().ok()).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_addresses_are_read_strictly() {
        assert_eq!(parse_mac("02:77:ac:1f:00:04").unwrap(), [2, 0x77, 0xac, 0x1f, 0, 4]);
        for bad in [
            "",
            "02:77:ac:1f:00",
            "02:77:ac:1f:00:04:05",
            "02:77:ac:1f:00:0g",
            "2:77:ac:1f:00:04",
            "02:+7:ac:1f:00:04",
        ] {
            assert!(parse_mac(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_cannot_leave_the_directory() {
        let config = HostNetworkConfig::new([172, 31, 0, 0].into(), 16, vec![]);
        for bad in ["", ".", "..", "a/b", "a b", "ä"] {
            assert!(Place::of(&config, bad).is_err(), "{bad}");
        }
        assert!(Place::of(&config, "0123456789abcdef0123456789abcdef").is_ok());
    }
}
