//! ListMetrics.

use crate::world::*;
use wire::metrics::*;

async fn names(world: &World, input: ListMetricsInput) -> Vec<String> {
    let answer = world.metrics.list_metrics(&cx(), input).await.expect("an answer");
    assert_eq!(answer.next_token, None);
    answer.metrics.expect("metrics").into_iter().filter_map(|metric| metric.metric_name).collect()
}

fn named(name: &str, of: &[(&str, &str)], at: i64) -> MetricDatum {
    MetricDatum { metric_name: name.to_owned(), dimensions: Some(dimensions(of)), ..value(1.0, at) }
}

#[tokio::test]
async fn filters_must_all_match() {
    let world = World::new();
    let data = vec![
        named("a", &[("Host", "1"), ("Zone", "x")], NOW),
        named("b", &[("Host", "2")], NOW),
        named("c", &[], NOW),
    ];
    world.put(data).await.expect("taken");
    world.put_to("Other", vec![named("a", &[], NOW)]).await.expect("taken");
    let filter = |name: &str, value: Option<&str>| DimensionFilter {
        name: name.to_owned(),
        value: value.map(str::to_owned),
    };
    let all = ListMetricsInput::default;
    let with = |filters| ListMetricsInput { dimensions: Some(filters), ..all() };
    let rows = [
        (all(), "a b c a"),
        (ListMetricsInput { namespace: Some("App".to_owned()), ..all() }, "a b c"),
        (ListMetricsInput { metric_name: Some("a".to_owned()), ..all() }, "a a"),
        (ListMetricsInput { namespace: Some("App/".to_owned()), ..all() }, ""),
        (with(vec![filter("Host", None)]), "a b"),
        (with(vec![filter("Host", Some("2"))]), "b"),
        (with(vec![filter("Host", None), filter("Zone", Some("x"))]), "a"),
        (with(vec![filter("host", None)]), ""),
    ];
    for (input, expected) in rows {
        assert_eq!(names(&world, input).await.join(" "), expected);
    }
    let elsewhere = world.metrics.list_metrics(&cx_in("eu-west-1"), all()).await.expect("an answer");
    assert_eq!(elsewhere.metrics, Some(vec![]));
    let listed = world.metrics.list_metrics(&cx(), all()).await.expect("an answer");
    let first = metric("a", &[("Host", "1"), ("Zone", "x")]);
    assert_eq!(listed.metrics.expect("metrics")[0], first);
}

#[tokio::test]
async fn metrics_are_listed_while_they_are_active_also_after_a_restart() {
    let mut world = World::new();
    let data = vec![named("old", &[], NOW - 13 * DAY), named("new", &[], NOW - HOUR)];
    world.put(data).await.expect("taken");
    for _ in 0..2 {
        world.set(NOW);
        let recent = || ListMetricsInput {
            recently_active: Some(RecentlyActive::Pt3h),
            ..ListMetricsInput::default()
        };
        assert_eq!(names(&world, ListMetricsInput::default()).await, ["old", "new"]);
        assert_eq!(names(&world, recent()).await, ["new"]);
        world.set(NOW + 2 * DAY);
        assert_eq!(names(&world, ListMetricsInput::default()).await, ["new"]);
        assert_eq!(names(&world, recent()).await, Vec::<String>::new());
        world = world.restarted();
    }
}

#[tokio::test]
async fn pages_have_500_metrics() {
    let world = World::new();
    for first in [0, 600] {
        let data = (first..first + 600).map(|n| named(&format!("m{n}"), &[], NOW)).collect();
        world.put(data).await.expect("taken");
    }
    let (mut sizes, mut all, mut next_token) = (Vec::new(), std::collections::BTreeSet::new(), None);
    loop {
        let input = ListMetricsInput { next_token, ..ListMetricsInput::default() };
        let page = world.metrics.list_metrics(&cx(), input).await.expect("an answer");
        let metrics = page.metrics.expect("metrics");
        sizes.push(metrics.len());
        all.extend(metrics.into_iter().filter_map(|metric| metric.metric_name));
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    assert_eq!((sizes, all.len()), (vec![500, 500, 200], 1200));
    for token in ["", "x", "00000000000000001", "+000000000000001"] {
        let input = ListMetricsInput { next_token: Some(token.to_owned()), ..ListMetricsInput::default() };
        let refused = "InvalidParameterValue: The value for parameter NextToken is invalid.";
        assert_eq!(shown(world.metrics.list_metrics(&cx(), input).await), refused, "{token}");
    }
}
