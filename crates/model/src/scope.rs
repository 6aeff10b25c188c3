//! Account and region: the two things that every record belongs to.

use crate::{AccountId, Region};
use serde::{Deserialize, Serialize};

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
        Self { account: account.into(), region: region.into() }
    }
}
