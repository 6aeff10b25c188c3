//! Netfilter's netlink: elements of one nftables map, and connection tracking's entries. The table itself is written
//! by `nft` once; a published port is one small message, without a process.

use agent_driver::{PortBinding, Protocol};
use nix::libc;
use rtnetlink::packet_core::{
    NLA_HEADER_SIZE, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NlasIterator,
};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use std::io;
use std::net::Ipv4Addr;

/// Message types, from the kernel's `nfnetlink.h`, `nf_tables.h` and `nfnetlink_conntrack.h`.
const NEW_ELEMENTS: u16 = (10 << 8) | 12;
const DELETE_ELEMENTS: u16 = (10 << 8) | 14;
const NEW_CONNECTION: u16 = 1 << 8;
const GET_CONNECTIONS: u16 = (1 << 8) | 1;
const DELETE_CONNECTION: u16 = (1 << 8) | 2;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const NF_TABLES: u16 = 10;
const NESTED: u16 = 0x8000;
/// A message's length, sequence number and payload; that of a netlink and a netfilter header together.
const HEADER: usize = 16;
const HEADERS: usize = 20;
/// An attribute is at most 64 KiB long, and an element takes 44 bytes.
const ELEMENTS_A_MESSAGE: usize = 1000;

/// A port of the host, and where it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication {
    pub protocol: Protocol,
    pub host: u16,
    pub address: Ipv4Addr,
    pub container: u16,
}

impl Publication {
    /// Those of a container's bindings.
    pub fn of(address: Ipv4Addr, bindings: &[PortBinding]) -> impl Iterator<Item = Self> {
        bindings.iter().flat_map(move |binding| {
            let hosts = binding.host_first..=binding.host_last;
            let containers = binding.container_first..=binding.container_last;
            let protocol = binding.protocol;
            hosts.zip(containers).map(move |(host, container)| Self { protocol, host, address, container })
        })
    }

    /// Parts of a key or value are padded to 4 bytes.
    fn key(self) -> [u8; 8] {
        let [a, b] = self.host.to_be_bytes();
        [protocol_number(self.protocol), 0, 0, 0, a, b, 0, 0]
    }

    fn value(self) -> [u8; 8] {
        let ([a, b, c, d], [e, f]) = (self.address.octets(), self.container.to_be_bytes());
        [a, b, c, d, e, f, 0, 0]
    }
}

fn protocol_number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
    }
}

/// A netlink socket in the namespace of the thread that opened it.
#[derive(Debug)]
pub struct Nfnl {
    socket: Socket,
    sequence: u32,
}

impl Nfnl {
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Adds all to the map, or none; `AlreadyExists` when one of the ports leads anywhere already.
    pub fn publish(&mut self, table: &str, map: &str, ports: &[Publication]) -> io::Result<()> {
        let messages = ports.chunks(ELEMENTS_A_MESSAGE).map(|ports| elements(table, map, ports, true));
        self.batch(NEW_ELEMENTS, NLM_F_CREATE | NLM_F_EXCL, messages.collect())
    }

    /// Removes them from the map. A missing one is no error, nor is a missing map.
    pub fn unpublish(&mut self, table: &str, map: &str, ports: &[Publication]) -> io::Result<()> {
        let messages = ports.chunks(ELEMENTS_A_MESSAGE).map(|ports| elements(table, map, ports, false));
        match self.batch(DELETE_ELEMENTS, 0, messages.collect()) {
            // Some are there and some not: one at a time.
            Err(e) if is_missing(&e) => {}
            done => return done,
        }
        for port in ports {
            match self.batch(DELETE_ELEMENTS, 0, vec![elements(table, map, &[*port], false)]) {
                Err(e) if !is_missing(&e) => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }

    /// Forgets how datagrams to these ports were translated: a client that goes on sending would otherwise be led to
    /// where the port led before. Connections of TCP end by themselves.
    pub fn forget_datagrams(&mut self, ports: &[Publication]) -> io::Result<()> {
        let is_ours = |port| ports.iter().any(|p| p.protocol == Protocol::Udp && p.host == port);
        if !ports.iter().any(|port| port.protocol == Protocol::Udp) {
            return Ok(());
        }
        for tuple in self.connections()? {
            if tuple_udp_port(&tuple).is_some_and(is_ours) {
                let mut body = Vec::new();
                attribute(&mut body, NESTED | 1, |of| of.extend_from_slice(&tuple));
                match self.request(DELETE_CONNECTION, NLM_F_ACK, &body, |_, _| ()) {
                    Err(e) if !is_missing(&e) => return Err(e),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The original direction of every IPv4 connection.
    fn connections(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut tuples = Vec::new();
        self.request(GET_CONNECTIONS, NLM_F_DUMP, &[], |kind, attributes| {
            if kind == NEW_CONNECTION {
                tuples.extend(find(attributes, 1).map(<[u8]>::to_vec));
            }
        })?;
        Ok(tuples)
    }

    fn request(
        &mut self,
        kind: u16,
        flags: u16,
        body: &[u8],
        answer: impl FnMut(u16, &[u8]),
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.message(&mut bytes, kind, flags, libc::AF_INET, 0, body);
        let sequence = self.sequence;
        self.socket.send(&bytes, 0)?;
        self.receive(sequence..=sequence, 1, answer)
    }

    /// One transaction; each of its messages is answered.
    fn batch(&mut self, kind: u16, flags: u16, bodies: Vec<Vec<u8>>) -> io::Result<()> {
        if bodies.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        self.message(&mut bytes, BATCH_BEGIN, 0, libc::AF_UNSPEC, NF_TABLES, &[]);
        let begin = self.sequence;
        for body in &bodies {
            self.message(&mut bytes, kind, flags | NLM_F_ACK, libc::AF_INET, 0, body);
        }
        self.message(&mut bytes, BATCH_END, 0, libc::AF_UNSPEC, NF_TABLES, &[]);
        self.socket.send(&bytes, 0)?;
        self.receive(begin..=self.sequence, bodies.len(), |_, _| ())
    }

    fn message(&mut self, to: &mut Vec<u8>, kind: u16, flags: u16, family: i32, id: u16, body: &[u8]) {
        self.sequence = self.sequence.wrapping_add(1);
        let length = u32::try_from(HEADERS + body.len()).unwrap_or(u32::MAX);
        to.extend_from_slice(&length.to_ne_bytes());
        to.extend_from_slice(&kind.to_ne_bytes());
        to.extend_from_slice(&(NLM_F_REQUEST | flags).to_ne_bytes());
        to.extend_from_slice(&self.sequence.to_ne_bytes());
        to.extend_from_slice(&[0; 4]);
        to.extend_from_slice(&[u8::try_from(family).unwrap_or(0), 0]);
        to.extend_from_slice(&id.to_be_bytes());
        to.extend_from_slice(body);
    }

    /// Receives until so many messages were acknowledged, the first one failed for all, or a dump ended.
    fn receive(
        &self,
        sequences: std::ops::RangeInclusive<u32>,
        mut acknowledgements: usize,
        mut answer: impl FnMut(u16, &[u8]),
    ) -> io::Result<()> {
        let mut outcome = Ok(());
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            let mut rest = datagram.as_slice();
            while let Some((kind, sequence, payload, after)) = split(rest) {
                rest = after;
                if !sequences.contains(&sequence) {
                    continue;
                }
                match i32::from(kind) {
                    libc::NLMSG_DONE => return outcome,
                    libc::NLMSG_ERROR => {
                        let code = payload.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
                        if code != 0 && outcome.is_ok() {
                            outcome = Err(io::Error::from_raw_os_error(-code));
                        }
                        acknowledgements -= 1;
                        let whole_batch = code != 0 && sequence == *sequences.start();
                        if acknowledgements == 0 || whole_batch {
                            return outcome;
                        }
                    }
                    _ => answer(kind, payload.get(HEADERS - HEADER..).unwrap_or_default()),
                }
            }
        }
    }
}

/// The first message's type, sequence number and payload, and the bytes behind it.
fn split(bytes: &[u8]) -> Option<(u16, u32, &[u8], &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let sequence = u32::from_ne_bytes(*bytes.get(8..)?.first_chunk()?);
    let payload = bytes.get(HEADER..length)?;
    Some((kind, sequence, payload, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

fn elements(table: &str, map: &str, ports: &[Publication], with_values: bool) -> Vec<u8> {
    let mut body = Vec::new();
    attribute(&mut body, 1, |of| of.extend_from_slice(&[table.as_bytes(), b"\0"].concat()));
    attribute(&mut body, 2, |of| of.extend_from_slice(&[map.as_bytes(), b"\0"].concat()));
    attribute(&mut body, NESTED | 3, |list| {
        for port in ports {
            attribute(list, NESTED | 1, |element| {
                attribute(element, NESTED | 1, |key| {
                    attribute(key, 1, |of| of.extend_from_slice(&port.key()))
                });
                if with_values {
                    attribute(element, NESTED | 2, |value| {
                        attribute(value, 1, |of| of.extend_from_slice(&port.value()));
                    });
                }
            });
        }
    });
    body
}

fn attribute(to: &mut Vec<u8>, kind: u16, value: impl FnOnce(&mut Vec<u8>)) {
    let start = to.len();
    to.extend_from_slice(&[0; 2]);
    to.extend_from_slice(&kind.to_ne_bytes());
    value(to);
    let length = u16::try_from(to.len() - start).unwrap_or(u16::MAX);
    to[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    to.resize(start + (to.len() - start).next_multiple_of(4), 0);
}

fn find(attributes: &[u8], kind: u16) -> Option<&[u8]> {
    let nla = NlasIterator::new(attributes).map_while(Result::ok).find(|nla| nla.kind() == kind)?;
    // Its buffer has what follows it, too.
    let length = nla.value_length();
    nla.into_inner().get(NLA_HEADER_SIZE..)?.get(..length)
}

/// The destination's port when the tuple is UDP's.
fn tuple_udp_port(tuple: &[u8]) -> Option<u16> {
    let protocol = find(tuple, 2)?;
    let is_udp = find(protocol, 1)?.first() == Some(&protocol_number(Protocol::Udp));
    let port = find(protocol, 3)?.first_chunk()?;
    is_udp.then(|| u16::from_be_bytes(*port))
}

fn is_missing(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOENT)
}
