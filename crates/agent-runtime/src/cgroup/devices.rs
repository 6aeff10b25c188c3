//! The devices that a container may use: Docker's default list and its own. It may make any node (`mknod`), and open
//! these.

use super::open_dir;
use crate::device::Node;
use crate::sys;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

const MAKE: u8 = 1;
const READ: u8 = 2;
const WRITE: u8 = 4;
const EVERYTHING: u8 = MAKE | READ | WRITE;

/// Devices that may be used in some ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    is_block: bool,
    major: u32,
    /// `None` is every minor.
    minor: Option<u32>,
    access: u8,
}

const fn default(major: u32, minor: Option<u32>) -> Rule {
    Rule { is_block: false, major, minor, access: EVERYTHING }
}

const DEFAULTS: [Rule; 9] = [
    default(1, Some(3)), // null
    default(1, Some(5)), // zero
    default(1, Some(7)), // full
    default(1, Some(8)), // random
    default(1, Some(9)), // urandom
    default(5, Some(0)), // tty
    default(5, Some(1)), // console
    default(5, Some(2)), // ptmx
    default(136, None),  // pts
];

fn rules(nodes: &[Node]) -> impl Iterator<Item = Rule> {
    let bit = |permission| match permission {
        'r' => READ,
        'w' => WRITE,
        _ => MAKE,
    };
    DEFAULTS.into_iter().chain(nodes.iter().map(move |node| Rule {
        is_block: node.is_block,
        major: node.major as u32,
        minor: Some(node.minor as u32),
        access: node.permissions.chars().map(bit).fold(0, |all, bit| all | bit),
    }))
}

pub(super) fn restrict_v1(dir: &Path, nodes: &[Node]) -> io::Result<()> {
    fs::write(dir.join("devices.deny"), "a")?;
    let allow = dir.join("devices.allow");
    for Rule { is_block, major, minor, access } in rules(nodes) {
        let kind = if is_block { 'b' } else { 'c' };
        let minor = minor.map_or("*".to_owned(), |minor| minor.to_string());
        let letters = [(READ, 'r'), (WRITE, 'w'), (MAKE, 'm')].into_iter();
        let access: String = letters.filter(|(bit, _)| access & bit != 0).map(|(_, letter)| letter).collect();
        fs::write(&allow, format!("{kind} {major}:{minor} {access}"))?;
    }
    fs::write(&allow, "c *:* m")?;
    fs::write(&allow, "b *:* m")
}

pub(super) fn restrict_v2(dir: &Path, nodes: &[Node]) -> io::Result<()> {
    sys::attach_device_program(open_dir(dir)?.as_fd(), &program(rules(nodes)))
}

/// The list as eBPF over `struct bpf_cgroup_dev_ctx`: access and type, major, minor. It answers 1 to permit.
fn program(rules: impl Iterator<Item = Rule>) -> Vec<u64> {
    const ACCESS: u8 = 2;
    const TYPE: u8 = 3;
    const MAJOR: u8 = 4;
    const MINOR: u8 = 5;
    const EXCESS: u8 = 6;
    const TYPE_BLOCK: i32 = 1;
    const TYPE_CHARACTER: i32 = 2;
    let mut program = vec![
        load(ACCESS, 0),
        copy(TYPE, ACCESS),
        and(TYPE, 0xffff),
        shift_right(ACCESS, 16),
        load(MAJOR, 4),
        load(MINOR, 8),
        // Making a node of any kind is allowed, and nothing more than making.
        jump_unless_equal(ACCESS, MAKE.into(), 2),
        answer(1),
        exit(),
    ];
    for Rule { is_block, major, minor, access } in rules {
        let kind = if is_block { TYPE_BLOCK } else { TYPE_CHARACTER };
        let mut checks = vec![(TYPE, kind), (MAJOR, major as i32)];
        checks.extend(minor.map(|minor| (MINOR, minor as i32)));
        // Past what is left of the checks, the look at the kind of access, and the answer.
        for (left, (register, value)) in (5..5 + checks.len() as i16).rev().zip(checks) {
            program.push(jump_unless_equal(register, value, left));
        }
        program.extend([copy(EXCESS, ACCESS), and(EXCESS, (EVERYTHING & !access).into())]);
        program.extend([jump_unless_equal(EXCESS, 0, 2), answer(1), exit()]);
    }
    program.extend([answer(0), exit()]);
    program
}

fn load(to: u8, offset: i16) -> u64 {
    instruction(0x61, to, 1, offset, 0)
}

fn copy(to: u8, from: u8) -> u64 {
    instruction(0xbc, to, from, 0, 0)
}

fn and(register: u8, mask: i32) -> u64 {
    instruction(0x54, register, 0, 0, mask)
}

fn shift_right(register: u8, bits: i32) -> u64 {
    instruction(0x74, register, 0, 0, bits)
}

fn jump_unless_equal(register: u8, value: i32, skip: i16) -> u64 {
    instruction(0x55, register, 0, skip, value)
}

fn answer(value: i32) -> u64 {
    instruction(0xb7, 0, 0, 0, value)
}

fn exit() -> u64 {
    instruction(0x95, 0, 0, 0, 0)
}

fn instruction(opcode: u8, to: u8, from: u8, offset: i16, immediate: i32) -> u64 {
    let bytes = [opcode, from << 4 | to];
    u64::from(u16::from_ne_bytes(bytes)) | u64::from(offset as u16) << 16 | u64::from(immediate as u32) << 32
}
