//! `ephemeralStorage` (Amazon ECS API Reference: EphemeralStorage).

use super::Invalid;
use std::ops::RangeInclusive;
use wire::ecs::EphemeralStorage;

/// The sizes that can be asked for.
const GIB: RangeInclusive<u32> = 21..=200;

/// Its size in GiB.
pub(crate) fn parse(storage: EphemeralStorage) -> Result<u32, Invalid> {
    let size = u32::try_from(storage.size_in_gib).ok().filter(|gib| GIB.contains(gib));
    size.ok_or(Invalid::EphemeralStorage { least: *GIB.start(), most: *GIB.end() })
}
