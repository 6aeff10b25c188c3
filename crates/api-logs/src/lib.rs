//! The CloudWatch Logs API and its durable log segments
