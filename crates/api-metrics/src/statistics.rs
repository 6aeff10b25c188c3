//! GetMetricStatistics (Amazon CloudWatch API reference, page of this name).

use crate::Metrics;
use crate::api::{metric, unit};
use crate::read::read;
use crate::sample::Series;
use core_metrics::{Statistic, StatisticError, Summary, Unit, Window};
use model::Timestamp;
use std::collections::BTreeMap;
use wire::error::internal_failure;
use wire::metrics::error::{invalid_parameter_combination_exception, invalid_parameter_value_exception};
use wire::metrics::{self, Datapoint, GetMetricStatisticsInput, GetMetricStatisticsOutput, StandardUnit};
use wire::{ApiError, Cx};

/// Periods that a request may span.
const DATAPOINTS_MAX: i64 = 1440;

/// What is asked of each period.
struct Asked {
    statistics: Vec<metrics::Statistic>,
    percentiles: Vec<(String, Statistic)>,
    unit: Option<Unit>,
}

pub(crate) async fn get_metric_statistics(
    metrics: &Metrics,
    cx: &Cx,
    mut input: GetMetricStatisticsInput,
) -> Result<GetMetricStatisticsOutput, ApiError> {
    let now = metrics.clock.now();
    let window = window(&input, now)?;
    let asked = Asked {
        percentiles: percentiles(&input)?,
        statistics: input.statistics.take().unwrap_or_default(),
        unit: unit(input.unit),
    };
    let metric = metric(&input.namespace, input.metric_name, input.dimensions)
        .map_err(invalid_parameter_value_exception)?;
    let label = Some(metric.name.clone());
    let series = Series { scope: cx.scope.clone(), metric };
    let Some(id) = metrics.index().id(&series) else {
        return Ok(GetMetricStatisticsOutput { datapoints: Some(Vec::new()), label });
    };
    let datapoints = metrics.blocking(move |metrics| {
        let tx = metrics.rows.begin_read().map_err(internal_failure)?;
        let mut datapoints = Vec::new();
        read(&tx, id, &window, now, |at, unit, summary| {
            if asked.unit.is_none_or(|wanted| wanted == unit) {
                datapoints.push(asked.datapoint(at, unit, summary));
            }
        })
        .map_err(internal_failure)?;
        Ok(datapoints)
    });
    Ok(GetMetricStatisticsOutput { datapoints: Some(datapoints.await?), label })
}

impl Asked {
    /// Periods with data of several units have a data point for each.
    fn datapoint(&self, at: Timestamp, unit: Unit, summary: &Summary) -> Datapoint {
        let mut point = Datapoint {
            timestamp: Some(at),
            unit: unit.name().parse::<StandardUnit>().ok(),
            ..Datapoint::default()
        };
        for statistic in &self.statistics {
            let (member, statistic) = match statistic {
                metrics::Statistic::SampleCount => (&mut point.sample_count, Statistic::SampleCount),
                metrics::Statistic::Average => (&mut point.average, Statistic::Average),
                metrics::Statistic::Sum => (&mut point.sum, Statistic::Sum),
                metrics::Statistic::Minimum => (&mut point.minimum, Statistic::Minimum),
                metrics::Statistic::Maximum => (&mut point.maximum, Statistic::Maximum),
            };
            *member = summary.statistic(statistic);
        }
        let value =
            |(name, percentile): &(String, Statistic)| Some((name.clone(), summary.statistic(*percentile)?));
        let percentiles: BTreeMap<_, _> = self.percentiles.iter().filter_map(value).collect();
        point.extended_statistics = (!percentiles.is_empty()).then_some(percentiles);
        point
    }
}

fn window(input: &GetMetricStatisticsInput, now: Timestamp) -> Result<Window, ApiError> {
    check_range(input.start_time, input.end_time).map_err(invalid_parameter_value_exception)?;
    let period = period(input.period, "Period").map_err(invalid_parameter_value_exception)?;
    let period_millis = i64::from(period) * 1000;
    let span = input.end_time.millis_since(input.start_time);
    let datapoints = span / period_millis + i64::from(span % period_millis > 0);
    if datapoints > DATAPOINTS_MAX {
        return Err(invalid_parameter_combination_exception(format!(
            "You have requested up to {datapoints} datapoints, which exceeds the limit of {DATAPOINTS_MAX}. \
             You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )));
    }
    Ok(Window::new(input.start_time, input.end_time, period, now))
}

/// Refuses a range that has no time in it. `Err` has a message.
pub(crate) fn check_range(start: Timestamp, end: Timestamp) -> Result<(), String> {
    match start.cmp(&end) {
        std::cmp::Ordering::Less => Ok(()),
        std::cmp::Ordering::Equal => {
            Err("The parameter StartTime must not equal parameter EndTime.".to_owned())
        }
        std::cmp::Ordering::Greater => {
            Err("The parameter StartTime must be less than the parameter EndTime.".to_owned())
        }
    }
}

/// The seconds of a period that CloudWatch has. `Err` has a message.
pub(crate) fn period(secs: i32, path: &str) -> Result<u32, String> {
    let secs = Some(secs).filter(|secs| Window::is_period(*secs)).and_then(|secs| u32::try_from(secs).ok());
    secs.ok_or_else(|| format!("The parameter {path} must be 1, 5, 10, 20, 30 or a multiple of 60."))
}

/// A statistic by name. `Err` has a message.
pub(crate) fn statistic(name: &str, path: &str) -> Result<Statistic, String> {
    Statistic::parse(name).map_err(|error| match error {
        StatisticError::Unknown => format!("The value {name} for parameter {path} is not a valid statistic."),
        StatisticError::Unsupported => format!("Wharf does not compute {name}, in parameter {path}, yet."),
    })
}

fn percentiles(input: &GetMetricStatisticsInput) -> Result<Vec<(String, Statistic)>, ApiError> {
    match (&input.statistics, &input.extended_statistics) {
        (Some(_), Some(_)) => Err(invalid_parameter_combination_exception(
            "The parameters Statistics and ExtendedStatistics are mutually exclusive and you have specified both.",
        )),
        (None, None) => Err(invalid_parameter_combination_exception(
            "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        )),
        (Some(_), None) => Ok(Vec::new()),
        (None, Some(names)) => names.iter().enumerate().map(percentile).collect(),
    }
}

fn percentile((nth, name): (usize, &String)) -> Result<(String, Statistic), ApiError> {
    let path = format!("ExtendedStatistics.member.{}", nth + 1);
    match statistic(name, &path) {
        Ok(percentile @ Statistic::Percentile(_)) => Ok((name.clone(), percentile)),
        Ok(_) => {
            let message = format!("The value {name} for parameter {path} is not supported.");
            Err(invalid_parameter_value_exception(message))
        }
        Err(message) => Err(invalid_parameter_value_exception(message)),
    }
}
