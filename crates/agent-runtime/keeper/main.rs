//! What a shim is while its container is silent: it waits for output or the end, and becomes the shim again.
//!
//! Without the standard library, the C library and a heap: a page of code, one or two of stack. An idle container costs
//! little else but its shim, and there may be thousands. `rest.rs` says which descriptor is what, and starts it.

#![no_std]
#![no_main]

use core::arch::{asm, global_asm};

/// Readable when the container's init has ended.
const INIT: i32 = 3;
/// The shim's program.
const SHIM: i32 = 4;
/// The container's output; what it has not is `INIT` once more.
const OUTPUT: [i32; 2] = [6, 7];

const POLLIN: i16 = 1;
const AT_EMPTY_PATH: usize = 0x1000;

#[cfg(target_arch = "x86_64")]
mod number {
    pub const PPOLL: usize = 271;
    pub const EXECVEAT: usize = 322;
    pub const NANOSLEEP: usize = 35;
}

#[cfg(target_arch = "aarch64")]
mod number {
    pub const PPOLL: usize = 73;
    pub const EXECVEAT: usize = 281;
    pub const NANOSLEEP: usize = 101;
}

#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "mov rdi, rsp", "and rsp, -16", "call {}", "ud2", sym keep);

#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x0, sp", "bl {}", "brk #1", sym keep);

#[repr(C)]
struct PollFd {
    fd: i32,
    events: i16,
    revents: i16,
}

/// `stack` is what the kernel left there: the number of arguments, the arguments, the environment.
///
/// # Safety
/// To be called by `_start` alone.
unsafe extern "C" fn keep(stack: *const usize) -> ! {
    let [first, second] = OUTPUT;
    let mut sources = [INIT, first, second].map(|fd| PollFd { fd, events: POLLIN, revents: 0 });
    let retry_after: [usize; 2] = [0, 100_000_000];
    // SAFETY: the arguments are followed by a null, and that by the environment.
    let (arguments, environment) = unsafe { (stack.add(1), stack.add(*stack + 2)) };
    loop {
        // SAFETY: every pointer is to what the system call expects.
        unsafe {
            call(number::PPOLL, [sources.as_mut_ptr() as usize, sources.len(), 0, 0, 0]);
            let (arguments, environment) = (arguments as usize, environment as usize);
            let path = c"".as_ptr() as usize;
            call(number::EXECVEAT, [SHIM as usize, path, arguments, environment, AT_EMPTY_PATH]);
            // There was no memory for it, say.
            call(number::NANOSLEEP, [retry_after.as_ptr() as usize, 0, 0, 0, 0]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
unsafe fn call(number: usize, [a, b, c, d, e]: [usize; 5]) {
    // SAFETY: the caller's; the kernel changes these two registers beside the answer's.
    unsafe {
        asm!("syscall", inlateout("rax") number => _, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e,
            lateout("rcx") _, lateout("r11") _);
    }
}

#[cfg(target_arch = "aarch64")]
unsafe fn call(number: usize, [a, b, c, d, e]: [usize; 5]) {
    // SAFETY: the caller's.
    unsafe {
        asm!("svc #0", in("x8") number, inlateout("x0") a => _, in("x1") b, in("x2") c, in("x3") d, in("x4") e);
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
