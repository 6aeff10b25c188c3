//! The system calls that Docker's default profile lets through for a capability beyond the default ones.

use super::table::NONE;

const DAC_READ_SEARCH: u32 = 2;
const SYS_MODULE: u32 = 16;
const SYS_RAWIO: u32 = 17;
const SYS_PTRACE: u32 = 19;
const SYS_PACCT: u32 = 20;
pub(super) const SYS_ADMIN: u32 = 21;
const SYS_BOOT: u32 = 22;
const SYS_NICE: u32 = 23;
const SYS_TIME: u32 = 25;
const SYS_TTY_CONFIG: u32 = 26;
const SYSLOG: u32 = 34;
const PERFMON: u32 = 38;
const BPF: u32 = 39;

/// Capability, name, and the call's number on x86-64, i386 and aarch64.
#[rustfmt::skip]
pub(super) const GRANTED: &[(u32, &str, u16, u16, u16)] = &[
    (DAC_READ_SEARCH, "open_by_handle_at", 304, 342, 265),
    (SYS_ADMIN, "bpf", 321, 357, 280),
    (SYS_ADMIN, "clone", 56, 120, 220),
    (SYS_ADMIN, "clone3", 435, 435, 435),
    (SYS_ADMIN, "fanotify_init", 300, 338, 262),
    (SYS_ADMIN, "fsconfig", 431, 431, 431),
    (SYS_ADMIN, "fsmount", 432, 432, 432),
    (SYS_ADMIN, "fsopen", 430, 430, 430),
    (SYS_ADMIN, "fspick", 433, 433, 433),
    (SYS_ADMIN, "lookup_dcookie", 212, 253, 18),
    (SYS_ADMIN, "mount", 165, 21, 40),
    (SYS_ADMIN, "mount_setattr", 442, 442, 442),
    (SYS_ADMIN, "move_mount", 429, 429, 429),
    (SYS_ADMIN, "open_tree", 428, 428, 428),
    (SYS_ADMIN, "perf_event_open", 298, 336, 241),
    (SYS_ADMIN, "quotactl", 179, 131, 60),
    (SYS_ADMIN, "quotactl_fd", 443, 443, 443),
    (SYS_ADMIN, "setdomainname", 171, 121, 162),
    (SYS_ADMIN, "sethostname", 170, 74, 161),
    (SYS_ADMIN, "setns", 308, 346, 268),
    (SYS_ADMIN, "syslog", 103, 103, 116),
    (SYS_ADMIN, "umount", NONE, 22, NONE),
    (SYS_ADMIN, "umount2", 166, 52, 39),
    (SYS_ADMIN, "unshare", 272, 310, 97),
    (SYS_BOOT, "reboot", 169, 88, 142),
    (SYS_MODULE, "delete_module", 176, 129, 106),
    (SYS_MODULE, "finit_module", 313, 350, 273),
    (SYS_MODULE, "init_module", 175, 128, 105),
    (SYS_NICE, "get_mempolicy", 239, 275, 236),
    (SYS_NICE, "mbind", 237, 274, 235),
    (SYS_NICE, "set_mempolicy", 238, 276, 237),
    (SYS_NICE, "set_mempolicy_home_node", 450, 450, 450),
    (SYS_PACCT, "acct", 163, 51, 89),
    (SYS_PTRACE, "kcmp", 312, 349, 272),
    (SYS_PTRACE, "pidfd_getfd", 438, 438, 438),
    (SYS_PTRACE, "process_madvise", 440, 440, 440),
    (SYS_RAWIO, "ioperm", 173, 101, NONE),
    (SYS_RAWIO, "iopl", 172, 110, NONE),
    (SYS_TIME, "clock_settime", 227, 264, 112),
    (SYS_TIME, "clock_settime64", NONE, 404, NONE),
    (SYS_TIME, "settimeofday", 164, 79, 170),
    (SYS_TIME, "stime", NONE, 25, NONE),
    (SYS_TTY_CONFIG, "vhangup", 153, 111, 58),
    (SYSLOG, "syslog", 103, 103, 116),
    (PERFMON, "perf_event_open", 298, 336, 241),
    (BPF, "bpf", 321, 357, 280),
];
