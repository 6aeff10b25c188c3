//! Account and region: the two things that every record belongs to.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Twelve digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub String);

/// A region's name such as `us-east-1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Region(pub String);

/// What a caller sees: one account in one region. It leads every key in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The account that owns the record.
    pub account: AccountId,
    /// The region that the record lives in.
    pub region: Region,
}

impl Scope {
    /// A scope from its two names.
    pub fn new(account: &str, region: &str) -> Self {
        Self { account: AccountId(account.to_owned()), region: Region(region.to_owned()) }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
