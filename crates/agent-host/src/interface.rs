//! Counters of the interfaces of a network namespace.

use agent_driver::NetworkStats;
use std::collections::BTreeMap;
use std::fs;

/// By interface, as the network namespace of a process has them, without loopback. Nothing when the process has ended.
pub fn interface_counters(pid: i64) -> BTreeMap<String, NetworkStats> {
    parse(&fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default())
}

/// A line is a name and sixteen numbers: eight of what was received, eight of what was sent.
fn parse(text: &str) -> BTreeMap<String, NetworkStats> {
    let line = |line: &str| {
        let (name, numbers) = line.split_once(':')?;
        let numbers: Vec<u64> = numbers.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let (rx, tx) = numbers.split_at_checked(8).filter(|(_, tx)| tx.len() >= 8)?;
        let counters = NetworkStats {
            rx_bytes: rx[0],
            rx_packets: rx[1],
            rx_errors: rx[2],
            rx_dropped: rx[3],
            tx_bytes: tx[0],
            tx_packets: tx[1],
            tx_errors: tx[2],
            tx_dropped: tx[3],
        };
        (name.trim() != "lo").then(|| (name.trim().to_owned(), counters))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_but_loopback() {
        let text = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     960      12    0    0    0     0          0         0      960      12    0    0    0     0       0          0
  eth0:    1        2    3    4    5     6          7         8       9      10   11   12   13    14      15         16
  half:    1        2    3    4    5     6          7         8       9
";
        let counters = NetworkStats {
            rx_bytes: 1,
            rx_packets: 2,
            rx_errors: 3,
            rx_dropped: 4,
            tx_bytes: 9,
            tx_packets: 10,
            tx_errors: 11,
            tx_dropped: 12,
        };
        assert_eq!(parse(text), BTreeMap::from([("eth0".to_owned(), counters)]));
    }
}
