//! The file: its tables, and how rows are written into them.

use crate::MetricsError;
use crate::sample::Series;
use core_metrics::{Resolution, Summary, Unit};
use model::Timestamp;
use redb::{
    Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, Table,
    TableDefinition,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;

/// Names of the installation: the version of the format.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// [`Series`] by id.
pub(crate) const SERIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("series");
/// [`Summary`] by series, seconds of a period, begin of the period in seconds, and unit.
pub(crate) const POINTS: TableDefinition<'_, RawKey, &[u8]> = TableDefinition::new("points");

/// The version that this release writes.
const FORMAT_VERSION: u64 = 1;
const FORMAT: &str = "format";

/// Rows are read by ranges and merged once; the rest is the operating system's cache.
const CACHE_BYTES: usize = 8 << 20;

/// A key of [`POINTS`].
pub(crate) type RawKey = (u64, u32, i64, u8);

/// Where a summary belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PointKey {
    pub(crate) series: u64,
    pub(crate) resolution: Resolution,
    pub(crate) start: Timestamp,
    pub(crate) unit: Unit,
}

impl PointKey {
    pub(crate) fn raw(self) -> RawKey {
        (self.series, self.resolution.secs(), self.start.0.div_euclid(1000), self.unit.code())
    }
}

/// The key before all points of a resolution that begin at `start` or later; a `start` between two seconds counts as
/// the later one.
pub(crate) fn first_key(series: u64, resolution: Resolution, start: Timestamp) -> RawKey {
    let secs = start.0.div_euclid(1000) + i64::from(start.0.rem_euclid(1000) > 0);
    (series, resolution.secs(), secs, 0)
}

/// The begin and the unit of a key.
pub(crate) fn start_and_unit((_, _, secs, unit): RawKey) -> Result<(Timestamp, Unit), MetricsError> {
    let unit =
        Unit::from_code(unit).ok_or_else(|| MetricsError::failed(format!("no unit has code {unit}")))?;
    Ok((Timestamp(secs.saturating_mul(1000)), unit))
}

pub(crate) fn encode(row: &impl Serialize) -> Result<Vec<u8>, MetricsError> {
    rmp_serde::to_vec(row).map_err(MetricsError::failed)
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, MetricsError> {
    rmp_serde::from_slice(bytes)
        .map_err(|error| MetricsError::failed(format!("a row cannot be read: {error}")))
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) database: Database,
}

impl Rows {
    /// Opens the file, or makes it. After an unclean end the engine first goes back to the last commit that is whole.
    pub(crate) fn open(path: &Path) -> Result<Self, MetricsError> {
        let cannot = |error: &dyn std::fmt::Display| {
            MetricsError::Failed(format!("cannot open {}: {error}", path.display()))
        };
        let file = store::redb::open_durably(path).map_err(|error| cannot(&error))?;
        let database = Builder::new().set_cache_size(CACHE_BYTES).create_file(file);
        let database = database.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => MetricsError::InUse(path.to_owned()),
            error => cannot(&error),
        })?;
        let rows = Self { database };
        rows.make_tables()?;
        Ok(rows)
    }

    /// Opens the rows on anything that stores bytes.
    #[cfg(test)]
    pub(crate) fn on(backend: impl redb::StorageBackend) -> Result<Self, MetricsError> {
        let rows =
            Self { database: Builder::new().create_with_backend(backend).map_err(MetricsError::failed)? };
        rows.make_tables()?;
        Ok(rows)
    }

    /// Makes the tables of a new file, and refuses one that this release does not know.
    fn make_tables(&self) -> Result<(), MetricsError> {
        let tx = self.database.begin_write().map_err(MetricsError::failed)?;
        {
            let mut meta = tx.open_table(META).map_err(MetricsError::failed)?;
            let found = meta.get(FORMAT).map_err(MetricsError::failed)?.map(|version| version.value());
            match found {
                Some(FORMAT_VERSION) => return Ok(()),
                Some(found) => return Err(MetricsError::NewerFormat { found, known: FORMAT_VERSION }),
                None => meta.insert(FORMAT, FORMAT_VERSION).map_err(MetricsError::failed)?,
            };
            tx.open_table(SERIES).map_err(MetricsError::failed)?;
            tx.open_table(POINTS).map_err(MetricsError::failed)?;
        }
        tx.commit().map_err(MetricsError::failed)
    }

    /// A view of the rows that does not change.
    pub(crate) fn begin_read(&self) -> Result<ReadTransaction, MetricsError> {
        self.database.begin_read().map_err(MetricsError::failed)
    }

    /// All series by id, each with the begin of its newest point.
    pub(crate) fn series(&self) -> Result<Vec<(u64, Series, Timestamp)>, MetricsError> {
        let tx = self.begin_read()?;
        let series = tx.open_table(SERIES).map_err(MetricsError::failed)?;
        let points = tx.open_table(POINTS).map_err(MetricsError::failed)?;
        let mut all = Vec::new();
        for row in series.iter().map_err(MetricsError::failed)? {
            let (id, row) = row.map_err(MetricsError::failed)?;
            let newest = newest(&points, id.value())?;
            all.push((id.value(), decode(row.value())?, newest));
        }
        Ok(all)
    }

    /// Writes new series, and adds summaries to what their rows have, in one commit that is on disk afterwards.
    pub(crate) fn add(
        &self,
        series: &[(u64, Series)],
        points: &BTreeMap<PointKey, Summary>,
    ) -> Result<(), MetricsError> {
        let tx = self.database.begin_write().map_err(MetricsError::failed)?;
        {
            let mut table = tx.open_table(SERIES).map_err(MetricsError::failed)?;
            for (id, series) in series {
                table.insert(id, encode(series)?.as_slice()).map_err(MetricsError::failed)?;
            }
            let mut table = tx.open_table(POINTS).map_err(MetricsError::failed)?;
            for (key, summary) in points {
                add_point(&mut table, *key, summary)?;
            }
        }
        tx.commit().map_err(MetricsError::failed)
    }
}

/// Adds a summary to what the row has.
pub(crate) fn add_point(
    points: &mut Table<'_, RawKey, &[u8]>,
    key: PointKey,
    summary: &Summary,
) -> Result<(), MetricsError> {
    let raw = key.raw();
    let known = points.get(raw).map_err(MetricsError::failed)?;
    let known = known.map(|row| decode::<Summary>(row.value())).transpose()?;
    let row = match known {
        Some(mut known) => {
            known.merge(summary);
            encode(&known)?
        }
        None => encode(summary)?,
    };
    points.insert(raw, row.as_slice()).map_err(MetricsError::failed)?;
    Ok(())
}

fn newest(
    points: &impl ReadableTable<RawKey, &'static [u8]>,
    series: u64,
) -> Result<Timestamp, MetricsError> {
    let mut newest = i64::MIN;
    for resolution in Resolution::ALL {
        let secs = resolution.secs();
        let all = (series, secs, i64::MIN, 0)..=(series, secs, i64::MAX, u8::MAX);
        let last = points.range(all).map_err(MetricsError::failed)?.next_back();
        if let Some((key, _)) = last.transpose().map_err(MetricsError::failed)? {
            newest = newest.max(key.value().2);
        }
    }
    Ok(Timestamp(newest.saturating_mul(1000)))
}
