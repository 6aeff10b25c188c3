//! PutMetricData (Amazon CloudWatch API reference, page of this name).

use crate::Metrics;
use crate::api::{metric, unit};
use crate::sample::{Sample, Series};
use core_metrics::{Resolution, StatisticSet, Summary, Unit};
use model::metrics::{
    DIMENSION_VALUE_CHARS_MAX, NAME_CHARS_MAX, TextError, TimeError, check_name, check_text, check_time,
    is_count, is_value,
};
use model::{Scope, Timestamp};
use std::fmt::Arguments;
use wire::error::internal_failure;
use wire::metrics::error::{
    invalid_parameter_combination_exception, invalid_parameter_value_exception,
    missing_required_parameter_exception,
};
use wire::metrics::{MetricDatum, PutMetricDataInput, PutMetricDataResponse};
use wire::{ApiError, Cx};

/// Data of a request.
const DATA_MAX: usize = 1000;
/// Different values of a datum.
const VALUES_MAX: usize = 150;

pub(crate) async fn put_metric_data(
    metrics: &Metrics,
    cx: &Cx,
    input: PutMetricDataInput,
) -> Result<PutMetricDataResponse, ApiError> {
    let data = input.metric_data.unwrap_or_default();
    if data.is_empty() {
        return Err(missing_required_parameter_exception("The parameter MetricData is required."));
    }
    check_size("MetricData", data.len(), DATA_MAX)?;
    if input.namespace.starts_with("AWS/") {
        return Err(invalid_parameter_value_exception("The value AWS/ for parameter Namespace is invalid."));
    }
    check_name(&input.namespace).map_err(|error| refuse_text("Namespace", error))?;
    let now = metrics.clock.now();
    let mut samples = Vec::with_capacity(data.len());
    for (nth, datum) in data.into_iter().enumerate() {
        let at = format!("MetricData.member.{}", nth + 1);
        samples.extend(sample(&cx.scope, &input.namespace, &at, datum, now)?);
    }
    metrics.add(samples).await.map_err(internal_failure)?;
    Ok(PutMetricDataResponse {})
}

/// What a datum adds; nothing when all of its counts are zero. `path` is where it is in the request.
fn sample(
    scope: &Scope,
    namespace: &str,
    path: &str,
    datum: MetricDatum,
    now: Timestamp,
) -> Result<Option<Sample>, ApiError> {
    let summary = summary(path, &datum)?;
    let at = datum.timestamp.unwrap_or(now);
    check_time(at, now).map_err(|error| {
        let bound = match error {
            TimeError::Past => "within the past two weeks",
            TimeError::Future => "no more than two hours in the future",
        };
        invalid_parameter_value_exception(format!(
            "The parameter {path}.Timestamp must specify a time {bound}."
        ))
    })?;
    let finest = match datum.storage_resolution {
        None | Some(60) => Resolution::Minute,
        Some(1) => Resolution::Second,
        Some(_) => {
            let message =
                format!("The parameter {path}.StorageResolution must be a value in the set [ 1, 60 ].");
            return Err(invalid_parameter_value_exception(message));
        }
    };
    check_text(&datum.metric_name, NAME_CHARS_MAX)
        .map_err(|error| refuse_text(&format!("{path}.MetricName"), error))?;
    for (nth, dimension) in datum.dimensions.iter().flatten().enumerate() {
        let path = |member| format!("{path}.Dimensions.member.{}.{member}", nth + 1);
        check_name(&dimension.name).map_err(|error| refuse_text(&path("Name"), error))?;
        check_text(&dimension.value, DIMENSION_VALUE_CHARS_MAX)
            .map_err(|error| refuse_text(&path("Value"), error))?;
    }
    let metric =
        metric(namespace, datum.metric_name, datum.dimensions).map_err(invalid_parameter_value_exception)?;
    let unit = unit(datum.unit).unwrap_or(Unit::NONE);
    let series = Series { scope: scope.clone(), metric };
    Ok(summary.and_then(|summary| Sample::new(series, unit, (at, finest), summary, now)))
}

/// What a datum says of its samples, in one of the three forms.
fn summary(path: &str, datum: &MetricDatum) -> Result<Option<Summary>, ApiError> {
    let values = datum.values.as_deref().unwrap_or_default();
    let forms = [
        ("Value", datum.value.is_some()),
        ("Values", !values.is_empty()),
        ("StatisticValues", datum.statistic_values.is_some()),
    ];
    let given: Vec<_> = forms.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect();
    match given[..] {
        [] => {
            let message = format!(
                "At least one of the parameters {path}.Value and {path}.StatisticValues must be specified."
            );
            return Err(invalid_parameter_combination_exception(message));
        }
        [_] => {}
        [one, other, ..] => {
            let message = format!(
                "The parameters {path}.{one} and {path}.{other} are mutually exclusive and you have specified both."
            );
            return Err(invalid_parameter_combination_exception(message));
        }
    }
    if let Some(set) = &datum.statistic_values {
        return statistic_set(&format!("{path}.StatisticValues"), set).map(Some);
    }
    check_size(&format!("{path}.Values"), values.len(), VALUES_MAX)?;
    if datum.counts.as_ref().is_some_and(|counts| counts.len() != values.len()) {
        let message = format!("The parameters {path}.Values and {path}.Counts must be of the same size.");
        return Err(invalid_parameter_value_exception(message));
    }
    let mut seen = Vec::with_capacity(values.len() + 1);
    if let Some(value) = datum.value {
        check_number(format_args!("{path}.Value"), value, is_value)?;
        seen.push((value, 1.0));
    }
    for (nth, value) in values.iter().enumerate() {
        let count = datum.counts.as_ref().map_or(1.0, |counts| counts[nth]);
        check_number(format_args!("{path}.Values.member.{}", nth + 1), *value, is_value)?;
        check_number(format_args!("{path}.Counts.member.{}", nth + 1), count, is_count)?;
        seen.push((*value, count));
    }
    Ok(Summary::of_values(&seen))
}

fn statistic_set(path: &str, set: &wire::metrics::StatisticSet) -> Result<Summary, ApiError> {
    check_number(format_args!("{path}.SampleCount"), set.sample_count, |count| {
        is_count(count) && count > 0.0
    })?;
    check_number(format_args!("{path}.Sum"), set.sum, is_value)?;
    check_number(format_args!("{path}.Minimum"), set.minimum, is_value)?;
    check_number(format_args!("{path}.Maximum"), set.maximum, is_value)?;
    if set.minimum > set.maximum {
        let message = format!("The parameter {path}.Maximum must be greater than {path}.Minimum.");
        return Err(invalid_parameter_value_exception(message));
    }
    let (samples, sum) = (set.sample_count, set.sum);
    Ok(Summary::of_statistics(StatisticSet { samples, sum, minimum: set.minimum, maximum: set.maximum }))
}

fn check_number(path: Arguments<'_>, number: f64, is_taken: impl Fn(f64) -> bool) -> Result<(), ApiError> {
    if is_taken(number) {
        return Ok(());
    }
    let message = format!("The value {number:?} for parameter {path} is invalid.");
    Err(invalid_parameter_value_exception(message))
}

fn check_size(path: &str, size: usize, most: usize) -> Result<(), ApiError> {
    if size <= most {
        return Ok(());
    }
    let message = format!("The collection {path} must not have a size greater than {most}.");
    Err(invalid_parameter_value_exception(message))
}

fn refuse_text(path: &str, error: TextError) -> ApiError {
    invalid_parameter_value_exception(match error {
        TextError::NotAscii => format!("The value for parameter {path} contains non-ASCII characters."),
        TextError::Control => format!("The value for parameter {path} contains control characters."),
        TextError::Blank => format!("The value for parameter {path} must not be blank."),
        TextError::Colon => format!("The value for parameter {path} must not start with a colon."),
        TextError::TooLong => format!("The value for parameter {path} is too long."),
    })
}
