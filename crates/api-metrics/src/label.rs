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
    let Some(first) = queries.first() else { return Vec::new() };
    let mut common = first.metric.dimensions.clone();
    common.retain(|name, value| queries.iter().all(|query| query.metric.dimensions.get(name) == Some(value)));
    let stat_differs = queries.iter().any(|query| query.stat != first.stat);
    let period_differs = queries.iter().any(|query| query.period_secs != first.period_secs);
    let label = |query: &Named<'_>| {
        let dimensions = query.metric.dimensions.iter().filter(|(name, _)| !common.contains_key(*name));
        let mut label = vec![query.metric.name.clone()];
        label.extend(dimensions.map(|(_, value)| value.clone()));
        label.extend(stat_differs.then(|| query.stat.to_owned()));
        label.extend(period_differs.then(|| query.period_secs.to_string()));
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
