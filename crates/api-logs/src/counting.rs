//! What log events count into metrics, by the metric filters of their group.
//!
//! Events count from the filter's record on: PutLogEvents looks at the filters that are in the store when it starts. Each
//! event counts at its own time; the values of a metric in one minute are one [`Datum`], of the minute's start. CloudWatch
//! takes none that is older than two weeks, which can be so for the oldest events that PutLogEvents takes.
//!
//! Order and failure: the events are made durable first, then the metrics, then PutLogEvents answers. A failure of the
//! second is answered as a failure of the whole, so nothing is acknowledged that does not count; who sends the batch
//! again has its events twice, as after any failure of PutLogEvents whose outcome is unknown, and its values once. The
//! other order would count twice what is stored once.
//!
//! A default value is reported for a minute whose events came and did not match, a few seconds after the minute is over,
//! because only then it is known. Until then it is known in memory alone: a minute in which Wharf ends has no default
//! value. A match that comes later is reported all the same.
//!
//! CloudWatch Logs "might disable" a filter with too many values of its dimensions. Here such a filter counts on for the
//! combinations that it has, and takes no new one until the hour is over: nothing to find out and to repair.

use crate::api::Logs;
use crate::metric_filters::compile;
use async_trait::async_trait;
use core_logs::{Message, Observation, Transformation};
use model::logs::MetricFilter;
use model::metrics::{Datum, Metric};
use model::{LogGroupName, Scope, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{MetricFilterKey, State};

/// Combinations of dimensions that a filter makes in one hour.
const COMBINATIONS_MAX: usize = 1000;
/// Seconds that a data point of a metric filter stands for.
const RESOLUTION_SECS: u32 = 60;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// How long after a minute's end, or after its first events where those come later, a match prevents its default value.
const LATE_MS: i64 = 10_000;
/// Minutes that ended longer ago bring no default value.
const DEFAULTS_MS: i64 = HOUR_MS;
/// How often default values that are due are looked for.
const INTERVAL: Duration = Duration::from_secs(5);

/// Where metrics go.
#[async_trait]
pub trait MetricSink: Send + Sync {
    /// Adds values to metrics. When this returns they are durable.
    ///
    /// # Errors
    /// When they may not be.
    async fn put(&self, scope: &Scope, data: Vec<Datum>) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// Every filter that has counted, compiled. One whose row in the store is another by now is compiled anew.
pub(crate) struct Counting {
    pub(crate) sink: Arc<dyn MetricSink>,
    counters: Mutex<HashMap<MetricFilterKey, Arc<Counter>>>,
}

struct Counter {
    row: Arc<MetricFilter>,
    /// `None` counts nothing.
    transformation: Option<Transformation>,
    minutes: Mutex<Minutes>,
    combinations: Mutex<Combinations>,
}

/// The minutes of which something is known, by their start; `None` needs no default value any more, others are due then.
#[derive(Debug, Default)]
struct Minutes(BTreeMap<i64, Option<i64>>);

/// Hashes of the combinations of the hour.
#[derive(Debug, Default)]
struct Combinations {
    hour: i64,
    hasher: RandomState,
    seen: HashSet<u64>,
    /// One was left out, and the log says so.
    is_full: bool,
}

/// What the events of one batch count as, by one filter.
struct Tally {
    counter: Arc<Counter>,
    /// By minute and dimensions: how often each value was seen, by its bits.
    values: BTreeMap<(i64, BTreeMap<String, String>), BTreeMap<u64, f64>>,
    /// The minutes of the events, and whether one of them matched.
    matched: BTreeMap<i64, bool>,
}

impl Logs {
    /// Reports default values when they are due, for ever; it may be dropped at any moment.
    pub async fn keep_default_values(self) {
        let mut interval = tokio::time::interval(INTERVAL);
        loop {
            interval.tick().await;
            self.report_default_values(self.clock.now()).await;
        }
    }

    /// Reports the default values that are due at `now`. What cannot be saved is tried again by the next call.
    pub async fn report_default_values(&self, now: Timestamp) {
        for counter in self.counting.current(&self.store.snapshot()) {
            let due = lock(&counter.minutes).due(now.0);
            let data = counter.defaults(&due);
            if data.is_empty() {
                continue;
            }
            match self.counting.sink.put(&counter.row.scope, data).await {
                Ok(()) => lock(&counter.minutes).settle(&due),
                Err(error) => {
                    tracing::warn!(filter = %counter.row.name, %error, "cannot report a default value");
                }
            }
        }
    }
}

impl Counting {
    pub(crate) fn new(sink: Arc<dyn MetricSink>) -> Self {
        Self { sink, counters: Mutex::default() }
    }

    /// What these events count as, by the filters that `state` has for their group.
    pub(crate) fn count(
        &self,
        state: &State,
        scope: &Scope,
        group: &LogGroupName,
        events: &[(i64, String)],
        now: Timestamp,
    ) -> Vec<Datum> {
        let filters = state.metric_filters(scope, group);
        let mut tallies: Vec<_> = filters.map(|row| Tally::new(self.counter(row))).collect();
        if tallies.is_empty() {
            return Vec::new();
        }
        for (timestamp, message) in events {
            let message = Message::new(message);
            tallies.iter_mut().for_each(|tally| tally.add(*timestamp, &message));
        }
        tallies.into_iter().flat_map(|tally| tally.finish(now.0)).collect()
    }

    fn counter(&self, row: &Arc<MetricFilter>) -> Arc<Counter> {
        let key = (row.scope.clone(), row.group.clone(), row.name.clone());
        let known = lock(&self.counters).get(&key).filter(|counter| Arc::ptr_eq(&counter.row, row)).cloned();
        known.unwrap_or_else(|| {
            let counter = Arc::new(Counter::new(row.clone()));
            lock(&self.counters).insert(key, counter.clone());
            counter
        })
    }

    /// The counters whose filters are still there; the others are forgotten.
    fn current(&self, state: &State) -> Vec<Arc<Counter>> {
        let mut counters = lock(&self.counters);
        counters.retain(|(scope, group, name), counter| {
            state.metric_filter(scope, group, name).is_some_and(|row| Arc::ptr_eq(row, &counter.row))
        });
        counters.values().cloned().collect()
    }
}

impl Counter {
    fn new(row: Arc<MetricFilter>) -> Self {
        let transformation = compile(&row);
        if let Err(error) = &transformation {
            tracing::error!(group = %row.group, filter = %row.name, error, "a metric filter cannot be used");
        }
        let (minutes, combinations) = (Mutex::default(), Mutex::default());
        Self { row, transformation: transformation.ok(), minutes, combinations }
    }

    fn default_value(&self) -> Option<f64> {
        self.transformation.as_ref().and_then(Transformation::default_value)
    }

    fn defaults(&self, minutes: &[i64]) -> Vec<Datum> {
        let datum =
            |value| minutes.iter().map(move |at| self.datum(*at, BTreeMap::new(), vec![(value, 1.0)]));
        self.default_value().into_iter().flat_map(datum).collect()
    }

    fn datum(&self, minute: i64, dimensions: BTreeMap<String, String>, values: Vec<(f64, f64)>) -> Datum {
        let wanted = &self.row.transformation;
        Datum {
            metric: Metric { namespace: wanted.namespace.clone(), name: wanted.name.clone(), dimensions },
            at: Timestamp(minute),
            unit: wanted.unit.clone().unwrap_or_else(|| "None".to_owned()),
            values,
            resolution_secs: RESOLUTION_SECS,
        }
    }
}

impl Tally {
    fn new(counter: Arc<Counter>) -> Self {
        Self { counter, values: BTreeMap::new(), matched: BTreeMap::new() }
    }

    fn add(&mut self, timestamp: i64, message: &Message<'_>) {
        let Some(transformation) = &self.counter.transformation else { return };
        let minute = timestamp - timestamp.rem_euclid(MINUTE_MS);
        let observed = transformation.observe(message);
        *self.matched.entry(minute).or_default() |= observed != Observation::NoMatch;
        if let Observation::Sample { value, dimensions } = observed {
            let values = self.values.entry((minute, dimensions)).or_default();
            *values.entry(value.to_bits()).or_default() += 1.0;
        }
    }

    fn finish(self, now: i64) -> Vec<Datum> {
        let Self { counter, mut values, matched } = self;
        if counter.default_value().is_some() {
            lock(&counter.minutes).note(&matched, now);
        }
        if !counter.row.transformation.dimensions.is_empty() {
            let mut combinations = lock(&counter.combinations);
            values.retain(|(_, dimensions), _| combinations.admit(dimensions, now, &counter.row));
        }
        let datum = |((minute, dimensions), values): (_, BTreeMap<u64, f64>)| {
            let values = values.into_iter().map(|(bits, count)| (f64::from_bits(bits), count));
            counter.datum(minute, dimensions, values.collect())
        };
        values.into_iter().map(datum).collect()
    }
}

impl Minutes {
    /// Writes down of which minutes events came, and whether one of them matched.
    fn note(&mut self, matched: &BTreeMap<i64, bool>, now: i64) {
        self.0.retain(|minute, due| *minute >= now - DEFAULTS_MS || due.is_some());
        for (minute, matched) in matched.range(now - DEFAULTS_MS..) {
            let due = now.max(minute + MINUTE_MS) + LATE_MS;
            let known = self.0.entry(*minute).or_insert(Some(due));
            if *matched {
                *known = None;
            }
        }
    }

    fn due(&self, now: i64) -> Vec<i64> {
        let is_due = |(_, due): &(&i64, &Option<i64>)| due.is_some_and(|due| due <= now);
        self.0.iter().filter(is_due).map(|(minute, _)| *minute).collect()
    }

    fn settle(&mut self, minutes: &[i64]) {
        for minute in minutes {
            self.0.insert(*minute, None);
        }
    }
}

impl Combinations {
    /// Whether this one counts: it is known, or there is room for another one.
    fn admit(&mut self, dimensions: &BTreeMap<String, String>, now: i64, row: &MetricFilter) -> bool {
        let hour = now.div_euclid(HOUR_MS);
        if self.hour != hour {
            self.hour = hour;
            self.seen.clear();
            self.is_full = false;
        }
        let hash = self.hasher.hash_one(dimensions);
        if self.seen.len() < COMBINATIONS_MAX {
            self.seen.insert(hash);
        }
        let admitted = self.seen.contains(&hash);
        if !admitted && !std::mem::replace(&mut self.is_full, true) {
            tracing::warn!(group = %row.group, filter = %row.name, "a metric filter has too many values of its dimensions");
        }
        admitted
    }
}

/// State behind these locks is whole at every panic point.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
