//! A store in a directory, a clock that moves when it is told to, and short forms of requests.

use api_metrics::Metrics;
use model::Scope;
use model::time::{Clock, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use wire::metrics::*;
use wire::{ApiError, Cx};

/// 2033-05-18T03:00:00Z: the begin of an hour.
pub const NOW: i64 = 1_999_998_000_000;
pub const SECOND: i64 = 1000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// A clock that shows what it was set to.
pub struct Set(AtomicI64);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

pub struct World {
    pub dir: tempfile::TempDir,
    pub clock: Arc<Set>,
    pub metrics: Metrics,
}

impl World {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let clock = Arc::new(Set(AtomicI64::new(NOW)));
        let metrics = Metrics::open(&dir.path().join("metrics.redb"), clock.clone()).expect("opens");
        Self { dir, clock, metrics }
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("metrics.redb")
    }

    pub fn set(&self, now: i64) {
        self.clock.0.store(now, Ordering::SeqCst);
    }

    /// Ends the store and opens it again.
    pub fn restarted(self) -> Self {
        let Self { dir, clock, metrics } = self;
        drop(metrics);
        let metrics = Metrics::open(&dir.path().join("metrics.redb"), clock.clone()).expect("opens");
        Self { dir, clock, metrics }
    }

    pub async fn put(&self, data: Vec<MetricDatum>) -> Result<(), ApiError> {
        self.put_to("App", data).await
    }

    pub async fn put_to(&self, namespace: &str, data: Vec<MetricDatum>) -> Result<(), ApiError> {
        let input = PutMetricDataInput { namespace: namespace.to_owned(), metric_data: Some(data) };
        self.metrics.put_metric_data(&cx(), input).await.map(drop)
    }

    /// One statistic of the metric `m` from `start` to `end` as pairs of milliseconds after `start`, and value.
    pub async fn series(&self, stat: &str, period: i32, start: i64, end: i64) -> Vec<(i64, f64)> {
        let mut input = data_input(vec![query("q", metric("m", &[]), stat, period)], start, end);
        input.scan_by = Some(ScanBy::TimestampAscending);
        let answer = self.metrics.get_metric_data(&cx(), input).await.expect("an answer");
        let [result] = &answer.metric_data_results.expect("results")[..] else { panic!("one result") };
        points(result).into_iter().map(|(at, value)| (at - start, value)).collect()
    }
}

pub fn cx() -> Cx {
    cx_in("us-east-1")
}

pub fn cx_in(region: &str) -> Cx {
    Cx {
        scope: Scope::new("000000000000", region),
        caller_arn: "arn:aws:iam::000000000000:root".to_owned(),
        access_key: "000000000000".to_owned(),
        request_id: "r".to_owned(),
        origin: "http://127.0.0.1".to_owned(),
        user_agent: String::new(),
    }
}

/// The metric `m` with one value at a time.
pub fn value(value: f64, at: i64) -> MetricDatum {
    MetricDatum {
        metric_name: "m".to_owned(),
        value: Some(value),
        timestamp: Some(Timestamp(at)),
        ..MetricDatum::default()
    }
}

pub fn dimensions(dimensions: &[(&str, &str)]) -> Vec<Dimension> {
    let dimension =
        |(name, value): &(&str, &str)| Dimension { name: (*name).to_owned(), value: (*value).to_owned() };
    dimensions.iter().map(dimension).collect()
}

/// A metric of the namespace `App`.
pub fn metric(name: &str, of: &[(&str, &str)]) -> Metric {
    Metric {
        namespace: Some("App".to_owned()),
        metric_name: Some(name.to_owned()),
        dimensions: Some(dimensions(of)),
    }
}

pub fn query(id: &str, metric: Metric, stat: &str, period: i32) -> MetricDataQuery {
    let metric_stat = MetricStat { metric, stat: stat.to_owned(), period, unit: None };
    MetricDataQuery { id: id.to_owned(), metric_stat: Some(metric_stat), ..MetricDataQuery::default() }
}

pub fn data_input(queries: Vec<MetricDataQuery>, start: i64, end: i64) -> GetMetricDataInput {
    GetMetricDataInput {
        metric_data_queries: queries,
        start_time: Timestamp(start),
        end_time: Timestamp(end),
        ..GetMetricDataInput::default()
    }
}

/// The data points of a result as pairs of milliseconds and value.
pub fn points(result: &MetricDataResult) -> Vec<(i64, f64)> {
    let (at, values) = (result.timestamps.as_deref(), result.values.as_deref());
    let (at, values) = (at.unwrap_or_default(), values.unwrap_or_default());
    assert_eq!(at.len(), values.len());
    std::iter::zip(at, values).map(|(at, value)| (at.0, *value)).collect()
}

pub fn shown<T>(result: Result<T, ApiError>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "taken".to_owned())
}
