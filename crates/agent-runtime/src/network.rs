//! Counters of a container's interfaces.

use agent_driver::NetworkStats;
use std::collections::BTreeMap;
use std::fs;

/// By interface, as the namespace of a process has them, without loopback. Nothing when it has ended.
pub(crate) fn counters(pid: i32) -> BTreeMap<String, NetworkStats> {
    parse(&fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default())
}

fn parse(text: &str) -> BTreeMap<String, NetworkStats> {
    let line = |line: &str| {
        let (name, numbers) = line.split_once(':')?;
        let numbers: Vec<u64> = numbers.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let &[
            rx_bytes,
            rx_packets,
            rx_errors,
            rx_dropped,
            _,
            _,
            _,
            _,
            tx_bytes,
            tx_packets,
            tx_errors,
            tx_dropped,
            ..,
        ] = numbers.as_slice()
        else {
            return None;
        };
        let counters = NetworkStats {
            rx_bytes,
            rx_packets,
            rx_errors,
            rx_dropped,
            tx_bytes,
            tx_packets,
            tx_errors,
            tx_dropped,
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
