//! System calls that no library wraps, each behind a safe function.

use nix::fcntl::{FcntlArg, FdFlag, SealFlag};
use nix::libc::{self, c_int, c_long, c_uint, sock_filter, sock_fprog};
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

/// The two sides of [`clone_process`].
pub(crate) enum Cloned {
    /// In the new process.
    Child,
    /// In the one that called.
    Parent {
        /// The child's process id, in the caller's namespace.
        pid: i32,
        /// The child; becomes readable when it has ended.
        pidfd: OwnedFd,
    },
}

/// `struct clone_args`, as of Linux 5.7.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Forks into new namespaces (`CLONE_NEW…` flags) and, on cgroup v2, right into a cgroup.
///
/// # Panics
/// When the process has more than one thread: the child could find any lock taken.
#[allow(unsafe_code)]
pub(crate) fn clone_process(namespaces: c_int, cgroup: Option<BorrowedFd>) -> io::Result<Cloned> {
    assert_single_threaded();
    let mut pidfd: RawFd = -1;
    let mut args = CloneArgs {
        flags: namespaces as u64 | libc::CLONE_PIDFD as u64,
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArgs::default()
    };
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: memory is not shared with the child, which continues on a copy of this stack, as after fork; this is the
    // only thread, so no lock is held by one that the child lacks.
    let pid = check(unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<CloneArgs>()) })?;
    if pid == 0 {
        return Ok(Cloned::Child);
    }
    // SAFETY: the kernel has just stored a new descriptor there.
    Ok(Cloned::Parent { pid: pid as i32, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) } })
}

fn assert_single_threaded() {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    assert_eq!(threads, 1, "the shim forks, so it must not have threads");
}

/// A handle to a process that is not mistaken for a later one with the same number.
#[allow(unsafe_code)]
pub(crate) fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers; the result is a new descriptor.
    unsafe { Ok(OwnedFd::from_raw_fd(check(libc::syscall(libc::SYS_pidfd_open, pid, 0))? as RawFd)) }
}

/// Sends a signal; one to a process that has ended is an `ESRCH`.
#[allow(unsafe_code)]
pub(crate) fn pidfd_send_signal(pidfd: BorrowedFd, signal: c_int) -> io::Result<()> {
    let (no_details, flags) = (std::ptr::null::<libc::siginfo_t>(), 0);
    // SAFETY: a null siginfo asks for the default one.
    check(unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_details, flags)
    })?;
    Ok(())
}

/// Waits for the end of a child (`options` as of waitid) and answers its exit status, or 128 + the signal's number.
///
/// # Errors
/// `ECHILD` when it is another process's child.
#[allow(unsafe_code)]
pub(crate) fn wait_pidfd(pidfd: BorrowedFd, options: c_int) -> io::Result<i32> {
    // SAFETY: all-zero bytes are a valid siginfo.
    let mut details: libc::siginfo_t = unsafe { std::mem::zeroed() };
    loop {
        let id = pidfd.as_raw_fd() as libc::id_t;
        // SAFETY: the kernel writes one siginfo.
        let waited = unsafe { libc::waitid(libc::P_PIDFD, id, &raw mut details, libc::WEXITED | options) };
        match check(waited.into()) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
            Ok(_) => break,
        }
    }
    // SAFETY: a successful waitid for ended children fills in the status.
    let status = unsafe { details.si_status() };
    Ok(if details.si_code == libc::CLD_EXITED { status } else { 128 + status })
}

/// A detached copy of the mount at `path`: what [`move_mount`] puts elsewhere.
pub(crate) fn clone_mount(path: &CStr) -> io::Result<OwnedFd> {
    open_tree(path, 0)
}

/// As [`clone_mount`], with the mounts below it.
pub(crate) fn clone_mounts(path: &CStr) -> io::Result<OwnedFd> {
    open_tree(path, libc::AT_RECURSIVE as c_uint)
}

#[allow(unsafe_code)]
fn open_tree(path: &CStr, flags: c_uint) -> io::Result<OwnedFd> {
    const OPEN_TREE_CLONE: c_uint = 1;
    let flags = flags | OPEN_TREE_CLONE | libc::O_CLOEXEC as c_uint;
    // SAFETY: the path is a valid C string; the result is a new descriptor.
    unsafe {
        let fd = check(libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags))?;
        Ok(OwnedFd::from_raw_fd(fd as RawFd))
    }
}

/// Makes a detached mount, and those below it, read-only. Needs Linux 5.12.
#[allow(unsafe_code)]
pub(crate) fn make_read_only(mount: BorrowedFd) -> io::Result<()> {
    /// `struct mount_attr`.
    #[repr(C)]
    struct Attributes {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    const RDONLY: u64 = 1;
    let attributes = Attributes { set: RDONLY, clear: 0, propagation: 0, user_namespace: 0 };
    let (mount, path, size) = (mount.as_raw_fd(), c"".as_ptr(), size_of::<Attributes>());
    // SAFETY: the path is a valid C string and the size is that of the struct.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount,
            path,
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const attributes,
            size,
        )
    })?;
    Ok(())
}

/// Puts a detached mount onto what is open as `target`.
#[allow(unsafe_code)]
pub(crate) fn move_mount(mount: BorrowedFd, target: BorrowedFd) -> io::Result<()> {
    const F_EMPTY_PATH: c_uint = 4;
    const T_EMPTY_PATH: c_uint = 0x40;
    let (here, flags) = (c"".as_ptr(), F_EMPTY_PATH | T_EMPTY_PATH);
    // SAFETY: both paths are valid C strings.
    check(unsafe {
        libc::syscall(libc::SYS_move_mount, mount.as_raw_fd(), here, target.as_raw_fd(), here, flags)
    })?;
    Ok(())
}

/// Opens a path below `root` as if that were `/`: neither `..` nor a link of any kind leads out of it.
#[allow(unsafe_code)]
pub(crate) fn open_in_root(root: BorrowedFd, path: &CStr, flags: c_int) -> io::Result<OwnedFd> {
    /// `struct open_how`.
    #[repr(C)]
    struct How {
        flags: u64,
        mode: u64,
        resolve: u64,
    }
    const NO_MAGICLINKS: u64 = 0x02;
    const IN_ROOT: u64 = 0x10;
    let how = How { flags: (flags | libc::O_CLOEXEC) as u64, mode: 0, resolve: NO_MAGICLINKS | IN_ROOT };
    // SAFETY: the path is a valid C string and the size is that of the struct; the result is a new descriptor.
    unsafe {
        let (how, size) = (&raw const how, size_of::<How>());
        let fd = check(libc::syscall(libc::SYS_openat2, root.as_raw_fd(), path.as_ptr(), how, size))?;
        Ok(OwnedFd::from_raw_fd(fd as RawFd))
    }
}

/// Copies the extended attributes that are the file's own from one path to another; links are not followed.
#[allow(unsafe_code)]
pub(crate) fn copy_attributes(from: &CStr, to: &CStr) -> io::Result<()> {
    /// What the kernel takes at most.
    const BYTES_MAX: usize = 65_536;
    let mut names = vec![0_u8; BYTES_MAX];
    // SAFETY: the path is a valid C string; the kernel writes at most as many bytes as there are.
    let listed = unsafe { libc::llistxattr(from.as_ptr(), names.as_mut_ptr().cast(), BYTES_MAX) };
    let length = match check(listed as c_long) {
        Err(e) if e.raw_os_error() == Some(libc::ENOTSUP) => return Ok(()),
        other => other? as usize,
    };
    let mut value = vec![0_u8; BYTES_MAX];
    for name in names[..length].split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        let text = name.to_bytes();
        // Labels are the host's to give, and overlayfs keeps its own in `trusted`.
        if text.starts_with(b"security.selinux") || text.starts_with(b"trusted.") {
            continue;
        }
        // SAFETY: as above.
        let size = check(unsafe {
            libc::lgetxattr(from.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), BYTES_MAX) as c_long
        })?;
        // SAFETY: as above; the kernel reads what it has just written.
        match check(unsafe {
            let value = value.as_ptr().cast();
            c_long::from(libc::lsetxattr(to.as_ptr(), name.as_ptr(), value, size as usize, 0))
        }) {
            Err(e) if e.raw_os_error() == Some(libc::ENOTSUP) => {}
            other => drop(other?),
        }
    }
    Ok(())
}

/// Unlocks the other end of a new terminal and opens it.
#[allow(unsafe_code)]
pub(crate) fn open_terminal_peer(master: BorrowedFd) -> io::Result<OwnedFd> {
    let unlock: c_int = 0;
    // SAFETY: the kernel reads one int.
    check(unsafe { c_long::from(libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlock)) })?;
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: no pointers; the result is a new descriptor.
    unsafe {
        let fd = check(c_long::from(libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags)))?;
        Ok(OwnedFd::from_raw_fd(fd as RawFd))
    }
}

/// The number of a new terminal in its file system.
#[allow(unsafe_code)]
pub(crate) fn terminal_number(master: BorrowedFd) -> io::Result<u32> {
    let mut number: c_uint = 0;
    // SAFETY: the kernel writes one int.
    check(unsafe { c_long::from(libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &raw mut number)) })?;
    Ok(number)
}

/// Makes a terminal the controlling one of this session, and the three standard streams.
#[allow(unsafe_code)]
pub(crate) fn become_terminal(terminal: OwnedFd) -> io::Result<()> {
    for stream in 0..3 {
        // SAFETY: the standard streams are owned by nobody.
        check(unsafe { c_long::from(libc::dup2(terminal.as_raw_fd(), stream)) })?;
    }
    // SAFETY: no pointers.
    check(unsafe { c_long::from(libc::ioctl(0, libc::TIOCSCTTY, 0)) })?;
    Ok(())
}

/// Sends a signal, real-time ones too. A process that has ended is no error.
#[allow(unsafe_code)]
pub(crate) fn send_signal(pid: c_int, signal: c_int) {
    // SAFETY: no pointers.
    unsafe { libc::kill(pid, signal) };
}

/// Waits for one of the signals, all of which are blocked.
#[allow(unsafe_code)]
pub(crate) fn wait_signal() -> c_int {
    // SAFETY: all-zero bytes are a valid set, which is filled in; nobody wants the details of the signal.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigwaitinfo(&raw const all, std::ptr::null_mut())
    }
}

/// Forks. In the child it answers `None`.
///
/// # Panics
/// When the process has more than one thread.
#[allow(unsafe_code)]
pub(crate) fn fork() -> io::Result<Option<i32>> {
    assert_single_threaded();
    // SAFETY: this is the only thread, so the child lacks none that could hold a lock.
    let pid = check(unsafe { c_long::from(libc::fork()) })?;
    Ok((pid > 0).then_some(pid as i32))
}

/// Makes `stdio` the descriptors 0 to 2, closes every other one but `kept`, and answers those.
#[allow(unsafe_code)]
pub(crate) fn keep_only(
    stdio: [OwnedFd; 3],
    kept: impl IntoIterator<Item = OwnedFd>,
) -> io::Result<Vec<OwnedFd>> {
    /// Above what a shim has open, so that nothing that is still needed is overwritten below.
    const OUT_OF_THE_WAY: RawFd = 512;
    let mut high = Vec::new();
    for fd in kept {
        // SAFETY: no pointers.
        high.push(check(unsafe {
            c_long::from(libc::fcntl(fd.into_raw_fd(), libc::F_DUPFD_CLOEXEC, OUT_OF_THE_WAY))
        })? as RawFd);
    }
    for (to, from) in (0..).zip(stdio.map(IntoRawFd::into_raw_fd)) {
        // SAFETY: the process is a fresh copy that runs nothing but this: no value that owns a descriptor is used again.
        check(unsafe { c_long::from(libc::dup2(from, to)) })?;
    }
    for (to, from) in (3..).zip(&high) {
        // SAFETY: as above.
        check(unsafe { c_long::from(libc::dup3(*from, to, libc::O_CLOEXEC)) })?;
    }
    let end = 3 + high.len() as RawFd;
    close_from(end)?;
    // SAFETY: these descriptors are open and owned by nothing else.
    Ok((3..end).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect())
}

/// Gives the descriptors the numbers from `first` on, open across `execve`, and closes every other one from there on. Whatever
/// owned one of these numbers owns it no more: forget it.
///
/// # Errors
/// All are as they were.
#[allow(unsafe_code)]
pub(crate) fn arrange(first: RawFd, descriptors: &[BorrowedFd]) -> io::Result<()> {
    let end = first + descriptors.len() as RawFd;
    // Above all of the new numbers, so that nothing that is still needed is overwritten below.
    let duplicate = |fd: &BorrowedFd| nix::fcntl::fcntl(fd.as_raw_fd(), FcntlArg::F_DUPFD_CLOEXEC(end));
    // SAFETY: it is new.
    let duplicates = descriptors.iter().map(|fd| Ok(unsafe { OwnedFd::from_raw_fd(duplicate(fd)?) }));
    let duplicates: Vec<OwnedFd> = duplicates.collect::<io::Result<_>>()?;
    for (to, from) in (first..).zip(duplicates) {
        // SAFETY: no pointers. Both are valid, so there is nothing to fail for.
        unsafe { libc::dup2(from.into_raw_fd(), to) };
    }
    // What stays open is nothing but open.
    let _ = close_from(end);
    Ok(())
}

/// Takes what was [arranged](arrange).
#[allow(unsafe_code)]
pub(crate) fn take_arranged<const N: usize>(first: RawFd) -> io::Result<[OwnedFd; N]> {
    for fd in (first..).take(N) {
        nix::fcntl::fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    close_from(first + N as RawFd)?;
    // SAFETY: they are open, as the above has found, and nothing else owns them.
    Ok(std::array::from_fn(|n| unsafe { OwnedFd::from_raw_fd(first + n as RawFd) }))
}

/// A file in memory that can be executed, and not be changed.
#[allow(unsafe_code)]
pub(crate) fn memory_program(name: &CStr, program: &[u8]) -> io::Result<OwnedFd> {
    // The flag that says so is known, and needed, since Linux 6.3.
    let create = |flags: c_uint| {
        // SAFETY: the name is a valid C string; the result is a new descriptor.
        unsafe {
            let flags = flags | libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
            let fd = check(c_long::from(libc::memfd_create(name.as_ptr(), flags)))?;
            Ok(OwnedFd::from_raw_fd(fd as RawFd))
        }
    };
    let file = create(libc::MFD_EXEC).or_else(|_: io::Error| create(0))?;
    File::from(file.try_clone()?).write_all(program)?;
    nix::fcntl::fcntl(file.as_raw_fd(), FcntlArg::F_ADD_SEALS(SealFlag::all()))?;
    Ok(file)
}

/// Whether a standard stream is a pipe.
pub(crate) fn is_pipe(stream: RawFd) -> io::Result<bool> {
    let mode = nix::sys::stat::fstat(stream)?.st_mode;
    Ok(mode & libc::S_IFMT == libc::S_IFIFO)
}

/// Closes every descriptor from `first` on.
///
/// # Errors
/// Only on kernels before 5.9.
#[allow(unsafe_code)]
pub(crate) fn close_from(first: RawFd) -> io::Result<()> {
    // SAFETY: callers own none of these: what a parent leaked, or, before an exec, what is never used again.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, c_uint::MAX, 0) })?;
    Ok(())
}

/// Sets the three capability sets of this process; nothing is inheritable.
#[allow(unsafe_code)]
pub(crate) fn set_capabilities(set: u64) -> io::Result<()> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: c_int,
    }
    #[repr(C)]
    struct Half {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    const VERSION_3: u32 = 0x2008_0522;
    let header = Header { version: VERSION_3, pid: 0 };
    let half = |bits: u32| Half { effective: bits, permitted: bits, inheritable: 0 };
    let halves = [half(set as u32), half((set >> 32) as u32)];
    // SAFETY: the kernel reads one header and, for version 3, two halves.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw const header, halves.as_ptr()) })?;
    Ok(())
}

/// Takes every capability outside `set` from the bounding set, for good.
#[allow(unsafe_code)]
pub(crate) fn limit_bounding_set(set: u64) -> io::Result<()> {
    for capability in (0..64).filter(|c| set & (1 << c) == 0) {
        // SAFETY: no pointers.
        match check(unsafe { c_long::from(libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0)) }) {
            // The kernel knows no more capabilities.
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => break,
            other => other?,
        };
    }
    Ok(())
}

/// Installs a seccomp filter on this thread.
#[allow(unsafe_code)]
pub(crate) fn install_filter(filter: &mut [sock_filter]) -> io::Result<()> {
    let program = sock_fprog {
        len: u16::try_from(filter.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: filter.as_mut_ptr(),
    };
    let flags = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: the program points to as many instructions as it says; the kernel copies them.
    check(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    })?;
    Ok(())
}

/// Gives this process a session keyring of its own, so that it cannot search its parent's.
#[allow(unsafe_code)]
pub(crate) fn join_session_keyring(name: &CStr) -> io::Result<()> {
    // SAFETY: the name is a valid C string.
    check(unsafe {
        libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING as c_int, name.as_ptr())
    })?;
    Ok(())
}

/// Sets the host name of this UTS namespace.
#[allow(unsafe_code)]
pub(crate) fn set_hostname(name: &str) -> io::Result<()> {
    // SAFETY: the pointer and the length are of one string.
    check(unsafe { c_long::from(libc::sethostname(name.as_ptr().cast(), name.len())) })?;
    Ok(())
}

/// Brings up the loopback interface of this network namespace.
#[allow(unsafe_code)]
pub(crate) fn raise_loopback() -> io::Result<()> {
    // SAFETY: no pointers; the result is a new descriptor.
    let socket = unsafe {
        let fd = check(c_long::from(libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0)))?;
        OwnedFd::from_raw_fd(fd as RawFd)
    };
    // SAFETY: all-zero bytes are a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
    // SAFETY: the request is a valid ifreq with a name and flags, as SIOCSIFFLAGS wants.
    check(unsafe { c_long::from(libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request)) })?;
    Ok(())
}

/// Sets both limits of a resource (`RLIMIT_…`).
#[allow(unsafe_code)]
pub(crate) fn set_limit(resource: libc::__rlimit_resource_t, soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the kernel reads one rlimit.
    check(unsafe { c_long::from(libc::setrlimit(resource, &raw const limit)) })?;
    Ok(())
}

/// The hard limit of a resource.
#[allow(unsafe_code)]
pub(crate) fn hard_limit(resource: libc::__rlimit_resource_t) -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one rlimit.
    check(unsafe { c_long::from(libc::getrlimit(resource, &raw mut limit)) })?;
    Ok(limit.rlim_max)
}

/// Sets what a signal does to `SIG_DFL` or `SIG_IGN`.
#[allow(unsafe_code)]
pub(crate) fn set_disposition(signal: c_int, disposition: libc::sighandler_t) {
    // SAFETY: neither disposition runs code of ours. The only failure is a signal that does not exist.
    unsafe { libc::signal(signal, disposition) };
}

/// Ends this process without running anything that its parent registered.
#[allow(unsafe_code)]
pub(crate) fn exit_now(code: c_int) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

/// Hands freed memory back to the kernel.
#[allow(unsafe_code)]
pub(crate) fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes the allocator's own locks; touches only memory that is free.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Loads a cgroup device program (eBPF, 8 bytes an instruction) and attaches it to a v2 cgroup.
#[allow(unsafe_code)]
pub(crate) fn attach_device_program(cgroup: BorrowedFd, program: &[u64]) -> io::Result<()> {
    #[repr(C)]
    #[derive(Default)]
    struct Load {
        kind: u32,
        count: u32,
        instructions: u64,
        license: u64,
        log: [u64; 2],
        rest: [u64; 12],
    }
    #[repr(C)]
    #[derive(Default)]
    struct Attach {
        target: u32,
        program: u32,
        kind: u32,
        flags: u32,
        rest: [u64; 16],
    }
    const PROG_LOAD: c_int = 5;
    const PROG_ATTACH: c_int = 8;
    const PROG_TYPE_CGROUP_DEVICE: u32 = 15;
    const ATTACH_CGROUP_DEVICE: u32 = 6;
    // systemd may have programs of its own above.
    const ALLOW_MULTI: u32 = 2;
    let load = Load {
        kind: PROG_TYPE_CGROUP_DEVICE,
        count: program.len() as u32,
        instructions: program.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        ..Load::default()
    };
    // SAFETY: both pointers live through the call; the rest of the union is zero, as the kernel demands.
    let loaded = unsafe {
        let fd = check(libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw const load, size_of::<Load>()))?;
        OwnedFd::from_raw_fd(fd as RawFd)
    };
    let attach = Attach {
        target: cgroup.as_raw_fd() as u32,
        program: loaded.as_raw_fd() as u32,
        kind: ATTACH_CGROUP_DEVICE,
        flags: ALLOW_MULTI,
        ..Attach::default()
    };
    // SAFETY: as above.
    check(unsafe { libc::syscall(libc::SYS_bpf, PROG_ATTACH, &raw const attach, size_of::<Attach>()) })?;
    Ok(())
}

fn check(result: c_long) -> io::Result<c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
