//! Task sizes as AWS takes them: `256` or `.25 vCPU`, `512` or `0.5GB` (Amazon ECS task definition parameters:
//! task size).

/// Fewest and most CPU units of a task on EC2: 0.125 to 192 vCPUs. Fargate's sizes lie within.
const CPU_UNITS: std::ops::RangeInclusive<u32> = 128..=196_608;

/// CPU units; `None` when the text is no task's CPU.
pub(crate) fn cpu_units(text: &str) -> Option<u32> {
    scaled(text, &["vcpus", "vcpu"]).filter(|units| CPU_UNITS.contains(units))
}

/// Memory in MiB; `None` when the text is no task's memory.
pub(crate) fn memory_mib(text: &str) -> Option<u32> {
    scaled(text, &["gb"])
}

/// A whole number, or 1024 times a decimal number that one of `units` follows.
fn scaled(text: &str, units: &[&str]) -> Option<u32> {
    let text = text.trim().to_ascii_lowercase();
    let Some(number) = units.iter().find_map(|unit| text.strip_suffix(unit)) else {
        return digits(&text)?.parse().ok().filter(|&n| n > 0);
    };
    let (whole, fraction) = number.trim_end().split_once('.').unwrap_or((number.trim_end(), ""));
    let ten_thousandths = |fraction: &str| format!("{fraction:0<4}").parse::<u64>().ok();
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 4 {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { digits(whole)?.parse().ok()? };
    let fraction = if fraction.is_empty() { 0 } else { ten_thousandths(digits(fraction)?)? };
    let product = whole.checked_mul(10_000)?.checked_add(fraction)?.checked_mul(1024)?;
    (product % 10_000 == 0).then_some(product / 10_000).and_then(|n| u32::try_from(n).ok()).filter(|&n| n > 0)
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_in_units_or_vcpus() {
        for (text, units) in
            [("256", 256), (".25 vCPU", 256), ("0.25 vcpu", 256), ("0.125vCPU", 128), ("2 vCPUs", 2048)]
        {
            assert_eq!(cpu_units(text), Some(units), "{text}");
        }
        for text in [
            "",
            "x",
            "-256",
            "+256",
            "0",
            "64",
            "196609",
            "0.3 vCPU",
            ". vCPU",
            "vCPU",
            "1e3",
            "99999999999 vCPU",
        ] {
            assert_eq!(cpu_units(text), None, "{text}");
        }
    }

    #[test]
    fn memory_is_in_mebibytes_or_gigabytes() {
        for (text, mib) in [("512", 512), ("0.5GB", 512), (".5 GB", 512), ("1 gb", 1024), ("30GB", 30720)] {
            assert_eq!(memory_mib(text), Some(mib), "{text}");
        }
        for text in ["", "0", "0GB", "1TB", "1.00001GB", "0.3GB", "18446744073709551615GB"] {
            assert_eq!(memory_mib(text), None, "{text}");
        }
    }
}
