//! Deleting what has expired, segment by segment.
//!
//! Reads never show an expired event (`LogGroup::expired_before`); this is how the disk gets its room back. A segment
//! goes when all of its events are expired, so a segment of which only a part is stays for a while.

use crate::api::Logs;
use model::Timestamp;
use std::time::Duration;
use store::State;

/// How often expired segments are looked for. CloudWatch Logs itself says "up to 72 hours".
const INTERVAL: Duration = Duration::from_secs(600);

impl Logs {
    /// Deletes expired segments from time to time, for ever; it may be dropped at any moment.
    pub async fn keep_retention(self) {
        let mut interval = tokio::time::interval(INTERVAL);
        loop {
            interval.tick().await;
            self.expire(self.clock.now()).await;
        }
    }

    /// Deletes the segments all of whose events are expired at `now`.
    pub async fn expire(&self, now: Timestamp) {
        let work = move |logs: &Logs| {
            for (id, cutoff) in expiring(&logs.store.snapshot(), now) {
                match logs.streams.expire(id, cutoff.0) {
                    Ok(0) => {}
                    Ok(segments) => tracing::info!(id, segments, "deleted expired segments of a log stream"),
                    Err(error) => {
                        tracing::warn!(id, %error, "cannot delete the expired events of a log stream")
                    }
                }
            }
            Ok(())
        };
        if let Err(error) = self.blocking(work).await {
            tracing::error!(cause = ?error.internal, "looking for expired events failed");
        }
    }
}

/// The streams of groups with a retention policy, and the time before which their events are expired.
fn expiring(state: &State, now: Timestamp) -> Vec<(u64, Timestamp)> {
    let streams = state.all_log_streams().filter_map(|stream| {
        let group = state.log_group(&stream.scope, &stream.group)?;
        Some((stream.id, group.expired_before(now)?))
    });
    streams.collect()
}
