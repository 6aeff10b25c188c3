//! GetMetricData.

use crate::world::*;
use wire::metrics::*;

async fn get(world: &World, input: GetMetricDataInput) -> GetMetricDataOutput {
    world.metrics.get_metric_data(&cx(), input).await.expect("an answer")
}

#[tokio::test]
async fn results_are_in_the_order_of_the_queries_newest_first() {
    let world = World::new();
    let a = |datum| MetricDatum { dimensions: Some(dimensions(&[("Host", "a")])), ..datum };
    world.put(vec![a(value(1.0, NOW)), a(value(2.0, NOW + MINUTE)), value(9.0, NOW)]).await.expect("taken");
    let of_a = || metric("m", &[("Host", "a")]);
    let queries = vec![
        query("hidden", of_a(), "Sum", 60),
        query("absent", metric("x", &[]), "Sum", 60),
        query("sum", of_a(), "Sum", 60),
        MetricDataQuery { label: Some("mine".to_owned()), ..query("p90", of_a(), "p90", 300) },
    ];
    let mut input = data_input(queries, NOW, NOW + HOUR);
    input.metric_data_queries[0].return_data = Some(false);
    let answer = get(&world, input).await;
    let results = answer.metric_data_results.expect("results");
    let shown: Vec<_> = results
        .iter()
        .map(|result| {
            (result.id.as_deref().unwrap_or(""), result.label.as_deref().unwrap_or(""), points(result))
        })
        .collect();
    let expected = [
        ("absent", "x Sum 60", vec![]),
        ("sum", "m a Sum 60", vec![(NOW + MINUTE, 2.0), (NOW, 1.0)]),
        ("p90", "mine", vec![(NOW, 2.0)]),
    ];
    assert_eq!(shown, expected);
    assert!(results.iter().all(|result| result.status_code == Some(StatusCode::Complete)));
    assert_eq!((answer.next_token, answer.messages), (None, Some(vec![])));
}

#[tokio::test]
async fn units_never_mix() {
    let world = World::new();
    let with = |unit, datum| MetricDatum { unit: Some(unit), ..datum };
    let data = vec![
        with(StandardUnit::Milliseconds, value(60_000.0, NOW)),
        with(StandardUnit::Seconds, value(60.0, NOW)),
    ];
    world.put(data).await.expect("taken");
    let mut asked = query("q", metric("m", &[]), "Sum", 60);
    let mut found = Vec::new();
    for unit in [None, Some(StandardUnit::Milliseconds), Some(StandardUnit::Count)] {
        asked.metric_stat.as_mut().expect("a metric").unit = unit;
        let answer = get(&world, data_input(vec![asked.clone()], NOW, NOW + MINUTE)).await;
        found.push(answer.metric_data_results.expect("results").iter().flat_map(points).collect::<Vec<_>>());
    }
    assert_eq!(found, [vec![(NOW, 60.0)], vec![(NOW, 60_000.0)], vec![]]);
}

#[tokio::test]
async fn pages_join_to_the_whole_in_both_orders() {
    let world = World::new();
    let data = (0..10_i32).map(|n| value(f64::from(n), NOW + i64::from(n) * MINUTE)).collect();
    world.put(data).await.expect("taken");
    for scan_by in [ScanBy::TimestampAscending, ScanBy::TimestampDescending] {
        let queries = ["a", "b"].map(|id| query(id, metric("m", &[]), "Sum", 60)).to_vec();
        let whole = GetMetricDataInput { scan_by: Some(scan_by), ..data_input(queries, NOW, NOW + HOUR) };
        let expected = get(&world, whole.clone()).await.metric_data_results.expect("results");
        for max in [1, 3, 10, 19, 20] {
            let mut joined = [Vec::new(), Vec::new()];
            let mut input = GetMetricDataInput { max_datapoints: Some(max), ..whole.clone() };
            loop {
                let page = get(&world, input.clone()).await;
                let results = page.metric_data_results.expect("results");
                assert!(results.iter().map(|result| points(result).len()).sum::<usize>() <= max as usize);
                for (all, result) in std::iter::zip(&mut joined, &results) {
                    all.extend(points(result));
                }
                let is_partial = results.iter().any(|r| r.status_code == Some(StatusCode::PartialData));
                assert_eq!(is_partial, page.next_token.is_some());
                input.next_token = page.next_token;
                if input.next_token.is_none() {
                    break;
                }
            }
            assert_eq!(joined, [points(&expected[0]), points(&expected[1])], "{max} a page");
        }
    }
}

#[tokio::test]
async fn what_is_refused_and_how() {
    let world = World::new();
    let ok = || query("q", metric("m", &[]), "Sum", 60);
    let stat = |change: fn(&mut MetricStat)| {
        let mut query = ok();
        change(query.metric_stat.as_mut().expect("a metric"));
        query
    };
    let one = |query| data_input(vec![query], NOW - HOUR, NOW);
    let whole = || one(ok());
    let rows = [
        (data_input(vec![ok()], NOW, NOW), "The parameter StartTime must not equal parameter EndTime."),
        (
            data_input(vec![ok(), ok()], NOW - HOUR, NOW),
            "The values for parameter id in MetricDataQueries are not unique.",
        ),
        (data_input(vec![], NOW - HOUR, NOW), "The parameter MetricDataQueries is required."),
        (
            data_input(vec![ok(); 501], NOW - HOUR, NOW),
            "The collection MetricDataQueries must not have a size greater than 500.",
        ),
        (
            one(MetricDataQuery { metric_stat: None, ..ok() }),
            "The parameter MetricDataQueries.member.1.MetricStat is required.",
        ),
        (
            one(MetricDataQuery { period: Some(60), ..ok() }),
            "The parameters MetricDataQueries.member.1.Period and MetricDataQueries.member.1.MetricStat are mutually exclusive and you have specified both.",
        ),
        (
            one(MetricDataQuery { id: "Q".to_owned(), ..ok() }),
            "The value Q for parameter MetricDataQueries.member.1.Id is invalid: it must start with a lowercase letter, and have letters, digits and underscores only.",
        ),
        (
            one(MetricDataQuery { label: Some("${AVG}".to_owned()), ..ok() }),
            "Wharf does not compute dynamic labels, in parameter MetricDataQueries.member.1.Label, yet.",
        ),
        (
            one(stat(|stat| stat.stat = "Median".to_owned())),
            "The value Median for parameter MetricDataQueries.member.1.MetricStat.Stat is not a valid statistic.",
        ),
        (
            one(stat(|stat| stat.stat = "IQM".to_owned())),
            "Wharf does not compute IQM, in parameter MetricDataQueries.member.1.MetricStat.Stat, yet.",
        ),
        (
            one(stat(|stat| stat.period = 7)),
            "The parameter MetricDataQueries.member.1.MetricStat.Period must be 1, 5, 10, 20, 30 or a multiple of 60.",
        ),
        (
            one(stat(|stat| stat.metric.namespace = None)),
            "The parameter MetricDataQueries.member.1.MetricStat.Metric.Namespace is required.",
        ),
        (
            GetMetricDataInput { max_datapoints: Some(0), ..whole() },
            "The parameter MaxDatapoints must be from 1 to 100800.",
        ),
        (
            GetMetricDataInput { max_datapoints: Some(-1), ..whole() },
            "The parameter MaxDatapoints must be from 1 to 100800.",
        ),
    ];
    for (input, message) in rows {
        let expected = format!("ValidationError: {message}");
        assert_eq!(shown(world.metrics.get_metric_data(&cx(), input).await), expected);
    }
}

#[tokio::test]
async fn tokens_of_others_are_refused_and_a_long_time_costs_nothing() {
    let world = World::new();
    let whole = || data_input(vec![query("q", metric("m", &[]), "Sum", 60)], NOW - HOUR, NOW);
    for token in ["x", "1"] {
        let input = GetMetricDataInput { next_token: Some(token.to_owned()), ..whole() };
        let expected = "InvalidNextToken: The value for parameter NextToken is invalid.";
        assert_eq!(shown(world.metrics.get_metric_data(&cx(), input).await), expected);
    }
    let ever = data_input(vec![query("q", metric("m", &[]), "Sum", 1)], i64::MIN, i64::MAX);
    assert_eq!(shown(world.metrics.get_metric_data(&cx(), ever).await), "taken");
}
