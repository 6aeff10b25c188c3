//! Reading one series in a window, period by period, without holding more than one period.

use crate::MetricsError;
use crate::rows::{POINTS, RawKey, decode, first_key, start_and_unit};
use core_metrics::{Resolution, Summary, Unit, Window, align};
use model::Timestamp;
use redb::{Range, ReadTransaction};
use std::collections::BTreeMap;

/// What one period of a series has, by unit.
type Period = BTreeMap<Unit, Summary>;

/// The rows of one resolution, in the order of time.
struct Tier {
    resolution: Resolution,
    rows: Range<'static, RawKey, &'static [u8]>,
    next: Option<(Timestamp, Unit, Summary)>,
}

impl Tier {
    fn advance(&mut self) -> Result<(), MetricsError> {
        self.next = match self.rows.next() {
            Some(row) => {
                let (key, row) = row.map_err(MetricsError::failed)?;
                let (start, unit) = start_and_unit(key.value())?;
                Some((start, unit, decode(row.value())?))
            }
            None => None,
        };
        Ok(())
    }
}

/// Calls `emit` for each period and unit that has samples, in the order of time.
pub(crate) fn read(
    tx: &ReadTransaction,
    series: u64,
    window: &Window,
    now: Timestamp,
    mut emit: impl FnMut(Timestamp, Unit, &Summary),
) -> Result<(), MetricsError> {
    let points = tx.open_table(POINTS).map_err(MetricsError::failed)?;
    let mut tiers = Vec::new();
    for resolution in Resolution::ALL {
        let range = first_key(series, resolution, window.start)..first_key(series, resolution, window.end);
        let rows = points.range(range).map_err(MetricsError::failed)?;
        let mut tier = Tier { resolution, rows, next: None };
        tier.advance()?;
        tiers.push(tier);
    }
    let mut open: Option<(Timestamp, Period)> = None;
    // The rows of all resolutions together, in the order of time, so that those of a period follow each other.
    while let Some(tier) = tiers
        .iter_mut()
        .filter(|tier| tier.next.is_some())
        .min_by_key(|tier| tier.next.as_ref().map(|(start, ..)| *start))
    {
        let Some((start, unit, summary)) = tier.next.take() else { break };
        let stored = tier.resolution;
        tier.advance()?;
        let known = stored.known_as(start, now);
        let period = known.and_then(|known| window.period(align(start, known.secs()), known));
        let Some(period) = period else { continue };
        if open.as_ref().is_some_and(|(at, _)| *at != period) {
            close(open.take(), &mut emit);
        }
        let (_, units) = open.get_or_insert_with(|| (period, Period::new()));
        match units.get_mut(&unit) {
            Some(known) => known.merge(&summary),
            None => drop(units.insert(unit, summary)),
        }
    }
    close(open, &mut emit);
    Ok(())
}

fn close(period: Option<(Timestamp, Period)>, emit: &mut impl FnMut(Timestamp, Unit, &Summary)) {
    if let Some((at, units)) = period {
        for (unit, summary) in units {
            emit(at, unit, &summary);
        }
    }
}
