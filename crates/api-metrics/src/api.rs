//! The operations, each handed to its module, and what their inputs have in common.

use crate::Metrics;
use async_trait::async_trait;
use core_metrics::Unit;
use model::metrics::Metric;
use std::collections::BTreeMap;
use wire::metrics::{self, Dimension, StandardUnit};
use wire::{ApiError, Cx};

#[async_trait]
impl metrics::Api for Metrics {
    async fn put_metric_data(
        &self,
        cx: &Cx,
        input: metrics::PutMetricDataInput,
    ) -> Result<metrics::PutMetricDataResponse, ApiError> {
        crate::put::put_metric_data(self, cx, input).await
    }

    async fn list_metrics(
        &self,
        cx: &Cx,
        input: metrics::ListMetricsInput,
    ) -> Result<metrics::ListMetricsOutput, ApiError> {
        crate::list::list_metrics(self, cx, input)
    }

    async fn get_metric_statistics(
        &self,
        cx: &Cx,
        input: metrics::GetMetricStatisticsInput,
    ) -> Result<metrics::GetMetricStatisticsOutput, ApiError> {
        crate::statistics::get_metric_statistics(self, cx, input).await
    }

    async fn get_metric_data(
        &self,
        cx: &Cx,
        input: metrics::GetMetricDataInput,
    ) -> Result<metrics::GetMetricDataOutput, ApiError> {
        crate::data::get_metric_data(self, cx, input).await
    }
}

/// What a request calls a metric. `Err` has a message.
pub(crate) fn metric(
    namespace: &str,
    name: String,
    dimensions: Option<Vec<Dimension>>,
) -> Result<Metric, String> {
    let mut by_name = BTreeMap::new();
    for dimension in dimensions.unwrap_or_default() {
        if by_name.insert(dimension.name, dimension.value).is_some() {
            return Err("No metric may specify the same dimension name twice.".to_owned());
        }
    }
    Ok(Metric { namespace: namespace.to_owned(), name, dimensions: by_name })
}

/// The unit of a request, if it names one.
pub(crate) fn unit(unit: Option<StandardUnit>) -> Option<Unit> {
    unit.and_then(|unit| Unit::parse(unit.as_str()))
}
