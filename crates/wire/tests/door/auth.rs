//! Each way of failing a signature gets AWS's own error.

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use model::Timestamp;
use wire::logs;
use wire::sigv4;
use wire::sts;

use crate::fakes::*;

fn call() -> Request<Bytes> {
    json_call(&logs::SERVICE, "DescribeLogGroups", "{}")
}

fn with_header(name: &'static str, change: impl Fn(&str) -> String) -> Request<Bytes> {
    let mut request = call();
    let value = change(request.headers()[name].to_str().unwrap());
    request.headers_mut().insert(name, HeaderValue::from_str(&value).unwrap());
    request
}

fn assert_failure(response: &Response<Bytes>, code: &str, message: &str) {
    let (status, found_code, found_message) = failure(response);
    assert_eq!((status.as_u16(), found_code.as_str()), (400, code), "{found_message}");
    assert!(found_message.starts_with(message), "{found_message}");
}

#[tokio::test]
async fn a_good_signature_names_account_and_region() {
    let response = send(query_call(&sts::SERVICE, "Action=GetCallerIdentity&Version=2011-06-15")).await;
    let body = text(&response);
    assert!(
        body.contains("<Account>000000000000</Account>") && body.contains("<UserId>eu-west-1</UserId>"),
        "{body}"
    );
}

#[tokio::test]
async fn a_caller_is_told_the_address_that_it_used() {
    let origin = |host: &str, proxy: Option<&str>| {
        let mut request = Request::get("/acs/ws").header("host", host);
        if let Some(scheme) = proxy {
            request = request.header("x-forwarded-proto", scheme);
        }
        let (parts, body) = signed(request.body(Bytes::new()).unwrap(), "logs").into_parts();
        door_at(NOW).authenticate(&parts, &sigv4::sha256_hex(&body), &logs::SERVICE).map(|cx| cx.origin)
    };
    for (host, proxy, expected) in [
        ("10.0.0.5:4566", None, "http://10.0.0.5:4566"),
        ("[fd00::5]:4566", None, "http://[fd00::5]:4566"),
        ("wharf.example", Some("https"), "https://wharf.example"),
        ("wharf.example", Some("gopher"), "http://wharf.example"),
    ] {
        assert_eq!(origin(host, proxy), Ok(expected.to_owned()), "{host}");
    }
}

#[tokio::test]
async fn an_unsigned_request() {
    let mut request = call();
    request.headers_mut().remove("authorization");
    assert_failure(
        &send(request).await,
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
    let response = send(get("/?Action=GetCallerIdentity&Version=2011-06-15")).await;
    assert_eq!(response.status(), 403);
    assert!(text(&response).contains("<Code>MissingAuthenticationToken</Code>"));
}

#[tokio::test]
async fn a_key_that_nobody_has() {
    let request = with_header("authorization", |value| value.replace(ACCESS_KEY, "AKIDOTHER"));
    let message = "The security token included in the request is invalid.";
    assert_failure(&send(request).await, "UnrecognizedClientException", message);
}

#[tokio::test]
async fn a_signature_with_another_secret() {
    let request = with_header("authorization", |value| {
        let (rest, signature) = value.split_once("Signature=").unwrap();
        let first = if signature.starts_with('0') { '1' } else { '0' };
        format!("{rest}Signature={first}{}", &signature[1..])
    });
    let message = "The request signature we calculated does not match the signature you provided.";
    assert_failure(&send(request).await, "InvalidSignatureException", message);
}

#[tokio::test]
async fn a_replaced_body_or_target() {
    let mut request = call();
    *request.body_mut() = Bytes::from_static(b"{\"limit\":1}");
    assert_failure(&send(request).await, "InvalidSignatureException", "The request signature");
    let request = with_header("x-amz-target", |value| value.replace("Describe", "Delete"));
    assert_failure(&send(request).await, "InvalidSignatureException", "The request signature");
}

#[tokio::test]
async fn a_body_that_claims_to_be_unsigned() {
    let mut request = Request::post("/")
        .header("host", "h")
        .header("x-amz-target", "Logs_20140328.DescribeLogGroups")
        .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        .body(Bytes::from_static(b"{}"))
        .unwrap();
    request = signed(request, "logs");
    *request.body_mut() = Bytes::from_static(b"{\"limit\":1}");
    assert_failure(&send(request).await, "InvalidSignatureException", "The request signature");
}

#[tokio::test]
async fn a_clock_that_is_off() {
    let five_minutes = 5 * 60 * 1000;
    assert_eq!(send_at(Timestamp(NOW.0 + five_minutes), call()).await.status(), 200);
    assert_eq!(send_at(Timestamp(NOW.0 - five_minutes), call()).await.status(), 200);
    let late = send_at(Timestamp(NOW.0 + five_minutes + 1000), call()).await;
    assert_failure(
        &late,
        "InvalidSignatureException",
        "Signature expired: 20261121T080000Z is now earlier than 20261121T080001Z (20261121T080501Z - 5 min.)",
    );
    let early = send_at(Timestamp(NOW.0 - five_minutes - 1000), call()).await;
    assert_failure(
        &early,
        "InvalidSignatureException",
        "Signature not yet current: 20261121T080000Z is still later than 20261121T075959Z (20261121T075459Z + 5 min.)",
    );
}

#[tokio::test]
async fn a_signature_for_another_service_or_day() {
    let request = with_header("authorization", |value| value.replace("/logs/", "/ecs/"));
    let message = "Credential should be scoped to correct service: 'logs'.";
    assert_failure(&send(request).await, "InvalidSignatureException", message);
    let request = with_header("authorization", |value| value.replace("/20261121/", "/20261120/"));
    let message = "Date in Credential scope does not match YYYYMMDD";
    assert_failure(&send(request).await, "InvalidSignatureException", message);
}

#[tokio::test]
async fn a_signature_with_parts_missing() {
    let code = "IncompleteSignatureException";
    let request = with_header("authorization", |value| value.replace("SignedHeaders=", "Headers="));
    assert_failure(&send(request).await, code, "Authorization header requires 'SignedHeaders' parameter.");
    let mut request = call();
    request.headers_mut().remove("x-amz-date");
    assert_failure(
        &send(request).await,
        code,
        "Authorization header requires existence of either a 'X-Amz-Date'",
    );
    let request = with_header("authorization", |_| "Basic dTpw".to_owned());
    assert_failure(&send(request).await, code, "Authorization header must start with 'AWS4-HMAC-SHA256'.");
    let request = with_header("authorization", |value| value.replace("/aws4_request", ""));
    assert_failure(&send(request).await, code, "Credential must have exactly 5 slash-delimited elements");
    let request = with_header("x-amz-date", |_| "yesterday".to_owned());
    assert_failure(&send(request).await, code, "Date must be in ISO-8601 'basic format'.");
    let request =
        with_header("authorization", |value| value.replace("content-type;", "content-type;x-gone;"));
    assert_failure(&send(request).await, code, "A signed header is missing in the request.");
}

#[tokio::test]
async fn headers_that_must_be_signed() {
    let request = with_header("authorization", |value| value.replace("host;", ""));
    assert_failure(&send(request).await, "InvalidSignatureException", "'Host' or ':authority' must be");
    let request = with_header("authorization", |value| value.replace(";x-amz-target", ""));
    assert_failure(&send(request).await, "InvalidSignatureException", "'x-amz-target' must be");
}

#[tokio::test]
async fn websocket_upgrades_use_the_same_check() {
    let (parts, _) = signed(get("/ws?agentVersion=1.2.3&clusterArn=a%2Fb"), "ecs").into_parts();
    let empty = wire::sigv4::sha256_hex(b"");
    let cx = door_at(NOW).authenticate(&parts, &empty, &wire::ecs::SERVICE).unwrap();
    assert_eq!((cx.scope.region.as_str(), cx.access_key.as_str()), ("eu-west-1", ACCESS_KEY));
    let frame = wire::sigv4::sha256_hex(b"{}");
    let error = door_at(NOW).authenticate(&parts, &frame, &wire::ecs::SERVICE).unwrap_err();
    assert_eq!(error.code, "InvalidSignatureException");
    assert!(error.internal.unwrap().contains("agentVersion=1.2.3&clusterArn=a%2Fb"));
}
