//! Rolling up: points that are too old for their resolution become part of a coarser one, or are forgotten. Reads show
//! them so already, whether or not it was done (INV-METRIC-2); this is how the disk gets its room back.

use crate::MetricsError;
use crate::rows::{POINTS, PointKey, RawKey, Rows, SERIES, add_point, decode, first_key, start_and_unit};
use core_metrics::{Resolution, Summary, align};
use model::Timestamp;
use redb::ReadableTable;

/// Series that one pass looks at.
pub(crate) const SERIES_MAX: usize = 1024;
/// Points that one pass moves; puts wait for it.
const POINTS_MAX: usize = 4096;

type Points<'a> = redb::Table<'a, RawKey, &'static [u8]>;

/// What a pass did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pass {
    /// The last of the series that are done, if any is.
    pub(crate) done_to: Option<u64>,
    /// Whether all of them are.
    pub(crate) is_whole: bool,
    /// Series that have no points any more.
    pub(crate) forgotten: Vec<u64>,
}

impl Rows {
    /// Rolls up the points of some series, in one commit.
    pub(crate) fn roll_up(&self, series: &[u64], now: Timestamp) -> Result<Pass, MetricsError> {
        let tx = self.database.begin_write().map_err(MetricsError::failed)?;
        let mut pass = Pass::default();
        let mut room = POINTS_MAX;
        {
            let mut points = tx.open_table(POINTS).map_err(MetricsError::failed)?;
            let mut names = tx.open_table(SERIES).map_err(MetricsError::failed)?;
            for id in series {
                room -= roll_up_series(&mut points, *id, now, room)?;
                if room == 0 {
                    // This series may have more.
                    break;
                }
                pass.done_to = Some(*id);
                let all = (*id, 0, i64::MIN, 0)..=(*id, u32::MAX, i64::MAX, u8::MAX);
                if points.range(all).map_err(MetricsError::failed)?.next().is_none() {
                    names.remove(id).map_err(MetricsError::failed)?;
                    pass.forgotten.push(*id);
                }
            }
        }
        pass.is_whole = room > 0;
        if room < POINTS_MAX || !pass.forgotten.is_empty() {
            tx.commit().map_err(MetricsError::failed)?;
        } else {
            tx.abort().map_err(MetricsError::failed)?;
        }
        Ok(pass)
    }
}

/// Moves up to `room` points of a series that are over, each out of one row and into another (INV-METRIC-4), and says
/// how many those were.
fn roll_up_series(
    points: &mut Points<'_>,
    series: u64,
    now: Timestamp,
    room: usize,
) -> Result<usize, MetricsError> {
    let mut moved = 0;
    for resolution in Resolution::ALL {
        let expired = first_key(series, resolution, Timestamp(i64::MIN))
            ..first_key(series, resolution, resolution.expired_before(now));
        let mut rows = Vec::new();
        for row in points.range(expired).map_err(MetricsError::failed)?.take(room - moved) {
            let (key, row) = row.map_err(MetricsError::failed)?;
            rows.push((key.value(), decode::<Summary>(row.value())?));
        }
        moved += rows.len();
        for (key, summary) in rows {
            points.remove(key).map_err(MetricsError::failed)?;
            let (start, unit) = start_and_unit(key)?;
            if let Some(resolution) = resolution.known_as(start, now) {
                let start = align(start, resolution.secs());
                add_point(points, PointKey { series, resolution, start, unit }, &summary)?;
            }
        }
    }
    Ok(moved)
}
