//! Lines a second through PutLogEvents, signed and on disk before each answer, with and without metric filters on the
//! group, and how long FilterLogEvents takes to look through them: the API over HTTP, with client and server in one process.

use super::Figure;
use crate::clock::SystemClock;
use crate::data_dir::DataDir;
use crate::server::{Server, ServerConfig};
use anyhow::Result;
use model::time::Clock;
use std::time::Instant;
use tokio::sync::watch;
use wire::client::Client;
use wire::logs::{
    CreateLogGroupRequest, CreateLogStreamRequest, FilterLogEventsRequest, InputLogEvent,
    MetricTransformation, PutLogEventsRequest, PutMetricFilterRequest,
};

const GROUP: &str = "/bench/ingest";
/// One line in so many has the word that is looked for.
const RARE: usize = 100_000;
/// Lines of one request: about 800 KB, below the limit of a batch.
const BATCH: usize = 6000;

/// Ingests `lines` lines over each number of connections, a stream for each connection.
pub async fn measure(lines: usize) -> Result<Vec<Figure>> {
    let dir = tempfile::tempdir()?;
    let config = ServerConfig::loopback();
    let server = Server::open(&DataDir::open(Some(dir.path()))?, config).await?;
    let endpoint = server.endpoint.clone();
    let (stop, stopping) = watch::channel(false);
    let serving = tokio::spawn(server.run_apis(stopping));
    let client = endpoint.client()?;
    let figures = figures(&client, lines).await;
    stop.send_replace(true);
    serving.await?;
    figures
}

async fn figures(client: &Client, lines: usize) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (connections, filters) in [(1, false), (4, false), (1, true)] {
        let group = group(connections, filters);
        client
            .logs()
            .create_log_group(&CreateLogGroupRequest { log_group_name: group.clone(), tags: None })
            .await?;
        if filters {
            put_filters(client, &group).await?;
        }
        let started = Instant::now();
        let each = lines / connections;
        let writers: Vec<_> =
            (0..connections).map(|n| tokio::spawn(ingest(client.clone(), group.clone(), n, each))).collect();
        for writer in writers {
            writer.await??;
        }
        let rate = (each * connections) as f64 / started.elapsed().as_secs_f64();
        let filters = if filters { ", two metric filters" } else { "" };
        figures.push(Figure {
            measured: format!("PutLogEvents, {connections} at a time{filters}"),
            of: "wharf".into(),
            figure: format!("{rate:.0} lines/s"),
            note: format!("{} lines of about 110 bytes", each * connections),
        });
    }
    for pattern in ["needle", "{ $.level = \"needle\" }"] {
        let started = Instant::now();
        let found = search(client, &group(1, false), pattern).await?;
        figures.push(Figure {
            measured: format!("FilterLogEvents {pattern}"),
            of: "wharf".into(),
            figure: format!("{:.2} s", started.elapsed().as_secs_f64()),
            note: format!("{found} found in {lines} lines"),
        });
    }
    Ok(figures)
}

fn group(connections: usize, has_filters: bool) -> String {
    format!("{GROUP}/{connections}{}", if has_filters { "/filters" } else { "" })
}

/// One filter that looks for a term, and one that reads each line as JSON and takes a number out of it.
async fn put_filters(client: &Client, group: &str) -> Result<()> {
    for (name, pattern, value) in [("term", "needle", "1"), ("json", "{ $.status = 200 }", "$.status")] {
        let transformation = MetricTransformation {
            metric_name: name.to_owned(),
            metric_namespace: "Bench".to_owned(),
            metric_value: value.to_owned(),
            default_value: None,
            dimensions: None,
            unit: None,
        };
        let request = PutMetricFilterRequest {
            log_group_name: group.to_owned(),
            filter_name: name.to_owned(),
            filter_pattern: pattern.to_owned(),
            metric_transformations: vec![transformation],
        };
        client.logs().put_metric_filter(&request).await?;
    }
    Ok(())
}

async fn ingest(client: Client, group: String, stream: usize, lines: usize) -> Result<()> {
    let stream = format!("s{stream}");
    let created = CreateLogStreamRequest { log_group_name: group.clone(), log_stream_name: stream.clone() };
    client.logs().create_log_stream(&created).await?;
    for first in (0..lines).step_by(BATCH) {
        let now = SystemClock.now().0;
        let events =
            (first..lines.min(first + BATCH)).map(|n| InputLogEvent { timestamp: now, message: line(n) });
        let request = PutLogEventsRequest {
            log_group_name: group.clone(),
            log_stream_name: stream.clone(),
            log_events: events.collect(),
            sequence_token: None,
        };
        client.logs().put_log_events(&request).await?;
    }
    Ok(())
}

/// A line as services write them, so that it packs as theirs do.
fn line(n: usize) -> String {
    let level = if n % RARE == 7 { "needle" } else { "info" };
    let id = n.wrapping_mul(2_654_435_761);
    format!(
        r#"{{"level":"{level}","n":{n},"request":"{id:016x}","path":"/api/v1/items/{}","status":200,"ms":{}}}"#,
        id % 5000,
        id % 97
    )
}

/// Follows the tokens to the end, as `aws logs tail` does.
async fn search(client: &Client, group: &str, pattern: &str) -> Result<usize> {
    let mut request = FilterLogEventsRequest {
        log_group_name: Some(group.to_owned()),
        filter_pattern: Some(pattern.to_owned()),
        ..FilterLogEventsRequest::default()
    };
    let mut found = 0;
    loop {
        let answer = client.logs().filter_log_events(&request).await?;
        found += answer.events.map_or(0, |events| events.len());
        request.next_token = answer.next_token;
        if request.next_token.is_none() {
            return Ok(found);
        }
    }
}
