//! The door in front of the API: signed JSON in, JSON out.

use crate::api::{Fixed, NOW};
use api_logs::Logs;
use bytes::Bytes;
use http_body_util::BodyExt;
use model::{AccountId, Timestamp};
use serde_json::Value;
use std::sync::Arc;
use wire::logs::SERVICE;
use wire::sigv4::{self, Credentials};
use wire::{Door, Key, Keys};

struct AnyKey;

impl Keys for AnyKey {
    fn find(&self, _: &str) -> Option<Key> {
        Some(Key { secret: "s".to_owned(), account: AccountId::from("000000000000") })
    }
}

/// The answer, or the code and message of the failure.
pub async fn call(logs: &Logs, operation: &str, input: &Value) -> Result<Value, String> {
    let door = Door::builder()
        .keys(Arc::new(AnyKey))
        .clock(Arc::new(Fixed(NOW)))
        .logs(Arc::new(logs.clone()))
        .build();
    let body = Bytes::from(input.to_string());
    let mut request = http::Request::post("/")
        .header("host", "h")
        .header("x-amz-target", format!("{}.{operation}", SERVICE.target_prefix().expect("JSON")))
        .body(())
        .expect("a request");
    let body_sha256 = sigv4::sha256_hex(&body);
    let view = sigv4::Request {
        method: "POST",
        path: "/",
        query: "",
        headers: request.headers(),
        authority: None,
        body_sha256: &body_sha256,
    };
    let credentials =
        Credentials { access_key: "k".to_owned(), secret_key: "s".to_owned(), session_token: None };
    let added = sigv4::sign(&view, &credentials, "us-east-1", SERVICE.signing_name, Timestamp(NOW));
    request.headers_mut().extend(added);
    let (parts, ()) = request.into_parts();
    let answer = door.handle(parts, body).await;
    let status = answer.status();
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    match status.as_u16() {
        200 => Ok(body),
        _ => Err(format!(
            "{}: {}",
            body["__type"].as_str().unwrap_or(""),
            body["message"].as_str().unwrap_or("")
        )),
    }
}
