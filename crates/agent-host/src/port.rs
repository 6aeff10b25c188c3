//! Ports of the host that tasks may be given.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html>

use std::fs;
use std::ops::RangeInclusive;

/// Reserved for SSH, Docker and the agent.
pub const PORTS_RESERVED: [u16; 6] = [22, 2375, 2376, 51678, 51679, 51680];

/// Where ECS takes dynamic host ports from, and when that is not to be read.
const KERNELS_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
const DEFAULT_RANGE: RangeInclusive<u16> = 49153..=65535;

/// Where dynamic host ports are taken from: the kernel's ephemeral ports, as ECS documents it.
pub fn dynamic_ports() -> RangeInclusive<u16> {
    fs::read_to_string(KERNELS_RANGE).ok().and_then(|text| parse(&text)).unwrap_or(DEFAULT_RANGE)
}

fn parse(text: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = text.split_whitespace().map_while(|number| number.parse().ok());
    let range = numbers.next()?..=numbers.next()?;
    (*range.start() > 0 && !range.is_empty()).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_range_is_read_or_not_used() {
        assert_eq!(parse("32768\t60999\n"), Some(32768..=60999));
        for bad in ["", "32768", "0 60999", "60999 32768", "a b", "1 70000"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
