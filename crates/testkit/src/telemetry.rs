//! TCS as the official agent speaks it: frames that carry a signature of their own.

use model::Timestamp;
use serde_json::{Value, json};
use wire::sigv4::{Credentials, Request, sha256_hex, sign};

/// Signs frames.
#[derive(Clone)]
pub struct Signer {
    /// The instance's keys.
    pub credentials: Credentials,
    /// The configured region.
    pub region: String,
    /// Host and port of the endpoint.
    pub authority: String,
    /// The URL's path.
    pub path: String,
    /// The URL's query.
    pub query: String,
}

impl Signer {
    /// The text frame of a message that is sent at `now`.
    pub fn frame(&self, message: &Value, now: Timestamp) -> String {
        let body = message.to_string();
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::HOST, self.authority.parse().expect("an authority is a header's value"));
        let request = Request {
            method: "GET",
            path: &self.path,
            query: &self.query,
            headers: &headers,
            authority: None,
            body_sha256: &sha256_hex(body.as_bytes()),
        };
        headers.extend(sign(&request, &self.credentials, &self.region, "ecs", now));
        let value = |name: &str| headers[name].to_str().expect("signatures are ASCII").to_owned();
        format!(
            "Authorization: {}\r\nHost: {}\r\nX-Amz-Date: {}\r\n\r\n{body}",
            value("authorization"),
            value("host"),
            value("x-amz-date")
        )
    }
}

/// `PublishMetricsRequest` of an instance on which nothing runs.
pub fn idle_metrics(cluster: &str, instance: &str) -> Value {
    let metadata = json!({
        "cluster": cluster, "containerInstance": instance, "messageId": "m1", "idle": true, "fin": true,
    });
    json!({ "type": "PublishMetricsRequest", "message": {
        "metadata": metadata, "taskMetrics": [], "timestamp": 1_795_235_832.957,
    } })
}

/// `PublishMetricsRequest` about one container, with every set that the official agent sends.
pub fn metrics(cluster: &str, instance: &str, task: &str, container: &str) -> Value {
    let set = json!({ "min": 0.5, "max": 2.25, "sum": 2.75, "sampleCount": 2 });
    let long = json!({
        "min": 0, "max": 4_294_967_295_u32, "sum": 9_223_372_036_854_775_807_i64, "sampleCount": 2, "overflowMin": 0,
        "overflowMax": 1, "overflowSum": 0,
    });
    let network = json!({ "rxBytes": long, "txBytes": long, "rxPackets": long, "rxBytesPerSecond": set });
    json!({ "type": "PublishMetricsRequest", "message": {
        "metadata": {
            "cluster": cluster, "containerInstance": instance, "messageId": "m2", "idle": false, "fin": true,
        },
        "instanceMetrics": { "storage": { "dataFilesystem": 12.5 } },
        "taskMetrics": [{
            "taskArn": task, "clusterArn": cluster, "taskDefinitionFamily": "f", "taskDefinitionVersion": "1",
            "containerMetrics": [{
                "containerName": container, "cpuStatsSet": set, "memoryStatsSet": set, "networkStatsSet": network,
                "storageStatsSet": { "readSizeBytes": long, "writeSizeBytes": long },
                "restartStatsSet": { "restartCount": 1 },
            }],
        }],
        "timestamp": 1_795_235_852.001,
    } })
}

/// `PublishHealthRequest` about containers of one task.
pub fn health(cluster: &str, instance: &str, task: &str, containers: &[(&str, &str)]) -> Value {
    let containers: Vec<Value> = containers
        .iter()
        .map(|(name, status)| json!({ "containerName": name, "healthStatus": status, "statusSince": 1_795_235_800.5 }))
        .collect();
    json!({ "type": "PublishHealthRequest", "message": {
        "metadata": { "cluster": cluster, "containerInstance": instance, "messageId": "m3", "fin": true },
        "tasks": [{
            "taskArn": task, "taskDefinitionFamily": "f", "taskDefinitionVersion": "1", "containers": containers,
        }],
        "timestamp": 1_795_235_832.957,
    } })
}

/// `PublishInstanceStatusRequest`; times in seconds since the epoch.
pub fn instance_status(cluster: &str, instance: &str, status: &str, updated: f64, changed: f64) -> Value {
    json!({ "type": "PublishInstanceStatusRequest", "message": {
        "metadata": { "cluster": cluster, "containerInstance": instance, "requestId": "r1" },
        "statuses": [{
            "type": "ContainerRuntime", "status": status, "lastUpdated": updated, "lastStatusChange": changed,
        }],
        "timestamp": updated,
    } })
}
