//! CloudWatch Logs, pure: filter patterns and metric filters.
