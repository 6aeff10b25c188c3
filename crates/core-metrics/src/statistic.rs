//! Statistics by name ("CloudWatch statistics definitions", Amazon CloudWatch user guide).

/// What is asked of the samples of a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// How many there are.
    SampleCount,
    /// The sum divided by how many there are.
    Average,
    /// The sum.
    Sum,
    /// The smallest.
    Minimum,
    /// The largest.
    Maximum,
    /// The smallest sample that this many percent of the samples are not above, from 0 to 100. AWS does not say how it
    /// interpolates; no value is made up here.
    Percentile(f64),
}

/// Why a text names no statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatisticError {
    /// CloudWatch has it, and it is not here: trimmed and winsorized means, trimmed counts and sums, percentile ranks.
    Unsupported,
    /// CloudWatch has none of this name.
    Unknown,
}

/// Decimal places of a percentile.
const PLACES_MAX: usize = 10;

impl Statistic {
    /// The statistic of this name: `Average`, `p99.9`.
    ///
    /// # Errors
    /// When there is none.
    pub fn parse(text: &str) -> Result<Self, StatisticError> {
        match text {
            "SampleCount" => Ok(Self::SampleCount),
            "Average" => Ok(Self::Average),
            "Sum" => Ok(Self::Sum),
            "Minimum" => Ok(Self::Minimum),
            "Maximum" => Ok(Self::Maximum),
            _ => match text.strip_prefix('p').and_then(percent) {
                Some(percent) => Ok(Self::Percentile(percent)),
                None if is_elsewhere(text) => Err(StatisticError::Unsupported),
                None => Err(StatisticError::Unknown),
            },
        }
    }
}

fn percent(digits: &str) -> Option<f64> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || whole.len() > 3 || !is_number(fraction) || fraction.len() > PLACES_MAX {
        return None;
    }
    digits.parse().ok().filter(|percent| *percent <= 100.0)
}

/// A statistic that CloudWatch computes: `tm90`, `TM(10%:90%)`, `IQM`.
fn is_elsewhere(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower == "iqm"
        || ["tm", "wm", "tc", "ts", "pr"].iter().any(|name| {
            let rest = lower.strip_prefix(name).unwrap_or_default();
            percent(rest).is_some() || rest.starts_with('(') && rest.ends_with(')')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, statistic) in [
            ("SampleCount", Statistic::SampleCount),
            ("Average", Statistic::Average),
            ("Maximum", Statistic::Maximum),
            ("p0", Statistic::Percentile(0.0)),
            ("p0.0", Statistic::Percentile(0.0)),
            ("p95", Statistic::Percentile(95.0)),
            ("p99.95", Statistic::Percentile(99.95)),
            ("p100", Statistic::Percentile(100.0)),
        ] {
            assert_eq!(Statistic::parse(text), Ok(statistic), "{text}");
        }
    }

    #[test]
    fn what_is_no_statistic() {
        for text in [
            "",
            "average",
            "p",
            "p100.1",
            "p1e1",
            "p-1",
            "p+1",
            "p 1",
            "p1.",
            "p.5",
            "pinf",
            "p1.00000000001",
        ] {
            assert_eq!(Statistic::parse(text), Err(StatisticError::Unknown), "{text}");
        }
        for text in ["tm90", "TM(10%:90%)", "wm98", "tc90", "TS(80%:)", "PR(:300)", "IQM", "iqm"] {
            assert_eq!(Statistic::parse(text), Err(StatisticError::Unsupported), "{text}");
        }
    }
}
