//! Labels of GetMetricData for queries that have none.
//!
//! AWS does not document them. What is seen of it, and done here: the metric's name, and behind it what tells the query
//! from the others of the request: values of dimensions, the statistic, the period.

use model::metrics::Metric;

/// What a label is made of.
pub(crate) struct Named<'a> {
    pub(crate) metric: &'a Metric,
    pub(crate) stat: &'a str,
    pub(crate) period_secs: u32,
}

/// The labels of the queries of a request, in their order.
pub(crate) fn labels(queries: &[Named<'_>]) -> Vec<String> {
    let differs = |part: &dyn Fn(&Named<'_>) -> String| {
        let mut parts = queries.iter().map(part);
        let first = parts.next();
        parts.any(|part| Some(part) != first)
    };
    let stat = |query: &Named<'_>| query.stat.to_owned();
    let period = |query: &Named<'_>| query.period_secs.to_string();
    let (stat_differs, period_differs) = (differs(&stat), differs(&period));
    let label = |query: &Named<'_>| {
        let mut label = vec![query.metric.name.clone()];
        for (name, value) in &query.metric.dimensions {
            if differs(&|other| other.metric.dimensions.get(name).cloned().unwrap_or_default()) {
                label.push(value.clone());
            }
        }
        label.extend(stat_differs.then(|| stat(query)));
        label.extend(period_differs.then(|| period(query)));
        label.join(" ")
    };
    queries.iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dimensions, statistic and period.
    type Asked<'a> = (&'a [(&'a str, &'a str)], &'a str, u32);

    fn check(queries: &[Asked<'_>], expected: &[&str]) {
        let metric = |dimensions: &[(&str, &str)]| Metric {
            namespace: "App".to_owned(),
            name: "Latency".to_owned(),
            dimensions: dimensions.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        };
        let metrics: Vec<_> = queries.iter().map(|(dimensions, ..)| metric(dimensions)).collect();
        let named: Vec<_> = std::iter::zip(&metrics, queries)
            .map(|(metric, (_, stat, period_secs))| Named { metric, stat, period_secs: *period_secs })
            .collect();
        assert_eq!(labels(&named), expected);
    }

    #[test]
    fn a_label_has_what_tells_the_queries_apart() {
        let (host_a, host_b) = ([("Host", "a"), ("Zone", "z")], [("Host", "b"), ("Zone", "z")]);
        check(&[(&host_a, "Sum", 60)], &["Latency"]);
        check(&[(&host_a, "Sum", 60), (&host_b, "Sum", 60)], &["Latency a", "Latency b"]);
        check(&[(&host_a, "Sum", 60), (&host_a, "p90", 60)], &["Latency Sum", "Latency p90"]);
        check(&[(&host_a, "Sum", 60), (&[], "Sum", 300)], &["Latency a z 60", "Latency 300"]);
    }
}
