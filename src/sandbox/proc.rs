//! Reads the kernel's record of a process or thread in /proc.

use std::io;

/// Field `number` of /proc/PID/stat of `pid` (proc_pid_stat(5)), counted from 1. It must be one of
/// the fields behind the name of the program, which may have any character.
pub(super) fn stat_field(pid: u32, number: usize) -> io::Result<u64> {
    let stat = fs_err::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name is the second field, and its last parenthesis is the last one of the line.
    let behind = stat.rsplit_once(") ").map(|(_, behind)| behind);
    let field = behind.and_then(|behind| behind.split(' ').nth(number - 3)?.parse().ok());
    field.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The number in the line `name` of /proc/PID/status of `pid` (proc_pid_status(5)).
pub(super) fn status_number(pid: u32, name: &str, radix: u32) -> io::Result<u64> {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|number| u64::from_str_radix(number.trim(), radix).ok());
    number.ok_or_else(|| io::ErrorKind::InvalidData.into())
}
