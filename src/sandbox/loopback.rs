//! Switches on the loopback interface, the only one of the sandbox's network. In a new network
//! namespace it is off, and programs that look for an address to listen on (Postfix's `newaliases`)
//! find none.

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};
use std::io;

/// Numbers of linux/netlink.h, linux/rtnetlink.h and linux/if.h.
const RTM_NEWLINK: u16 = 16;
const NLM_F_REQUEST_ACK: u16 = 1 | 4;
const NLMSG_ERROR: u16 = 2;
const IFF_UP: u32 = 1;
/// The number of the loopback interface, which the kernel makes first in every network namespace.
const LOOPBACK: i32 = 1;

/// Switches the interface on, as `ip link set lo up` does (rtnetlink(7)).
pub(super) fn switch_on() -> io::Result<()> {
    let flags = SocketFlags::CLOEXEC;
    let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
    // Protocol 0 is NETLINK_ROUTE.
    let socket = socket_with(family, kind, flags, None)?;
    send(&socket, &request(), SendFlags::empty())?;
    let mut answer = [0; 64];
    let (n, _) = recv(&socket, &mut answer, RecvFlags::empty())?;
    match refusal(&answer[..n]) {
        Some(0) => Ok(()),
        Some(number) => Err(io::Error::from_raw_os_error(-number)),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The request: a `struct nlmsghdr` and a `struct ifinfomsg`.
fn request() -> Vec<u8> {
    const LEN: u32 = 16 + 16;
    let mut request = Vec::new();
    request.extend(LEN.to_ne_bytes());
    request.extend(RTM_NEWLINK.to_ne_bytes());
    request.extend(NLM_F_REQUEST_ACK.to_ne_bytes());
    // The sequence number and the sender; then family, padding and type, which do not matter here.
    request.extend([0; 8 + 4]);
    request.extend(LOOPBACK.to_ne_bytes());
    // The flags, and the mask of those that are set.
    request.extend(IFF_UP.to_ne_bytes());
    request.extend(IFF_UP.to_ne_bytes());
    request
}

/// The negative error number in an `NLMSG_ERROR`, or 0 if there was none.
fn refusal(answer: &[u8]) -> Option<i32> {
    let kind = answer.get(4..6)?.try_into().ok()?;
    let number = answer.get(16..20)?.try_into().ok()?;
    (u16::from_ne_bytes(kind) == NLMSG_ERROR).then_some(i32::from_ne_bytes(number))
}
