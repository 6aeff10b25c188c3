//! Where metric filters count to: the store of metrics.

use api_logs::MetricSink;
use api_metrics::Metrics;
use async_trait::async_trait;
use model::Scope;
use model::metrics::Datum;
use std::error::Error;

pub(super) struct MetricStore(pub Metrics);

#[async_trait]
impl MetricSink for MetricStore {
    async fn put(&self, scope: &Scope, data: Vec<Datum>) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.0.put(scope, data).await?)
    }
}
