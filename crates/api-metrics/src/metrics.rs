//! The store put together, and the two ways into it: the API, and data that Wharf counts itself.

use crate::MetricsError;
use crate::committer::Committer;
use crate::index::Index;
use crate::rows::Rows;
use crate::sample::{Sample, Series};
use core_metrics::{Resolution, Summary, Unit};
use model::metrics::{Datum, check_time, is_count, is_value};
use model::time::Clock;
use model::{Scope, Timestamp};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;
use wire::ApiError;
use wire::error::internal_failure;

/// How often points that are over are looked for.
const INTERVAL: Duration = Duration::from_secs(600);

/// The implementation of [`wire::metrics::Api`]. A clone is the same.
#[derive(Clone)]
pub struct Metrics {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rows: Arc<Rows>,
    index: Arc<RwLock<Index>>,
    committer: Arc<Committer>,
}

impl Metrics {
    /// Opens the store in the file `path`, which is made when it is missing.
    ///
    /// # Errors
    /// When the file cannot be read or written, is in use, or was written by a newer release.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, MetricsError> {
        let rows = Arc::new(Rows::open(path)?);
        let mut index = Index::default();
        for (id, series, newest) in rows.series()? {
            index.insert(id, series, newest);
        }
        let index = Arc::new(RwLock::new(index));
        let committer = Arc::new(Committer::start(rows.clone(), index.clone())?);
        Ok(Self { clock, rows, index, committer })
    }

    /// Adds data that Wharf itself reports, all or none; they are on disk afterwards. What PutMetricData would refuse
    /// for its time, value or unit is left out, so that one odd value does not stop what reports it.
    ///
    /// # Errors
    /// When the store has failed.
    pub async fn put(&self, scope: &Scope, data: Vec<Datum>) -> Result<(), MetricsError> {
        let now = self.clock.now();
        let samples = data.into_iter().filter_map(|datum| sample(scope, datum, now)).collect();
        self.add(samples).await
    }

    /// Adds samples, all or none; they are on disk afterwards.
    pub(crate) async fn add(&self, samples: Vec<Sample>) -> Result<(), MetricsError> {
        match samples.is_empty() {
            true => Ok(()),
            false => self.committer.put(samples).await,
        }
    }

    /// Resolves once nothing more can be saved; only opening the store anew helps.
    pub fn failed(&self) -> impl Future<Output = MetricsError> + use<> {
        self.committer.failed()
    }

    /// Rolls up what is too old for its resolution from time to time, for ever; it may be dropped at any moment.
    pub async fn keep_retention(self) {
        let mut interval = tokio::time::interval(INTERVAL);
        loop {
            interval.tick().await;
            if let Err(error) = self.roll_up().await {
                tracing::error!(%error, "metrics cannot be rolled up");
            }
        }
    }

    /// Rolls up or forgets all that is over now. Other data are taken in between.
    ///
    /// # Errors
    /// When the store has failed.
    pub async fn roll_up(&self) -> Result<(), MetricsError> {
        while self.committer.roll_up(self.clock.now()).await? {}
        Ok(())
    }

    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs work on the file away from the threads that serve requests.
    pub(crate) async fn blocking<T, F>(&self, work: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Metrics) -> Result<T, ApiError> + Send + 'static,
    {
        let metrics = self.clone();
        tokio::task::spawn_blocking(move || work(&metrics)).await.map_err(internal_failure)?
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("rows", &self.rows).finish_non_exhaustive()
    }
}

fn sample(scope: &Scope, datum: Datum, now: Timestamp) -> Option<Sample> {
    let unit = Unit::parse(&datum.unit)?;
    check_time(datum.at, now).ok()?;
    let finest = if datum.resolution_secs == 1 { Resolution::Second } else { Resolution::Minute };
    let mut values = datum.values;
    values.retain(|(value, count)| is_value(*value) && is_count(*count));
    let summary = Summary::of_values(&values)?;
    let series = Series { scope: scope.clone(), metric: datum.metric };
    Sample::new(series, unit, (datum.at, finest), summary, now)
}
