//! Answers, in AWS's names, order and formats. What a view does not have is left out of an answer in the places where
//! the official agent leaves it out.

mod container;
mod introspection;
mod protection;
mod stats;
mod task;

pub(crate) use container::{container_v3, container_v4};
pub(crate) use introspection::{AgentAnswer, TaskAnswer, TasksAnswer};
pub(crate) use protection::{ProtectionJson, ProtectionRequest};
pub(crate) use stats::{stats_v3, stats_v4};
pub(crate) use task::{Tags, task_v3, task_v4};

use serde::Serialize;

/// A number as Go writes a float: whole ones without a point.
#[derive(Serialize)]
#[serde(untagged)]
enum Amount {
    Whole(u64),
    Part(f64),
}

impl Amount {
    /// `numerator / denominator`, which is not 0.
    fn ratio(numerator: u64, denominator: u64) -> Self {
        if numerator.is_multiple_of(denominator) {
            Self::Whole(numerator / denominator)
        } else {
            Self::Part(numerator as f64 / denominator as f64)
        }
    }
}

/// RFC 3339 in UTC with as many digits after the point as there are, as Go writes it.
fn rfc3339(unix_ms: i64) -> Option<String> {
    jiff::Timestamp::from_millisecond(unix_ms).ok().map(|at| at.to_string())
}

fn rfc3339_if(unix_ms: Option<i64>) -> Option<String> {
    unix_ms.and_then(rfc3339)
}
