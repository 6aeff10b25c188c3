//! The host's own counters.

use std::io;

/// CPU time of the host since it was started, in nanoseconds, idle time included: what Docker calls
/// `system_cpu_usage`.
pub fn host_cpu_ns() -> io::Result<u64> {
    parse(&std::fs::read_to_string("/proc/stat")?)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/stat has no line of CPU times"))
}

/// The first seven columns of the line `cpu`: `guest` times are in `user` and `nice` already, and Docker leaves
/// `steal` out.
fn parse(stat: &str) -> Option<u64> {
    // The unit is always 1/100 s for user space, on every architecture that Linux has.
    const NS_PER_TICK: u64 = 10_000_000;
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks = line.split_ascii_whitespace().take(7).map(|column| column.parse::<u64>().ok());
    let ticks: Option<u64> = ticks.sum();
    Some(ticks?.saturating_mul(NS_PER_TICK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_columns_of_the_first_line_count() {
        let stat = "cpu  10 20 30 40 50 60 70 80 90 100\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr 5\n";
        assert_eq!(parse(stat), Some(280 * 10_000_000));
        assert_eq!(parse("intr 5\n"), None);
        assert_eq!(parse("cpu  10 x 30\n"), None);
        assert!(host_cpu_ns().unwrap() > 0);
    }
}
