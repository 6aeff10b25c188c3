//! Route netlink, one blocking request at a time. Its messages are `rtnetlink`'s; its async connection is not used,
//! because a socket stays in the namespace it was opened in and the threads that open ours are gone right after.

use crate::config::Block;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::RouteNetlinkMessage;
pub use rtnetlink::packet_route::address::AddressScope;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage, State};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::route::{RouteMessage, RouteScope, RouteType};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use rtnetlink::{AddressMessageBuilder, RouteMessageBuilder};
use std::io;
use std::net::{IpAddr, Ipv4Addr};

/// A netlink socket in the namespace of the thread that opened it.
#[derive(Debug)]
pub struct Rtnl {
    socket: Socket,
    sequence: u32,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub index: u32,
    pub name: String,
    pub alias: String,
    /// Zeros for a link that has none.
    pub mac: [u8; 6],
    /// Set up by us.
    pub is_up: bool,
    /// Able to pass packets.
    pub is_running: bool,
}

/// An IPv4 address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    pub link: u32,
    pub address: Ipv4Addr,
    pub prefix_len: u8,
}

impl Rtnl {
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Creates a link; `AlreadyExists` when there is one of its name.
    pub fn add_link(&mut self, link: LinkMessage) -> io::Result<()> {
        self.change(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Changes the link that the message's index names.
    pub fn set_link(&mut self, link: LinkMessage) -> io::Result<()> {
        self.change(RouteNetlinkMessage::SetLink(link), 0)
    }

    /// Deletes a link and its peer; they are gone when this returns. A missing one is no error.
    pub fn delete_link(&mut self, index: u32) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        match self.change(RouteNetlinkMessage::DelLink(link), 0) {
            Err(e) if is_missing(&e) => Ok(()),
            other => other,
        }
    }

    pub fn link(&mut self, name: &str) -> io::Result<Option<Link>> {
        let mut query = LinkMessage::default();
        query.attributes.push(LinkAttribute::IfName(name.to_owned()));
        self.look_up(query)
    }

    pub fn link_at(&mut self, index: u32) -> io::Result<Option<Link>> {
        let mut query = LinkMessage::default();
        query.header.index = index;
        self.look_up(query)
    }

    fn look_up(&mut self, query: LinkMessage) -> io::Result<Option<Link>> {
        match self.request(RouteNetlinkMessage::GetLink(query), NLM_F_ACK) {
            Ok(answers) => Ok(answers.into_iter().find_map(link_of)),
            Err(e) if is_missing(&e) => Ok(None),
            Err(e) => Err(e),
        }
    }

    pub fn links(&mut self) -> io::Result<Vec<Link>> {
        let answers = self.request(RouteNetlinkMessage::GetLink(LinkMessage::default()), NLM_F_DUMP)?;
        Ok(answers.into_iter().filter_map(link_of).collect())
    }

    pub fn addresses(&mut self) -> io::Result<Vec<Address>> {
        let answers = self.request(RouteNetlinkMessage::GetAddress(AddressMessage::default()), NLM_F_DUMP)?;
        Ok(answers.into_iter().filter_map(address_of).collect())
    }

    /// Deletes all links of the group at once, which takes hardly longer than deleting one. None is no error.
    pub fn delete_group(&mut self, group: u32) -> io::Result<()> {
        let mut links = LinkMessage::default();
        links.attributes.push(LinkAttribute::Group(group));
        match self.change(RouteNetlinkMessage::DelLink(links), 0) {
            Err(e) if is_missing(&e) => Ok(()),
            other => other,
        }
    }

    /// Gives the link an address, but no route to its neighbours; having it already is no error.
    pub fn ensure_address(
        &mut self,
        link: u32,
        address: Ipv4Addr,
        prefix_len: u8,
        scope: AddressScope,
    ) -> io::Result<()> {
        let mut message =
            AddressMessageBuilder::<Ipv4Addr>::new().index(link).address(address, prefix_len).build();
        message.header.scope = scope;
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Noprefixroute));
        self.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// All that leaves goes to the gateway over this link.
    pub fn ensure_default_route(&mut self, link: u32, gateway: Ipv4Addr) -> io::Result<()> {
        let message =
            RouteMessageBuilder::<Ipv4Addr>::new().output_interface(link).gateway(gateway).onlink().build();
        self.change(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Leads the address to the link; `AlreadyExists` when it leads anywhere already. The host speaks to it as `source`.
    pub fn add_host_route(&mut self, link: u32, to: Ipv4Addr, source: Ipv4Addr) -> io::Result<()> {
        let message = RouteMessageBuilder::<Ipv4Addr>::new()
            .output_interface(link)
            .destination_prefix(to, 32)
            .scope(RouteScope::Link)
            .pref_source(source)
            .build();
        self.change(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// The link-layer address of a neighbour, so that nobody has to ask and the kernel's table of those who asked,
    /// which all namespaces share, stays small.
    pub fn ensure_neighbour(&mut self, link: u32, address: Ipv4Addr, mac: [u8; 6]) -> io::Result<()> {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.ifindex = link;
        message.header.state = NeighbourState::Permanent;
        message.header.kind = RouteType::Unicast;
        message.attributes = vec![
            NeighbourAttribute::Destination(NeighbourAddress::Inet(address)),
            NeighbourAttribute::LinkLayerAddress(mac.to_vec()),
        ];
        self.change(RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// What goes to the block and has no route of its own is answered with `Host is unreachable`.
    pub fn ensure_unreachable(&mut self, block: Block) -> io::Result<()> {
        let message = RouteNetlinkMessage::NewRoute(unreachable_route(block));
        match self.change(message, NLM_F_CREATE | NLM_F_EXCL) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    }

    pub fn delete_unreachable(&mut self, block: Block) -> io::Result<()> {
        match self.change(RouteNetlinkMessage::DelRoute(unreachable_route(block)), 0) {
            Err(e) if e.raw_os_error() == Some(nix::libc::ESRCH) => Ok(()),
            other => other,
        }
    }

    fn change(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.request(message, flags | NLM_F_ACK).map(drop)
    }

    /// Sends a request and gathers what is answered before its acknowledgement, or the end of its dump.
    fn request(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.sequence += 1;
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | flags;
        request.header.sequence_number = self.sequence;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;

        let mut answers = Vec::new();
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            if self.gather(&datagram, &mut answers)? {
                return Ok(answers);
            }
        }
    }

    /// Whether the datagram ends the answer.
    fn gather(&self, datagram: &[u8], answers: &mut Vec<RouteNetlinkMessage>) -> io::Result<bool> {
        let mut rest = datagram;
        while !rest.is_empty() {
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            let length = (message.header.length as usize).next_multiple_of(4).max(1);
            rest = rest.get(length..).unwrap_or_default();
            if message.header.sequence_number != self.sequence {
                continue;
            }
            match message.payload {
                NetlinkPayload::Done(_) => return Ok(true),
                NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
                NetlinkPayload::Error(_) => return Ok(true),
                NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                _ => {}
            }
        }
        Ok(false)
    }
}

fn unreachable_route(block: Block) -> RouteMessage {
    RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(block.nth(0), block.prefix_len)
        .kind(RouteType::Unreachable)
        .build()
}

fn is_missing(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::ENODEV)
}

fn link_of(answer: RouteNetlinkMessage) -> Option<Link> {
    let RouteNetlinkMessage::NewLink(message) = answer else { return None };
    let is_up = message.header.flags.contains(LinkFlags::Up);
    let index = message.header.index;
    let mut link =
        Link { index, name: String::new(), alias: String::new(), mac: [0; 6], is_up, is_running: false };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::IfAlias(alias) => link.alias = alias,
            LinkAttribute::OperState(state) => link.is_running = state == State::Up,
            LinkAttribute::Address(mac) => link.mac = mac.try_into().unwrap_or_default(),
            _ => {}
        }
    }
    Some(link)
}

fn address_of(answer: RouteNetlinkMessage) -> Option<Address> {
    let RouteNetlinkMessage::NewAddress(message) = answer else { return None };
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(IpAddr::V4(address)) => Some(*address),
        _ => None,
    })?;
    Some(Address { link: message.header.index, address, prefix_len: message.header.prefix_len })
}
