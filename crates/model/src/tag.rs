//! Tags, as every taggable resource has them.

use std::collections::BTreeMap;

/// Key to value, sorted by key. AWS allows 50 a resource.
pub type Tags = BTreeMap<String, String>;

/// The most tags that one resource may have (Amazon ECS service quotas).
pub const TAGS_MAX: usize = 50;
