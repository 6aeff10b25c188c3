//! FilterLogEvents with patterns, and TestMetricFilter.

use crate::api::{Disk, NOW, create, cx, put};
use wire::logs::*;

#[tokio::test]
async fn only_what_matches_is_found_in_pages_of_what_matches() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["a", "b"]).await;
    for n in 0..10 {
        let (yes, no) = (format!("ERROR {n}"), format!("fine {n}"));
        let stream = if n % 2 == 0 { "a" } else { "b" };
        put(&logs, "g", stream, &[(n, &yes), (n, &no)]).await.expect("stored");
    }
    let (mut found, mut pages, mut token) = (Vec::new(), 0, None);
    loop {
        let input = FilterLogEventsRequest {
            log_group_name: Some("g".to_owned()),
            filter_pattern: Some("ERROR -3".to_owned()),
            start_time: Some(NOW + 1),
            limit: Some(3),
            next_token: token,
            ..FilterLogEventsRequest::default()
        };
        let answer = logs.filter_log_events(&cx(), input).await.expect("read");
        found.extend(answer.events.into_iter().flatten().filter_map(|event| event.message));
        pages += 1;
        token = answer.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(found.join(","), [1, 2, 4, 5, 6, 7, 8, 9].map(|n| format!("ERROR {n}")).join(","));
    assert_eq!(pages, 3);
    let input = FilterLogEventsRequest {
        log_group_name: Some("g".to_owned()),
        filter_pattern: Some("{ $.a".to_owned()),
        ..FilterLogEventsRequest::default()
    };
    let error = logs.filter_log_events(&cx(), input).await.expect_err("no pattern");
    assert_eq!(error.code, "InvalidParameterException");
    assert!(error.message.starts_with("Invalid filter pattern: "), "{}", error.message);
}

/// A search stops after so many bytes, found or not, and its token goes on: nobody waits for minutes.
#[tokio::test]
async fn a_long_search_answers_in_between_and_goes_on() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s"]).await;
    let line = "x".repeat(1_000_000);
    for n in 0..70 {
        put(&logs, "g", "s", &[(n, &line)]).await.expect("stored");
    }
    put(&logs, "g", "s", &[(70, "needle")]).await.expect("stored");
    let input = FilterLogEventsRequest {
        log_group_name: Some("g".to_owned()),
        filter_pattern: Some("needle".to_owned()),
        ..FilterLogEventsRequest::default()
    };
    let first = logs.filter_log_events(&cx(), input.clone()).await.expect("read");
    assert_eq!(first.events.expect("a list").len(), 0);
    assert!(first.next_token.is_some(), "there is more to search");
    let input = FilterLogEventsRequest { next_token: first.next_token, ..input };
    let second = logs.filter_log_events(&cx(), input).await.expect("read");
    assert_eq!((second.events.expect("a list").len(), second.next_token), (1, None));
}

#[tokio::test]
async fn test_metric_filter_answers_with_numbers_and_values() {
    let disk = Disk::new();
    let input = TestMetricFilterRequest {
        filter_pattern: "[level = ERROR, code > 400]".to_owned(),
        log_event_messages: ["INFO 500", "ERROR 500", "ERROR 400"].map(str::to_owned).to_vec(),
    };
    let answer = disk.open().test_metric_filter(&cx(), input).await.expect("tested");
    let matches = answer.matches.expect("a list");
    assert_eq!(matches.len(), 1);
    assert_eq!((matches[0].event_number, matches[0].event_message.as_deref()), (Some(2), Some("ERROR 500")));
    let values = matches[0].extracted_values.as_ref().expect("values");
    assert_eq!((values["$level"].as_str(), values["$code"].as_str()), ("ERROR", "500"));
}
