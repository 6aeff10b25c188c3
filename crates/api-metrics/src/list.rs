//! ListMetrics (Amazon CloudWatch API reference, page of this name).

use crate::Metrics;
use core_metrics::Resolution;
use model::metrics::Metric;
use wire::metrics::error::invalid_parameter_value_exception;
use wire::metrics::{self, Dimension, DimensionFilter, ListMetricsInput, ListMetricsOutput};
use wire::{ApiError, Cx};

/// Metrics of an answer.
const PAGE_MAX: usize = 500;

/// Metrics without newer points are not listed.
const ACTIVE_MILLIS: i64 = 14 * 24 * 3_600_000;

/// A metric is listed as soon as its first data are acknowledged; CloudWatch may take a quarter of an hour. Whether it is
/// active follows from the time of its newest point, not from when that came.
pub(crate) fn list_metrics(
    metrics: &Metrics,
    cx: &Cx,
    input: ListMetricsInput,
) -> Result<ListMetricsOutput, ApiError> {
    let after = match &input.next_token {
        None => 0,
        Some(token) => read_token(token).ok_or_else(|| {
            invalid_parameter_value_exception("The value for parameter NextToken is invalid.")
        })?,
    };
    let kept = match input.recently_active {
        Some(metrics::RecentlyActive::Pt3h) => Resolution::Second.kept_millis(),
        None => ACTIVE_MILLIS,
    };
    let oldest = metrics.clock.now().plus_millis(-kept);
    let index = metrics.index();
    let mut matching = index
        .after(after)
        .filter(|(_, listed)| listed.series.scope == cx.scope && listed.newest >= oldest)
        .filter(|(_, listed)| is_asked_for(&listed.series.metric, &input));
    let mut page = Vec::new();
    let mut last = after;
    for (id, listed) in matching.by_ref().take(PAGE_MAX) {
        last = id;
        page.push(describe(&listed.series.metric));
    }
    let next_token = matching.next().map(|_| format!("{last:016x}"));
    Ok(ListMetricsOutput { metrics: Some(page), next_token, owning_accounts: None })
}

fn is_asked_for(metric: &Metric, input: &ListMetricsInput) -> bool {
    let has = |filter: &DimensionFilter| {
        let value = metric.dimensions.get(&filter.name);
        value.is_some_and(|value| filter.value.as_ref().is_none_or(|wanted| wanted == value))
    };
    input.namespace.as_ref().is_none_or(|namespace| *namespace == metric.namespace)
        && input.metric_name.as_ref().is_none_or(|name| *name == metric.name)
        && input.dimensions.iter().flatten().all(has)
}

fn describe(metric: &Metric) -> metrics::Metric {
    let dimension =
        |(name, value): (&String, &String)| Dimension { name: name.clone(), value: value.clone() };
    metrics::Metric {
        namespace: Some(metric.namespace.clone()),
        metric_name: Some(metric.name.clone()),
        dimensions: Some(metric.dimensions.iter().map(dimension).collect()),
    }
}

fn read_token(token: &str) -> Option<u64> {
    let is_ours = token.len() == 16 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then(|| u64::from_str_radix(token, 16).ok()).flatten()
}
