//! The devices that a container may use: Docker's default list. It may make any node (`mknod`), and open these.

use super::open_dir;
use crate::sys;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// Major and minor number of character devices that may be read and written; `None` is every minor.
const CHARACTER_DEVICES: [(u32, Option<u32>); 9] = [
    (1, Some(3)), // null
    (1, Some(5)), // zero
    (1, Some(7)), // full
    (1, Some(8)), // random
    (1, Some(9)), // urandom
    (5, Some(0)), // tty
    (5, Some(1)), // console
    (5, Some(2)), // ptmx
    (136, None),  // pts
];

pub(super) fn restrict_v1(dir: &Path) -> io::Result<()> {
    fs::write(dir.join("devices.deny"), "a")?;
    let allow = dir.join("devices.allow");
    for (major, minor) in CHARACTER_DEVICES {
        let minor = minor.map_or("*".to_owned(), |minor| minor.to_string());
        fs::write(&allow, format!("c {major}:{minor} rwm"))?;
    }
    fs::write(&allow, "c *:* m")?;
    fs::write(&allow, "b *:* m")
}

pub(super) fn restrict_v2(dir: &Path) -> io::Result<()> {
    sys::attach_device_program(open_dir(dir)?.as_fd(), &program())
}

/// The list as eBPF over `struct bpf_cgroup_dev_ctx`: access and type, major, minor. It answers 1 to permit.
fn program() -> Vec<u64> {
    const ACCESS: u8 = 2;
    const TYPE: u8 = 3;
    const MAJOR: u8 = 4;
    const MINOR: u8 = 5;
    const ACCESS_MKNOD: i32 = 1;
    const TYPE_CHARACTER: i32 = 2;
    let mut program = vec![
        load(ACCESS, 0),
        copy(TYPE, ACCESS),
        and(TYPE, 0xffff),
        shift_right(ACCESS, 16),
        load(MAJOR, 4),
        load(MINOR, 8),
        // Making a node of any kind is allowed, and nothing more than making.
        jump_unless_equal(ACCESS, ACCESS_MKNOD, 2),
        answer(1),
        exit(),
        jump_if_equal(TYPE, TYPE_CHARACTER, 2),
        answer(0),
        exit(),
    ];
    for (major, minor) in CHARACTER_DEVICES {
        match minor {
            Some(minor) => {
                program.push(jump_unless_equal(MAJOR, major as i32, 3));
                program.push(jump_unless_equal(MINOR, minor as i32, 2));
            }
            None => program.push(jump_unless_equal(MAJOR, major as i32, 2)),
        }
        program.extend([answer(1), exit()]);
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

fn jump_if_equal(register: u8, value: i32, skip: i16) -> u64 {
    instruction(0x15, register, 0, skip, value)
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
