//! Trying a pattern, and subscription filters (Amazon CloudWatch Logs API reference: `TestMetricFilter`,
//! `DescribeSubscriptionFilters`, `DeleteSubscriptionFilter`).
//!
//! There is nobody to subscribe, so no group has subscription filters, and none can be put.

use crate::api::{Logs, find_group, invalid_token, pattern};
use core_logs::Message;
use model::Scope;
use wire::logs::{self, error};
use wire::{ApiError, Cx};

impl Logs {
    /// Which messages a pattern matches, counted from one, and what it takes out of each.
    pub(crate) async fn test_metric_filter(
        &self,
        _: &Cx,
        input: logs::TestMetricFilterRequest,
    ) -> Result<logs::TestMetricFilterResponse, ApiError> {
        let pattern = pattern(&input.filter_pattern)?;
        let record = |(number, message): (i64, String)| {
            let values = pattern.extract(&Message::new(&message))?;
            Some(logs::MetricFilterMatchRecord {
                event_number: Some(number),
                event_message: Some(message),
                extracted_values: Some(values),
            })
        };
        let matches = (1..).zip(input.log_event_messages).filter_map(record).collect();
        Ok(logs::TestMetricFilterResponse { matches: Some(matches) })
    }

    pub(crate) async fn describe_subscription_filters(
        &self,
        cx: &Cx,
        input: logs::DescribeSubscriptionFiltersRequest,
    ) -> Result<logs::DescribeSubscriptionFiltersResponse, ApiError> {
        self.no_subscription_filters(&cx.scope, input.log_group_name, input.next_token)?;
        let subscription_filters = Some(Vec::new());
        Ok(logs::DescribeSubscriptionFiltersResponse { subscription_filters, next_token: None })
    }

    pub(crate) async fn delete_subscription_filter(
        &self,
        cx: &Cx,
        input: logs::DeleteSubscriptionFilterRequest,
    ) -> Result<logs::DeleteSubscriptionFilterResponse, ApiError> {
        self.no_subscription_filters(&cx.scope, input.log_group_name, None)?;
        let message = format!("The specified subscription filter {} does not exist.", input.filter_name);
        Err(error::resource_not_found_exception(message))
    }

    /// The group has to exist, and no token was ever given out.
    fn no_subscription_filters(
        &self,
        scope: &Scope,
        group: String,
        next_token: Option<String>,
    ) -> Result<(), ApiError> {
        find_group(&self.store.snapshot(), scope, &group.into())?;
        if next_token.is_some() { Err(invalid_token()) } else { Ok(()) }
    }
}
