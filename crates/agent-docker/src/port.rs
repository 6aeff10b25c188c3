//! Free ports of the host. A port is found free by binding it for a moment; the Engine binds it for good when the
//! container starts, and says so if somebody was faster.

use agent_driver::{NetworkError, PortBinding, PortRequest, Protocol};
use agent_host::PORTS_RESERVED;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;

/// All of the host's addresses.
const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// Ports that are spoken for.
pub(crate) type Taken = BTreeSet<(Protocol, u16)>;

/// Chooses the ports of a request, and adds them to those that are taken.
pub(crate) fn choose(
    request: &PortRequest,
    range: &RangeInclusive<u16>,
    taken: &mut Taken,
) -> Result<PortBinding, NetworkError> {
    let (first, last) = (request.container_first, request.container_last);
    let Some(more) = last.checked_sub(first) else {
        return Err(NetworkError::Host(format!("the port range {first}-{last} ends before it begins")));
    };
    let host_first = match request.host_first {
        Some(host_first) => {
            check(request.protocol, host_first, more, taken)?;
            host_first
        }
        None => search(request.protocol, more, range, taken)?,
    };
    let binding = PortBinding {
        bind_ip: ANY.into(),
        container_first: first,
        container_last: last,
        host_first,
        host_last: host_first + more,
        protocol: request.protocol,
    };
    taken.extend(binding.host_ports());
    Ok(binding)
}

fn check(protocol: Protocol, first: u16, more: u16, taken: &Taken) -> Result<(), NetworkError> {
    let last = first.checked_add(more).filter(|_| first > 0);
    let Some(last) = last else {
        let count = u32::from(more) + 1;
        return Err(NetworkError::Host(format!("{count} ports from {first} on are no ports of a host")));
    };
    match (first..=last).find(|&port| !is_free(protocol, port, taken)) {
        Some(port) => Err(NetworkError::PortTaken { address: SocketAddr::from((ANY, port)) }),
        None => Ok(()),
    }
}

fn search(
    protocol: Protocol,
    more: u16,
    range: &RangeInclusive<u16>,
    taken: &Taken,
) -> Result<u16, NetworkError> {
    let mut free = 0;
    for port in range.clone() {
        let is_free = !PORTS_RESERVED.contains(&port) && is_free(protocol, port, taken);
        free = if is_free { free + 1 } else { 0 };
        if free == u32::from(more) + 1 {
            return Ok(port - more);
        }
    }
    let (count, start, end) = (u32::from(more) + 1, range.start(), range.end());
    Err(NetworkError::Host(format!("no {count} free host ports in a row from {start} to {end}")))
}

fn is_free(protocol: Protocol, port: u16, taken: &Taken) -> bool {
    !taken.contains(&(protocol, port))
        && match protocol {
            Protocol::Tcp => TcpListener::bind((ANY, port)).is_ok(),
            Protocol::Udp => UdpSocket::bind((ANY, port)).is_ok(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(last: u16, host_first: Option<u16>) -> PortRequest {
        PortRequest { container_first: 1, container_last: last, host_first, protocol: Protocol::Tcp }
    }

    #[test]
    fn dynamic_ports_are_in_a_row_and_not_those_of_others() {
        let listener = TcpListener::bind((ANY, 0)).unwrap();
        let theirs = listener.local_addr().unwrap().port();
        let taken_by_us = (Protocol::Tcp, theirs.saturating_add(3));
        let mut taken = Taken::from([taken_by_us]);
        let range = theirs..=theirs.saturating_add(200);
        let binding = choose(&request(3, None), &range, &mut taken).unwrap();
        assert_eq!(binding.host_last - binding.host_first, 2);
        assert!(binding.host_first > taken_by_us.1, "{binding:?}");
        assert!(binding.host_ports().all(|port| taken.contains(&port)));
        let next = choose(&request(1, None), &range, &mut taken).unwrap();
        assert_ne!(next.host_first, binding.host_first);
    }

    #[test]
    fn what_is_taken_is_said() {
        let listener = TcpListener::bind((ANY, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = choose(&request(1, Some(port)), &(1..=2), &mut Taken::new()).unwrap_err();
        assert_eq!(error.to_string(), format!("Bind for 0.0.0.0:{port} failed: port is already allocated"));
        let mut taken = Taken::from([(Protocol::Tcp, 7777)]);
        assert!(choose(&request(2, Some(7776)), &(1..=2), &mut taken).is_err());
        assert!(choose(&request(2, Some(65535)), &(1..=2), &mut taken).is_err());
        assert!(choose(&request(0, None), &(1..=2), &mut taken).is_err());
        assert!(choose(&request(9, None), &(65530..=65532), &mut taken).is_err());
    }
}
