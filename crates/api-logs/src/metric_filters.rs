//! Metric filters as records (Amazon CloudWatch Logs API reference: `PutMetricFilter`, `DescribeMetricFilters`,
//! `DeleteMetricFilter`). What comes of them is in `counting.rs`.

use crate::api::{Logs, Refusal, find_group, invalid_token, no_such_group, pattern};
use core_logs::{Pattern, Transformation};
use model::logs::{MetricFilter, MetricTransformation};
use model::metrics::{NAME_CHARS_MAX, check_name, check_text};
use model::{LogGroupName, MetricFilterName};
use std::sync::Arc;
use store::{MetricFilterKey, Tx};
use wire::logs::{self, StandardUnit, error};
use wire::{ApiError, Cx};

/// Metric filters of a log group, and regular expressions in their patterns (CloudWatch Logs quotas).
const FILTERS_MAX: usize = 100;
const REGEXES_MAX: usize = 5;
/// Both the default and the most of a page.
const PAGE_MAX: usize = 50;

impl Logs {
    /// A filter that is there is changed, and keeps the time of its creation.
    pub(crate) async fn put_metric_filter(
        &self,
        cx: &Cx,
        input: logs::PutMetricFilterRequest,
    ) -> Result<logs::PutMetricFilterResponse, ApiError> {
        let pattern = pattern(&input.filter_pattern)?;
        let regexes = pattern.regexes();
        let filter = MetricFilter {
            scope: cx.scope.clone(),
            group: input.log_group_name.into(),
            name: input.filter_name.into(),
            pattern: input.filter_pattern,
            transformation: transformation(pattern, input.metric_transformations)?,
            created_at: self.clock.now(),
        };
        self.store.commit(move |tx: &mut Tx| put(tx, filter, regexes)).await?;
        Ok(logs::PutMetricFilterResponse {})
    }

    /// By the filters' names, and by their groups' where several have the same.
    pub(crate) async fn describe_metric_filters(
        &self,
        cx: &Cx,
        input: logs::DescribeMetricFiltersRequest,
    ) -> Result<logs::DescribeMetricFiltersResponse, ApiError> {
        let metric = match (input.metric_name, input.metric_namespace) {
            (Some(name), Some(namespace)) => Some((name, namespace)),
            (None, None) => None,
            _ => {
                let message = "metricName and metricNamespace must be specified together.";
                return Err(error::invalid_parameter_exception(message));
            }
        };
        let snapshot = self.store.snapshot();
        let mut filters: Vec<_> = match &input.log_group_name {
            Some(group) => {
                let group = LogGroupName::from(group.as_str());
                find_group(&snapshot, &cx.scope, &group)?;
                // Without a group the prefix means nothing, as AWS documents.
                let prefix = input.filter_name_prefix.unwrap_or_default();
                let of_group = snapshot.metric_filters(&cx.scope, &group);
                of_group.filter(|filter| filter.name.as_str().starts_with(&prefix)).collect()
            }
            None => snapshot.all_metric_filters(&cx.scope).collect(),
        };
        if let Some((name, namespace)) = metric {
            filters.retain(|filter| {
                filter.transformation.name == name && filter.transformation.namespace == namespace
            });
        }
        filters.sort_by_key(|filter| place(filter));
        if let Some(token) = &input.next_token {
            let after = read_token(token).ok_or_else(invalid_token)?;
            filters.retain(|filter| place(filter) > after);
        }
        let limit = input.limit.and_then(|limit| usize::try_from(limit).ok());
        let (page, more) = filters.split_at(filters.len().min(limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX)));
        let next_token = page.last().filter(|_| !more.is_empty()).map(|filter| token(filter));
        let metric_filters = Some(page.iter().map(|filter| describe(filter)).collect());
        Ok(logs::DescribeMetricFiltersResponse { metric_filters, next_token })
    }

    pub(crate) async fn delete_metric_filter(
        &self,
        cx: &Cx,
        input: logs::DeleteMetricFilterRequest,
    ) -> Result<logs::DeleteMetricFilterResponse, ApiError> {
        let name = MetricFilterName::from(input.filter_name);
        let key: MetricFilterKey = (cx.scope.clone(), input.log_group_name.into(), name);
        let change = move |tx: &mut Tx| {
            let (scope, group, name) = &key;
            find_group(tx, scope, group).map_err(Refusal::Api)?;
            if tx.metric_filter(scope, group, name).is_none() {
                let message = format!("The specified metric filter {name} does not exist.");
                return Err(Refusal::Api(error::resource_not_found_exception(message)));
            }
            tx.remove::<MetricFilter>(&key);
            Ok(())
        };
        self.store.commit(change).await?;
        Ok(logs::DeleteMetricFilterResponse {})
    }
}

/// A filter as it works. What the store holds was checked, so an error is a bug or of another release.
pub(crate) fn compile(filter: &MetricFilter) -> Result<Transformation, String> {
    let pattern = Pattern::parse(&filter.pattern).map_err(|error| error.to_string())?;
    let MetricTransformation { value, default, dimensions, .. } = &filter.transformation;
    Transformation::new(pattern, value, *default, dimensions).map_err(|error| error.to_string())
}

/// Checks everything that can be checked without the group.
fn transformation(
    pattern: Pattern,
    given: Vec<logs::MetricTransformation>,
) -> Result<MetricTransformation, ApiError> {
    let invalid = |message: String| error::invalid_parameter_exception(message);
    let [given] = <[_; 1]>::try_from(given)
        .map_err(|_| invalid("A metric filter has exactly one metric transformation.".to_owned()))?;
    let wanted = MetricTransformation {
        name: given.metric_name,
        namespace: given.metric_namespace,
        value: given.metric_value,
        default: given.default_value,
        dimensions: given.dimensions.unwrap_or_default(),
        unit: given.unit.map(|unit| unit.to_string()),
    };
    let name = check_text(&wanted.name, NAME_CHARS_MAX);
    for (member, checked) in [("metricName", name), ("metricNamespace", check_name(&wanted.namespace))] {
        if checked.is_err() {
            // CloudWatch would take no data of this metric.
            let message =
                format!("Invalid metric transformation: {member} must be ASCII text, and not blank");
            return Err(invalid(message));
        }
    }
    if wanted.namespace.starts_with("AWS/") {
        // As PutMetricData has it; what PutMetricFilter says is not documented.
        let message = "Invalid metric transformation: namespaces starting with AWS/ are reserved for AWS";
        return Err(invalid(message.to_owned()));
    }
    Transformation::new(pattern, &wanted.value, wanted.default, &wanted.dimensions)
        .map_err(|error| invalid(error.to_string()))?;
    Ok(wanted)
}

fn put(tx: &mut Tx, mut filter: MetricFilter, regexes: usize) -> Result<(), Refusal> {
    tx.log_group(&filter.scope, &filter.group).ok_or_else(|| Refusal::Api(no_such_group()))?;
    let exceeded = |message: &str| Err(Refusal::Api(error::limit_exceeded_exception(message)));
    let (same, others): (Vec<_>, Vec<_>) =
        tx.metric_filters(&filter.scope, &filter.group).partition(|other| other.name == filter.name);
    if others.len() >= FILTERS_MAX {
        return exceeded("Resource limit exceeded.");
    }
    if regexes > 0 && regexes + others.iter().map(|other| regexes_of(other)).sum::<usize>() > REGEXES_MAX {
        return exceeded("A log group has at most 5 regular expressions in the patterns of its filters.");
    }
    if let [same] = &same[..] {
        filter.created_at = same.created_at;
    }
    tx.put(filter);
    Ok(())
}

/// A pattern without a percent sign needs no reading, and few have one.
fn regexes_of(filter: &MetricFilter) -> usize {
    let parsed = filter.pattern.contains('%').then(|| Pattern::parse(&filter.pattern));
    parsed.and_then(Result::ok).map_or(0, |pattern| pattern.regexes())
}

/// Where a filter stands in the order of DescribeMetricFilters.
fn place(filter: &Arc<MetricFilter>) -> (&str, &str) {
    (filter.name.as_str(), filter.group.as_str())
}

/// Names have no colon.
fn token(filter: &MetricFilter) -> String {
    format!("{}:{}", filter.name, filter.group)
}

fn read_token(token: &str) -> Option<(&str, &str)> {
    token.split_once(':')
}

fn describe(filter: &MetricFilter) -> logs::MetricFilter {
    let wanted = &filter.transformation;
    let transformation = logs::MetricTransformation {
        metric_name: wanted.name.clone(),
        metric_namespace: wanted.namespace.clone(),
        metric_value: wanted.value.clone(),
        default_value: wanted.default,
        dimensions: Some(wanted.dimensions.clone()).filter(|dimensions| !dimensions.is_empty()),
        unit: wanted.unit.as_deref().and_then(|unit| unit.parse::<StandardUnit>().ok()),
    };
    logs::MetricFilter {
        log_group_name: Some(filter.group.to_string()),
        filter_name: Some(filter.name.to_string()),
        filter_pattern: Some(filter.pattern.clone()),
        metric_transformations: Some(vec![transformation]),
        creation_time: Some(filter.created_at.0),
        ..logs::MetricFilter::default()
    }
}
