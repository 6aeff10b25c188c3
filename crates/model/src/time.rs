//! A point in time as data. Only shells read clocks; everything else is handed a [`Timestamp`].

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Seconds with a fraction: the form of AWS's JSON protocols.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// From seconds with a fraction, rounded to the millisecond. Values that do not fit saturate.
    pub fn from_secs_f64(secs: f64) -> Self {
        Self((secs * 1000.0).round() as i64)
    }

    /// Milliseconds from `earlier` to `self`; negative when `earlier` is later.
    pub fn millis_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time plus `millis`.
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// Where shells get the time. Cores are handed a [`Timestamp`] instead.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Where shells get fresh ids. Cores are handed the ids instead.
pub trait IdSource: Send + Sync {
    /// 128 bits that nobody has seen.
    fn next_u128(&self) -> u128;

    /// 32 hexadecimal digits: the form of instances' ids.
    fn hex32(&self) -> String {
        format!("{:032x}", self.next_u128())
    }

    /// A version 4 UUID with hyphens: the form of container and attachment ids.
    fn uuid(&self) -> String {
        let n = (self.next_u128() & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
        let h = format!("{n:032x}");
        format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
    }

    /// `prefix-` and 17 hexadecimal digits: the form of EC2's ids.
    fn ec2(&self, prefix: &str) -> String {
        format!("{prefix}-0{:016x}", self.next_u128() as u64)
    }
}
