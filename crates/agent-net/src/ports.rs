//! Ports of the host. A port that is given out is held by a socket of this process, so that nobody else takes it
//! unnoticed; packets never come to that socket, because they are translated before.
//!
//! While no agent runs the sockets are gone, but the translation stays: what another process binds meanwhile is not
//! reached, and a warning says so when the agent is back.

use agent_driver::{NetworkError, PortBinding, PortRequest, Protocol};
use agent_host::{PORTS_RESERVED, dynamic_ports};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, setsockopt, socket, sockopt,
};
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::RangeInclusive;
use std::os::fd::{AsRawFd as _, OwnedFd};

/// All of the host's addresses.
pub const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// The ports that are given out.
#[derive(Debug)]
pub struct Ports {
    range: RangeInclusive<u16>,
    next: u16,
    /// Without a socket when another process took the port while no agent ran.
    held: HashMap<(Protocol, u16), Option<OwnedFd>>,
}

impl Ports {
    /// Takes dynamic ports from this range, or from the one that ECS documents.
    pub fn new(range: Option<RangeInclusive<u16>>) -> Self {
        let range = range.unwrap_or_else(dynamic_ports);
        Self { next: *range.start(), range, held: HashMap::new() }
    }

    /// Gives out a port for each that is asked for, or none at all.
    pub fn take(&mut self, requests: &[PortRequest]) -> Result<Vec<PortBinding>, NetworkError> {
        let mut bindings = Vec::with_capacity(requests.len());
        for request in requests {
            match self.take_one(request) {
                Ok(binding) => bindings.push(binding),
                Err(error) => {
                    self.free(&bindings);
                    return Err(error);
                }
            }
        }
        Ok(bindings)
    }

    /// Holds the ports that a plan on disk names, as far as others have not taken them.
    pub fn keep(&mut self, bindings: &[PortBinding]) {
        for (protocol, port) in bindings.iter().flat_map(PortBinding::host_ports) {
            if let Err(error) = self.hold(protocol, port) {
                tracing::warn!(%error, port, ?protocol, "cannot hold a published port; it still leads to its container");
                self.held.insert((protocol, port), None);
            }
        }
    }

    /// Takes them back. Idempotent.
    pub fn free(&mut self, bindings: &[PortBinding]) {
        for key in bindings.iter().flat_map(PortBinding::host_ports) {
            self.held.remove(&key);
        }
    }

    fn take_one(&mut self, request: &PortRequest) -> Result<PortBinding, NetworkError> {
        let Some(more) = request.container_last.checked_sub(request.container_first) else {
            return Err(NetworkError::Host(format!(
                "the port range {}-{} ends before it begins",
                request.container_first, request.container_last
            )));
        };
        let host_first = match request.host_first {
            Some(first) => self.take_static(request.protocol, first, more)?,
            None => self.take_dynamic(request.protocol, more)?,
        };
        Ok(PortBinding {
            bind_ip: ANY.into(),
            container_first: request.container_first,
            container_last: request.container_last,
            host_first,
            host_last: host_first + more,
            protocol: request.protocol,
        })
    }

    fn take_static(&mut self, protocol: Protocol, first: u16, more: u16) -> Result<u16, NetworkError> {
        if first == 0 || first.checked_add(more).is_none() {
            return Err(NetworkError::Host(format!(
                "{} ports from {first} on are no ports of a host",
                more + 1
            )));
        }
        self.hold_row(protocol, first, more).map_err(|(port, error)| {
            if error.kind() == io::ErrorKind::AddrInUse {
                NetworkError::PortTaken { address: (ANY, port).into() }
            } else {
                NetworkError::Host(format!("cannot hold port {port}: {error}"))
            }
        })?;
        Ok(first)
    }

    /// Tries each beginning once, from where the last search ended.
    fn take_dynamic(&mut self, protocol: Protocol, more: u16) -> Result<u16, NetworkError> {
        let (start, end) = (u32::from(*self.range.start()), u32::from(*self.range.end()));
        let none = || {
            NetworkError::Host(format!(
                "no {} free host ports in a row from {start} to {end}",
                u32::from(more) + 1
            ))
        };
        let count = (end + 1).saturating_sub(start);
        let (mut tried, mut first) = (0, u32::from(self.next));
        while tried < count {
            let last = first + u32::from(more);
            if last > end {
                tried += end + 1 - first;
                first = start;
                continue;
            }
            let (Ok(from), Ok(to)) = (u16::try_from(first), u16::try_from(last)) else { return Err(none()) };
            let blocked = match PORTS_RESERVED.into_iter().filter(|port| (from..=to).contains(port)).max() {
                Some(reserved) => reserved,
                None => match self.hold_row(protocol, from, more) {
                    Ok(()) => {
                        self.next = if last < end { to + 1 } else { *self.range.start() };
                        return Ok(from);
                    }
                    Err((port, error)) if error.kind() == io::ErrorKind::AddrInUse => port,
                    Err((port, error)) => {
                        return Err(NetworkError::Host(format!("cannot hold port {port}: {error}")));
                    }
                },
            };
            tried += u32::from(blocked) + 1 - first;
            first = u32::from(blocked) + 1;
        }
        Err(none())
    }

    /// All or none; the port that cannot be held and why.
    fn hold_row(&mut self, protocol: Protocol, first: u16, more: u16) -> Result<(), (u16, io::Error)> {
        for port in first..=first + more {
            if let Err(error) = self.hold(protocol, port) {
                for port in first..port {
                    self.held.remove(&(protocol, port));
                }
                return Err((port, error));
            }
        }
        Ok(())
    }

    fn hold(&mut self, protocol: Protocol, port: u16) -> io::Result<()> {
        if self.held.contains_key(&(protocol, port)) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let kind = match protocol {
            Protocol::Tcp => SockType::Stream,
            Protocol::Udp => SockType::Datagram,
        };
        let holder = socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None)?;
        if protocol == Protocol::Tcp {
            // Connections of a server that has ended do not keep its port; who listens does.
            setsockopt(&holder, sockopt::ReuseAddr, &true)?;
        }
        bind(holder.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(ANY, port)))?;
        if protocol == Protocol::Tcp {
            listen(&holder, Backlog::new(1)?)?;
        }
        self.held.insert((protocol, port), Some(holder));
        Ok(())
    }
}
