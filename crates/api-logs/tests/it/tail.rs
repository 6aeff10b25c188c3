//! Live Tail sessions, on virtual time.

use crate::api::{Disk, NOW, create, cx, put};
use api_logs::Logs;
use std::time::Duration;
use tokio::time::Instant;
use wire::logs::StartLiveTailResponseStream as Event;
use wire::logs::*;
use wire::{ApiError, EventStream};

async fn start(
    logs: &Logs,
    change: impl FnOnce(&mut StartLiveTailRequest),
) -> Result<EventStream<Event>, ApiError> {
    let mut input = StartLiveTailRequest {
        log_group_identifiers: vec!["g".to_owned()],
        ..StartLiveTailRequest::default()
    };
    change(&mut input);
    let mut session = logs.start_live_tail(&cx(), input.clone()).await?;
    let Some(Ok(Event::SessionStart(start))) = session.next().await else { panic!("no sessionStart") };
    assert_eq!(start.log_group_identifiers, Some(input.log_group_identifiers));
    assert_eq!(start.log_event_filter_pattern, input.log_event_filter_pattern);
    Ok(session)
}

/// The messages of the next update, and whether they are a sample.
async fn update(session: &mut EventStream<Event>) -> (String, bool) {
    let Some(Ok(Event::SessionUpdate(update))) = session.next().await else { panic!("no sessionUpdate") };
    let messages = update.session_results.expect("a list").into_iter().filter_map(|event| event.message);
    (messages.collect::<Vec<_>>().join(" "), update.session_metadata.and_then(|m| m.sampled).expect("said"))
}

#[tokio::test(start_paused = true)]
async fn a_session_hears_once_a_second_of_what_it_asked_for() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["a/1", "a/2", "b"]).await;
    create(&logs, "h", &["a/1"]).await;
    put(&logs, "g", "b", &[(0, "before")]).await.expect("stored");
    let arn = "arn:aws:logs:us-east-1:000000000000:log-group:g";
    let mut everything =
        start(&logs, |r| r.log_group_identifiers = vec![arn.into(), "h".into()]).await.expect("starts");
    let mut named = start(&logs, |r| r.log_stream_names = Some(vec!["b".into()])).await.expect("starts");
    let mut prefixed =
        start(&logs, |r| r.log_stream_name_prefixes = Some(vec!["a/".into()])).await.expect("starts");
    let mut matched =
        start(&logs, |r| r.log_event_filter_pattern = Some("b?".replace('?', ""))).await.expect("starts");
    for (group, stream, message) in [("g", "a/1", "ga"), ("g", "b", "gb"), ("h", "a/1", "hb")] {
        put(&logs, group, stream, &[(0, message)]).await.expect("stored");
    }
    let started = Instant::now();
    assert_eq!(update(&mut everything).await, ("ga gb hb".to_owned(), false));
    assert!(started.elapsed() <= Duration::from_secs(1));
    assert_eq!(update(&mut named).await.0, "gb");
    assert_eq!(update(&mut prefixed).await.0, "ga");
    assert_eq!(update(&mut matched).await.0, "gb");
    assert_eq!(update(&mut everything).await.0, "", "nothing new, and said so");
    assert_eq!(started.elapsed().as_secs(), 2);
    put(&logs, "g", "b", &[(5, "later")]).await.expect("stored");
    let Some(Ok(Event::SessionUpdate(last))) = everything.next().await else { panic!("no update") };
    let event = last.session_results.expect("a list").remove(0);
    assert_eq!(event.log_group_identifier.as_deref(), Some(arn));
    assert_eq!(event.log_stream_name.as_deref(), Some("b"));
    assert_eq!((event.timestamp, event.ingestion_time), (Some(NOW + 5), Some(NOW)));
}

#[tokio::test(start_paused = true)]
async fn what_is_too_much_is_sampled_and_three_hours_are_the_end() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s"]).await;
    let mut session = start(&logs, |_| {}).await.expect("starts");
    let started = Instant::now();
    let events: Vec<_> = (0..501).map(|n| (n, "x")).collect();
    put(&logs, "g", "s", &events).await.expect("stored");
    let (messages, sampled) = update(&mut session).await;
    assert_eq!((messages.split(' ').count(), sampled), (500, true));
    put(&logs, "g", "s", &events[..500]).await.expect("stored");
    let (messages, sampled) = update(&mut session).await;
    assert_eq!((messages.split(' ').count(), sampled), (500, false));
    let error = loop {
        if let Err(error) = session.next().await.expect("goes on until its end") {
            break error;
        }
    };
    assert_eq!(error.code, "SessionTimeoutException");
    assert_eq!(started.elapsed().as_secs(), 3 * 60 * 60);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_hung_up_makes_room_and_bad_requests_open_none() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &[]).await;
    create(&logs, "h", &[]).await;
    let change: [fn(&mut StartLiveTailRequest); 5] = [
        |r| r.log_group_identifiers = vec!["arn:aws:logs:us-east-1:000000000000:log-group:g:*".into()],
        |r| r.log_event_filter_pattern = Some("{".into()),
        |r| {
            (r.log_stream_names, r.log_stream_name_prefixes) =
                (Some(vec!["a".into()]), Some(vec!["a".into()]))
        },
        |r| {
            (r.log_stream_names, r.log_group_identifiers) =
                (Some(vec!["a".into()]), vec!["g".into(), "h".into()])
        },
        |r| r.log_group_identifiers = vec!["nope".into()],
    ];
    let mut codes = Vec::new();
    for change in change {
        codes.push(start(&logs, change).await.err().expect("refused").code);
    }
    assert_eq!(codes[..4], ["InvalidParameterException"; 4]);
    assert_eq!(codes[4], "ResourceNotFoundException");
    let mut open = Vec::new();
    for _ in 0..15 {
        open.push(start(&logs, |_| {}).await.expect("there is room"));
    }
    assert_eq!(start(&logs, |_| {}).await.err().expect("one too many").code, "LimitExceededException");
    open.pop();
    start(&logs, |_| {}).await.expect("there is room again");
}
