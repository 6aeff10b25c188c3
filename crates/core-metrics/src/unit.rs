//! Units by name. CloudWatch converts none: data points of different units never mix.

/// One of AWS's `StandardUnit`s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit(u8);

/// In the order of the model. A unit's place is its code on disk: only append.
const NAMES: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

impl Unit {
    /// What data have that say nothing of their unit.
    pub const NONE: Self = Self(26);

    /// The unit of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::from_code(u8::try_from(NAMES.iter().position(|known| *known == name)?).ok()?)
    }

    /// The unit with this code.
    pub fn from_code(code: u8) -> Option<Self> {
        (usize::from(code) < NAMES.len()).then_some(Self(code))
    }

    /// A number for it that stays.
    pub fn code(self) -> u8 {
        self.0
    }

    /// AWS's name.
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_read_back() {
        for (code, name) in NAMES.iter().enumerate() {
            let unit = Unit::parse(name).expect("a unit");
            assert_eq!((usize::from(unit.code()), unit.name()), (code, *name));
            assert_eq!(Unit::from_code(unit.code()), Some(unit));
        }
        assert_eq!(Unit::NONE.name(), "None");
        assert_eq!((Unit::parse("Furlongs"), Unit::from_code(27)), (None, None));
    }
}
