//! GetMetricData (Amazon CloudWatch API reference, page of this name), without metric math.
//!
//! A page has the queries in their order, each from where the page before ended, until it is full. Every page names
//! every query, so that one without data is told from one that was left out.

use crate::Metrics;
use crate::api::{metric, unit};
use crate::label::{Named, labels};
use crate::read::read;
use crate::sample::Series;
use crate::statistics::{check_range, period, statistic};
use core_metrics::{Statistic, Unit, Window};
use model::Timestamp;
use redb::ReadTransaction;
use std::collections::{BTreeMap, BTreeSet};
use wire::error::internal_failure;
use wire::metrics::error::invalid_next_token;
use wire::metrics::{GetMetricDataInput, GetMetricDataOutput, MetricDataQuery, MetricDataResult};
use wire::metrics::{ScanBy, StatusCode};
use wire::{ApiError, Cx};

/// Queries of a request.
const QUERIES_MAX: usize = 500;
/// Data points of a page.
const DATAPOINTS_MAX: usize = 100_800;

/// One query that passed.
struct Query {
    id: String,
    label: Option<String>,
    series: Series,
    stat: String,
    statistic: Statistic,
    period_secs: u32,
    unit: Option<Unit>,
    is_returned: bool,
}

impl Query {
    fn named(&self) -> Named<'_> {
        Named { metric: &self.series.metric, stat: &self.stat, period_secs: self.period_secs }
    }
}

/// Where a page begins: a query, and the time of its last data point on the page before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    query: usize,
    after: Option<Timestamp>,
}

pub(crate) async fn get_metric_data(
    metrics: &Metrics,
    cx: &Cx,
    input: GetMetricDataInput,
) -> Result<GetMetricDataOutput, ApiError> {
    check_range(input.start_time, input.end_time).map_err(refuse)?;
    let queries = queries(cx, input.metric_data_queries)?;
    let place = match &input.next_token {
        None => Place::default(),
        Some(token) => Place::read(token)
            .filter(|place| place.query < queries.len())
            .ok_or_else(|| invalid_next_token("The value for parameter NextToken is invalid."))?,
    };
    let room = match input.max_datapoints.map(usize::try_from) {
        None => DATAPOINTS_MAX,
        Some(Ok(most)) if (1..=DATAPOINTS_MAX).contains(&most) => most,
        Some(_) => {
            return Err(refuse(format!("The parameter MaxDatapoints must be from 1 to {DATAPOINTS_MAX}.")));
        }
    };
    let is_descending = input.scan_by != Some(ScanBy::TimestampAscending);
    let (start, end) = (input.start_time, input.end_time);
    metrics.blocking(move |metrics| page(metrics, &queries, (start, end), is_descending, place, room)).await
}

fn queries(cx: &Cx, queries: Vec<MetricDataQuery>) -> Result<Vec<Query>, ApiError> {
    if queries.len() > QUERIES_MAX {
        let message =
            format!("The collection MetricDataQueries must not have a size greater than {QUERIES_MAX}.");
        return Err(refuse(message));
    }
    if queries.is_empty() {
        return Err(refuse("The parameter MetricDataQueries is required."));
    }
    let mut ids = BTreeSet::new();
    if !queries.iter().all(|query| ids.insert(query.id.as_str())) {
        return Err(refuse("The values for parameter id in MetricDataQueries are not unique."));
    }
    let paths = (1..).map(|nth| format!("MetricDataQueries.member.{nth}"));
    std::iter::zip(paths, queries)
        .map(|(path, query)| self::query(cx, &path, query).map_err(refuse))
        .collect()
}

/// `Err` has a message. `path` is where the query is in the request.
fn query(cx: &Cx, path: &str, query: MetricDataQuery) -> Result<Query, String> {
    let required = |member: &str| format!("The parameter {path}.{member} is required.");
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !query.id.starts_with(|c: char| c.is_ascii_lowercase()) || !query.id.chars().all(is_letter) {
        return Err(format!(
            "The value {} for parameter {path}.Id is invalid: it must start with a lowercase letter, and have \
             letters, digits and underscores only.",
            query.id
        ));
    }
    if query.label.as_ref().is_some_and(|label| label.contains("${")) {
        return Err(format!("Wharf does not compute dynamic labels, in parameter {path}.Label, yet."));
    }
    let stat = query.metric_stat.ok_or_else(|| required("MetricStat"))?;
    if query.period.is_some() {
        return Err(format!(
            "The parameters {path}.Period and {path}.MetricStat are mutually exclusive and you have specified both."
        ));
    }
    let namespace = stat.metric.namespace.ok_or_else(|| required("MetricStat.Metric.Namespace"))?;
    let name = stat.metric.metric_name.ok_or_else(|| required("MetricStat.Metric.MetricName"))?;
    let metric = metric(&namespace, name, stat.metric.dimensions)?;
    Ok(Query {
        id: query.id,
        label: query.label,
        series: Series { scope: cx.scope.clone(), metric },
        statistic: statistic(&stat.stat, &format!("{path}.MetricStat.Stat"))?,
        stat: stat.stat,
        period_secs: period(stat.period, &format!("{path}.MetricStat.Period"))?,
        unit: unit(stat.unit),
        is_returned: query.return_data != Some(false),
    })
}

fn page(
    metrics: &Metrics,
    queries: &[Query],
    (start, end): (Timestamp, Timestamp),
    is_descending: bool,
    place: Place,
    mut room: usize,
) -> Result<GetMetricDataOutput, ApiError> {
    let now = metrics.clock.now();
    let tx = metrics.rows.begin_read().map_err(internal_failure)?;
    let labels = labels(&queries.iter().map(Query::named).collect::<Vec<_>>());
    let mut next = None;
    let mut results = Vec::new();
    for ((nth, query), label) in queries.iter().enumerate().zip(labels).filter(|((_, q), _)| q.is_returned) {
        let mut points = Vec::new();
        if nth >= place.query && next.is_none() {
            let window = Window::new(start, end, query.period_secs, now);
            points = datapoints(metrics, &tx, query, &window, now).map_err(internal_failure)?;
            if is_descending {
                points.reverse();
            }
            let after = place.after.filter(|_| nth == place.query);
            points.retain(|(at, _)| {
                after.is_none_or(|after| if is_descending { *at < after } else { *at > after })
            });
            if points.len() > room {
                points.truncate(room);
                let after = points.last().map(|(at, _)| *at).or(after);
                next = Some(Place { query: nth, after });
            }
            room -= points.len();
        }
        let is_whole = next.is_none();
        results.push(MetricDataResult {
            id: Some(query.id.clone()),
            label: Some(query.label.clone().unwrap_or(label)),
            timestamps: Some(points.iter().map(|(at, _)| *at).collect()),
            values: Some(points.iter().map(|(_, value)| *value).collect()),
            status_code: Some(if is_whole { StatusCode::Complete } else { StatusCode::PartialData }),
            messages: None,
        });
    }
    let (metric_data_results, messages) = (Some(results), Some(Vec::new()));
    Ok(GetMetricDataOutput { metric_data_results, messages, next_token: next.map(Place::write) })
}

/// The values of a query in the order of time. Without a unit in the query, those of one unit are taken, which is the
/// first in the order of AWS's model that has any: units never mix.
fn datapoints(
    metrics: &Metrics,
    tx: &ReadTransaction,
    query: &Query,
    window: &Window,
    now: Timestamp,
) -> Result<Vec<(Timestamp, f64)>, crate::MetricsError> {
    let Some(id) = metrics.index().id(&query.series) else { return Ok(Vec::new()) };
    let mut by_unit: BTreeMap<Unit, Vec<_>> = BTreeMap::new();
    read(tx, id, window, now, |at, unit, summary| {
        if query.unit.is_none_or(|wanted| wanted == unit) {
            let points = by_unit.entry(unit).or_default();
            points.extend(summary.statistic(query.statistic).map(|value| (at, value)));
        }
    })?;
    Ok(by_unit.into_values().next().unwrap_or_default())
}

/// Every refusal of this operation has this code.
fn refuse(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", 400, message)
}

impl Place {
    fn write(self) -> String {
        match self.after {
            Some(after) => format!("{}/{}", self.query, after.0),
            None => self.query.to_string(),
        }
    }

    fn read(token: &str) -> Option<Self> {
        let (query, after) = match token.split_once('/') {
            Some((query, after)) => (query, Some(Timestamp(after.parse().ok()?))),
            None => (token, None),
        };
        Some(Self { query: query.parse().ok()?, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_and_nothing_else_is_one() {
        for place in [Place::default(), Place { query: 7, after: Some(Timestamp(-60_000)) }] {
            assert_eq!(Place::read(&place.write()), Some(place));
        }
        for token in ["", "/", "a", "1/", "1/a", "-1", "1/2/3"] {
            assert_eq!(Place::read(token), None, "{token}");
        }
    }
}
