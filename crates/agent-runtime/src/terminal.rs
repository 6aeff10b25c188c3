//! A container's terminal: made in the container's own `devpts`, its other end sent to the shim.

use crate::sys;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, UnixAddr, recvmsg, sendmsg};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

/// In the container: makes the terminal the three standard streams and `/dev/console`. Standard output has been the
/// socket to the shim.
pub(crate) fn open() -> io::Result<()> {
    let master: OwnedFd =
        OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open("/dev/pts/ptmx")?.into();
    let terminal = sys::open_terminal_peer(master.as_fd())?;
    let number = sys::terminal_number(master.as_fd())?;
    let fds = [master.as_raw_fd()];
    let message = [ControlMessage::ScmRights(&fds)];
    sendmsg::<UnixAddr>(libc::STDOUT_FILENO, &[IoSlice::new(b"t")], &message, MsgFlags::empty(), None)?;
    match fs::remove_file("/dev/console") {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    File::create_new("/dev/console")?;
    let path = format!("/dev/pts/{number}");
    mount(Some(&*path), "/dev/console", None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    sys::become_terminal(terminal)
}

/// In the shim: the end that was sent. Does not wait.
#[allow(unsafe_code)]
pub(crate) fn receive(socket: &OwnedFd) -> io::Result<File> {
    let mut space = nix::cmsg_space!(RawFd);
    let mut byte = [0];
    let mut into = [IoSliceMut::new(&mut byte)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<UnixAddr>(socket.as_raw_fd(), &mut into, Some(&mut space), flags)?;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = control
            && let [fd] = fds[..]
        {
            // SAFETY: the kernel has just made this descriptor.
            return Ok(unsafe { File::from_raw_fd(fd) });
        }
    }
    Err(ErrorKind::UnexpectedEof.into())
}
