//! Doubles in answers: finite numbers, or the answer fails. JSON would write anything else as null, which is as if it
//! were not there.

use std::collections::BTreeMap;

use serde::ser::{Error, Serialize, Serializer};

/// Serde for a field with doubles.
pub fn serialize<T: Doubles + Serialize, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    if value.are_finite() {
        value.serialize(to)
    } else {
        Err(S::Error::custom("a double is no finite number"))
    }
}

/// What has doubles in it.
pub trait Doubles {
    /// Whether every one is a finite number.
    fn are_finite(&self) -> bool;
}

impl Doubles for f64 {
    fn are_finite(&self) -> bool {
        self.is_finite()
    }
}

impl<T: Doubles> Doubles for Option<T> {
    fn are_finite(&self) -> bool {
        self.iter().all(T::are_finite)
    }
}

impl<T: Doubles> Doubles for Vec<T> {
    fn are_finite(&self) -> bool {
        self.iter().all(T::are_finite)
    }
}

impl<T: Doubles> Doubles for BTreeMap<String, T> {
    fn are_finite(&self) -> bool {
        self.values().all(T::are_finite)
    }
}
