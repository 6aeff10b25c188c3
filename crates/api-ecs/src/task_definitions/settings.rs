//! Numbers of one container: within their range, or refused by the name of the setting and the container.

use super::Invalid;
use std::ops::RangeInclusive;

/// The settings of the container with this name.
#[derive(Clone, Copy)]
pub(super) struct Settings<'a> {
    pub container: &'a str,
}

impl Settings<'_> {
    /// A number that is not negative.
    pub fn amount(self, setting: &'static str, value: Option<i32>) -> Result<Option<u32>, Invalid> {
        self.least(setting, value, 0)
    }

    /// A number that has a lower bound.
    pub fn least(
        self,
        setting: &'static str,
        value: Option<i32>,
        least: u32,
    ) -> Result<Option<u32>, Invalid> {
        let refused = || Invalid::Least { container: self.container.to_owned(), setting, least };
        let valid = |v: i32| u32::try_from(v).ok().filter(|&v| v >= least).ok_or_else(refused);
        value.map(valid).transpose()
    }

    /// A number that has two bounds.
    pub fn between(
        self,
        setting: &'static str,
        value: Option<i32>,
        range: RangeInclusive<u32>,
    ) -> Result<Option<u32>, Invalid> {
        let (least, most) = (*range.start(), *range.end());
        let refused = || Invalid::Between { container: self.container.to_owned(), setting, least, most };
        let valid = |v: i32| u32::try_from(v).ok().filter(|v| range.contains(v)).ok_or_else(refused);
        value.map(valid).transpose()
    }

    /// A path in the container or on its host.
    pub fn absolute_path(self, setting: &'static str, path: String) -> Result<String, Invalid> {
        if is_absolute_path(&path) {
            return Ok(path);
        }
        Err(self.invalid(setting, format!("It must be an absolute path: '{path}'.")))
    }

    /// What is wrong with a setting, in a whole sentence.
    pub fn invalid(self, setting: &'static str, rule: impl Into<String>) -> Invalid {
        Invalid::setting(self.container, setting, rule)
    }
}

/// A path that a kernel takes, from the root.
pub(super) fn is_absolute_path(path: &str) -> bool {
    path.starts_with('/') && !path.contains('\0')
}
