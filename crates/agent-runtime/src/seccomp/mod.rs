//! Docker's default seccomp profile as a filter of classic BPF.
//!
//! Each architecture's numbers become a sorted partition (from this number on: that verdict), and the partition a
//! binary search: about nine steps for a call, which also keeps short the kernel's own walk over all numbers when the
//! filter is installed.

mod granted;
mod table;

use granted::GRANTED;
use nix::libc::{self, sock_filter};
use table::{LAST_KNOWN, NONE, TABLE};

/// What happens to a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allow,
    /// Permission denied.
    Deny,
    /// As if the kernel were too old to know it: the C library falls back. Filters cannot look into clone3's struct.
    Absent,
    /// Every family but vsock, which would lead around the network namespace.
    Socket,
    /// Only the harmless personas.
    Personality,
    /// No new namespaces.
    Clone,
}

const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
const AUDIT_ARCH_I386: u32 = 0x4000_0003;
const AUDIT_ARCH_AARCH64: u32 = 0xc000_00b7;

/// Offsets in `struct seccomp_data`; the first argument's lower half, as both architectures are little-endian.
const NR: u32 = 0;
const ARCH: u32 = 4;
const ARG0: u32 = 16;

const AF_VSOCK: u32 = 40;
/// `CLONE_NEW*` of every namespace but time's.
const NEW_NAMESPACES: u32 = 0x7e02_0000;
/// PER_LINUX, PER_LINUX32, UNAME26 with either, and the query.
const PERSONALITIES: [u32; 5] = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// The filter for a container with these capabilities on this machine's architecture, and its 32-bit sibling on x86.
pub(crate) fn filter(capabilities: u64) -> Vec<sock_filter> {
    let sections: &[(u32, Vec<sock_filter>)] = if cfg!(target_arch = "aarch64") {
        &[(AUDIT_ARCH_AARCH64, section(capabilities, |[_, _, number]| number))]
    } else {
        &[
            (AUDIT_ARCH_X86_64, section(capabilities, |[number, _, _]| number)),
            (AUDIT_ARCH_I386, section(capabilities, |[_, number, _]| number)),
        ]
    };
    let mut program = vec![load(ARCH)];
    for (arch, body) in sections {
        program.push(jump(libc::BPF_JEQ, *arch, 1, 0));
        program.push(always(body.len()));
        program.extend_from_slice(body);
    }
    program.push(errno(libc::ENOSYS));
    program
}

fn section(capabilities: u64, number: impl Fn([u16; 3]) -> u16) -> Vec<sock_filter> {
    let mut section = vec![load(NR)];
    section.extend(search(&partition(capabilities, number)));
    section
}

/// From each number on, until the next one: that verdict.
fn partition(capabilities: u64, number: impl Fn([u16; 3]) -> u16) -> Vec<(u32, Verdict)> {
    let mut verdicts = vec![Verdict::Deny; usize::from(LAST_KNOWN) + 1];
    let always = TABLE.iter().map(|row| (row.1, [row.2, row.3, row.4]));
    let granted = GRANTED.iter().filter(|row| capabilities & (1 << row.0) != 0);
    let granted = granted.map(|row| (Verdict::Allow, [row.2, row.3, row.4]));
    for (verdict, numbers) in always.chain(granted) {
        let number = number(numbers);
        if number != NONE {
            verdicts[usize::from(number)] = verdict;
        }
    }
    verdicts.push(Verdict::Absent);
    let mut parts: Vec<(u32, Verdict)> = Vec::new();
    for (number, verdict) in (0..).zip(verdicts) {
        if parts.last().is_none_or(|(_, last)| *last != verdict) {
            parts.push((number, verdict));
        }
    }
    parts
}

fn search(parts: &[(u32, Verdict)]) -> Vec<sock_filter> {
    if let [(_, verdict)] = parts {
        return answer(*verdict);
    }
    let (below, above) = parts.split_at(parts.len() / 2);
    let (first, below, above) = (above[0].0, search(below), search(above));
    let mut program = match u8::try_from(below.len()) {
        Ok(near) => vec![jump(libc::BPF_JGE, first, near, 0)],
        Err(_) => vec![jump(libc::BPF_JGE, first, 0, 1), always(below.len())],
    };
    program.extend(below);
    program.extend(above);
    program
}

fn answer(verdict: Verdict) -> Vec<sock_filter> {
    let allow = ret(libc::SECCOMP_RET_ALLOW);
    match verdict {
        Verdict::Allow => vec![allow],
        Verdict::Deny => vec![errno(libc::EPERM)],
        Verdict::Absent => vec![errno(libc::ENOSYS)],
        Verdict::Socket => {
            vec![load(ARG0), jump(libc::BPF_JEQ, AF_VSOCK, 0, 1), errno(libc::EPERM), allow]
        }
        Verdict::Clone => {
            vec![load(ARG0), jump(libc::BPF_JSET, NEW_NAMESPACES, 0, 1), errno(libc::EPERM), allow]
        }
        Verdict::Personality => {
            let mut program = vec![load(ARG0)];
            for (left, persona) in (1..=5).rev().zip(PERSONALITIES) {
                program.push(jump(libc::BPF_JEQ, persona, left, 0));
            }
            program.extend([errno(libc::EPERM), allow]);
            program
        }
    }
}

fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

fn jump(condition: u32, operand: u32, if_true: u8, if_false: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_K | condition, if_true, if_false, operand)
}

fn always(skip: usize) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JA, 0, 0, skip as u32)
}

fn ret(value: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, value)
}

fn errno(errno: i32) -> sock_filter {
    ret(libc::SECCOMP_RET_ERRNO | errno as u32)
}

fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    const EPERM: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

    /// Runs the filter as the kernel would.
    fn verdict(arch: u32, nr: u32, arg0: u32) -> u32 {
        verdict_with(0, arch, nr, arg0)
    }

    fn verdict_with(capabilities: u64, arch: u32, nr: u32, arg0: u32) -> u32 {
        let program = filter(capabilities);
        let (mut pc, mut accumulator) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[pc];
            pc += 1;
            let branch = |holds: bool| usize::from(if holds { jt } else { jf });
            match u32::from(code) {
                c if c == libc::BPF_RET => return k,
                c if c == libc::BPF_LD | libc::BPF_ABS => {
                    accumulator = [(NR, nr), (ARCH, arch), (ARG0, arg0)]
                        .into_iter()
                        .find_map(|(offset, value)| (offset == k).then_some(value))
                        .unwrap();
                }
                c if c == libc::BPF_JMP => pc += k as usize,
                c if c == libc::BPF_JMP | libc::BPF_JEQ => pc += branch(accumulator == k),
                c if c == libc::BPF_JMP | libc::BPF_JGE => pc += branch(accumulator >= k),
                c if c == libc::BPF_JMP | libc::BPF_JSET => pc += branch(accumulator & k != 0),
                c => panic!("instruction {c:#x}"),
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_row_of_the_table_gets_its_verdict_and_all_else_is_denied() {
        for nr in 0..=u32::from(LAST_KNOWN) {
            let row = TABLE.iter().find(|row| u32::from(row.2) == nr);
            let expected = match row.map(|row| row.1) {
                None | Some(Verdict::Deny) => EPERM,
                Some(Verdict::Absent) => ENOSYS,
                Some(_) => ALLOW,
            };
            assert_eq!(verdict(AUDIT_ARCH_X86_64, nr, 0), expected, "{nr} {row:?}");
        }
        assert_eq!(verdict(AUDIT_ARCH_X86_64, u32::from(LAST_KNOWN) + 1, 0), ENOSYS);
        assert_eq!(verdict(AUDIT_ARCH_X86_64, 0x4000_0000, 0), ENOSYS, "x32");
        assert_eq!(verdict(0xdead_beef, 0, 0), ENOSYS, "unknown architecture");
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn arguments_are_looked_at() {
        let native = |nr: i64, arg0| verdict(AUDIT_ARCH_X86_64, nr as u32, arg0);
        assert_eq!(native(libc::SYS_mount, 0), EPERM);
        assert_eq!(native(libc::SYS_unshare, 0), EPERM);
        assert_eq!(native(libc::SYS_socket, libc::AF_INET as u32), ALLOW);
        assert_eq!(native(libc::SYS_socket, AF_VSOCK), EPERM);
        assert_eq!(native(libc::SYS_clone, libc::SIGCHLD as u32), ALLOW);
        assert_eq!(native(libc::SYS_clone, libc::CLONE_NEWUSER as u32), EPERM);
        assert_eq!(native(libc::SYS_personality, 0x2_0008), ALLOW);
        assert_eq!(native(libc::SYS_personality, 0xffff_ffff), ALLOW);
        assert_eq!(native(libc::SYS_personality, 0x40000), EPERM, "ADDR_NO_RANDOMIZE");
        assert_eq!(verdict(AUDIT_ARCH_I386, 21, 0), EPERM, "mount");
        assert_eq!(verdict(AUDIT_ARCH_I386, 102, 0), ALLOW, "socketcall");
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn capabilities_let_more_through() {
        let clone = (libc::SYS_clone as u32, libc::CLONE_NEWUSER as u32);
        for (capability, (nr, arg0)) in [
            (granted::SYS_ADMIN, (libc::SYS_mount as u32, 0)),
            (granted::SYS_ADMIN, clone),
            (granted::SYS_ADMIN, (libc::SYS_clone3 as u32, 0)),
            (25, (libc::SYS_settimeofday as u32, 0)),
        ] {
            assert_ne!(verdict(AUDIT_ARCH_X86_64, nr, arg0), ALLOW, "{nr}");
            assert_eq!(verdict_with(1 << capability, AUDIT_ARCH_X86_64, nr, arg0), ALLOW, "{nr}");
            assert_ne!(verdict_with(!(1 << capability), AUDIT_ARCH_X86_64, nr, arg0), ALLOW, "{nr}");
        }
    }
}
