//! Reads the arguments in the memory of a stopped caller, and writes answers there in the kernel's
//! forms.
#![expect(
    unsafe_code,
    reason = "process_vm_readv and process_vm_writev exist as raw system calls only"
)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// The longest path that Linux takes, with its NUL.
const PATH_MAX: usize = 4096;

/// Reads up to `buffer.len()` bytes at `address` of thread `tid`.
pub(super) fn read_memory(tid: u32, address: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let local = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let remote = remote(address, buffer.len())?;
    let pid = i32::try_from(tid).map_err(io::Error::other)?;
    // SAFETY: `local` is the exclusively borrowed buffer; `remote` is in another process.
    let n = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

/// Reads `N` bytes at `address` of thread `tid`.
pub(super) fn read_array<const N: usize>(tid: u32, address: u64) -> io::Result<[u8; N]> {
    let mut array = [0; N];
    match read_memory(tid, address, &mut array)? {
        n if n == N => Ok(array),
        _ => Err(io::Error::from_raw_os_error(libc::EFAULT)),
    }
}

/// Reads the path at `address`, page by page, because the next page may not exist.
pub(super) fn read_path(tid: u32, address: u64) -> io::Result<Vec<u8>> {
    const PAGE: usize = 4096;
    let mut path = Vec::new();
    while path.len() < PATH_MAX {
        let at = address.wrapping_add(path.len() as u64);
        let mut page = [0; PAGE];
        let in_page = usize::try_from(at % PAGE as u64).expect("less than a page");
        let n = read_memory(tid, at, &mut page[..PAGE - in_page])?;
        if let Some(end) = page[..n].iter().position(|byte| *byte == 0) {
            path.extend(&page[..end]);
            return Ok(path);
        }
        if n == 0 {
            break;
        }
        path.extend(&page[..n]);
    }
    Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG))
}

/// Reads `n` ids at `address` of thread `tid`.
pub(super) fn read_ids(tid: u32, address: u64, n: usize) -> io::Result<Vec<u32>> {
    let mut bytes = vec![0; n * size_of::<u32>()];
    // The kernel reads as much as it can, and fails only if that is nothing.
    if n > 0 && read_memory(tid, address, &mut bytes)? != bytes.len() {
        return Err(io::Error::from_raw_os_error(libc::EFAULT));
    }
    let (ids, _) = bytes.as_chunks();
    Ok(ids.iter().map(|id| u32::from_ne_bytes(*id)).collect())
}

/// Writes `ids` to `address` of thread `tid`.
pub(super) fn write_ids(tid: u32, address: u64, ids: &[u32]) -> io::Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_ne_bytes()).collect();
    write_memory(tid, address, bytes.as_slice())
}

/// Writes a soft and a hard limit of `RLIM_INFINITY`, as for a resource without limits.
pub(super) fn write_unlimited(tid: u32, address: u64) -> io::Result<()> {
    write_memory(tid, address, &[u64::MAX; 2])
}

/// Writes `value` to `address` of thread `tid`.
fn write_memory<T: ?Sized>(tid: u32, address: u64, value: &T) -> io::Result<()> {
    let len = size_of_val(value);
    let local = libc::iovec {
        iov_base: std::ptr::from_ref(value).cast_mut().cast(),
        iov_len: len,
    };
    let remote = remote(address, len)?;
    let pid = i32::try_from(tid).map_err(io::Error::other)?;
    // SAFETY: `local` is `value`, which is only read; `remote` is in another process.
    let n = unsafe { libc::process_vm_writev(pid, &raw const local, 1, &raw const remote, 1, 0) };
    match usize::try_from(n) {
        Ok(n) if n == len => Ok(()),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EFAULT)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

fn remote(address: u64, len: usize) -> io::Result<libc::iovec> {
    let address = usize::try_from(address).map_err(io::Error::other)?;
    Ok(libc::iovec {
        iov_base: std::ptr::without_provenance_mut(address),
        iov_len: len,
    })
}

/// The answer to `stat` or `statx`, in the form of the kernel (which 64-bit C libraries share).
pub(super) struct Status<T>(pub(super) T);

impl Status<libc::stat> {
    /// Asks the kernel for the status of `file`.
    pub(super) fn of(file: &OwnedFd) -> io::Result<Self> {
        // SAFETY: a structure of numbers, for which zero is a value.
        let mut status: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: `status` takes the answer.
        let result = unsafe { libc::fstat(file.as_raw_fd(), &raw mut status) };
        Self::answered(result, status)
    }
}

impl Status<libc::statx> {
    /// Asks the kernel for the fields `mask` of `file`.
    pub(super) fn extended(file: &OwnedFd, flags: i32, mask: u32) -> io::Result<Self> {
        let flags = flags | libc::AT_EMPTY_PATH;
        // SAFETY: a structure of numbers, for which zero is a value.
        let mut status: libc::statx = unsafe { std::mem::zeroed() };
        // SAFETY: the path ends with NUL, `status` takes the answer.
        let result =
            unsafe { libc::statx(file.as_raw_fd(), c"".as_ptr(), flags, mask, &raw mut status) };
        Self::answered(result, status)
    }
}

impl<T> Status<T> {
    fn answered(result: libc::c_int, status: T) -> io::Result<Self> {
        match result {
            0 => Ok(Self(status)),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Writes the status to `address` of thread `tid`.
    pub(super) fn write_to(&self, tid: u32, address: u64) -> io::Result<()> {
        write_memory(tid, address, &self.0)
    }
}
