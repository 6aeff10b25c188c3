//! Routing, answers and errors of both protocols; the client against a real socket.

use std::sync::Arc;

use expect_test::expect;
use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use wire::client::{Client, ClientError, Connector, Trust};
use wire::{BODY_LIMIT, ecs, logs, sts};

use crate::fakes::*;

#[tokio::test]
async fn a_json_answer() {
    let body = r#"{"logGroupNamePrefix":"/a","notInTheModel":[1]}"#;
    let response = send(json_call(&logs::SERVICE, "DescribeLogGroups", body)).await;
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.1");
    assert_eq!(response.headers()["x-amzn-requestid"].len(), 36);
    expect![[r#"{"logGroups":[{"arn":"arn:aws:iam::000000000000:root","creationTime":1795248000000,"logGroupName":"/a"}]}"#]]
        .assert_eq(text(&response));
}

#[tokio::test]
async fn a_query_answer() {
    let response = send(query_call(&sts::SERVICE, "Action=GetCallerIdentity&Version=2011-06-15")).await;
    assert_eq!(response.headers()["content-type"], "text/xml");
    let id = response.headers()["x-amzn-requestid"].to_str().unwrap();
    expect![[r#"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>000000000000</Account><Arn>arn:aws:iam::000000000000:root&lt;&amp;&gt;�</Arn><UserId>eu-west-1</UserId></GetCallerIdentityResult><ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></GetCallerIdentityResponse>"#]]
        .assert_eq(&text(&response).replace(id, "ID"));
}

#[tokio::test]
async fn a_failure_keeps_its_internal_half() {
    let response = send(json_call(&logs::SERVICE, "CreateLogGroup", r#"{"logGroupName":"taken"}"#)).await;
    assert_eq!(response.status(), 400);
    expect![[
        r#"{"__type":"ResourceAlreadyExistsException","message":"The specified log group already exists"}"#
    ]]
    .assert_eq(text(&response));
    let response = send(json_call(&logs::SERVICE, "CreateLogGroup", r#"{"logGroupName":"broken"}"#)).await;
    assert_eq!(response.status(), 500);
    expect![[r#"{"__type":"InternalFailure","message":"The request processing has failed because of an unknown error."}"#]]
        .assert_eq(text(&response));
}

#[tokio::test]
async fn operations_that_are_not_there() {
    let response = send(json_call(&ecs::SERVICE, "CreateService", "{}")).await;
    assert_eq!(response.status(), 400);
    expect![[r#"{"__type":"UnsupportedOperationException","message":"Wharf does not implement ecs:CreateService yet. See docs/coverage/ecs.md."}"#]]
        .assert_eq(text(&response));
    let response = send(json_call(&ecs::SERVICE, "MakeCoffee", "{}")).await;
    assert_eq!(failure(&response).1, "UnknownOperationException");
    let response = send(query_call(&sts::SERVICE, "Action=AssumeRole&Version=2011-06-15")).await;
    assert!(text(&response).contains("<Code>UnsupportedOperation</Code>"), "{}", text(&response));
    let response = send(query_call(&sts::SERVICE, "Action=MakeCoffee&Version=2011-06-15")).await;
    assert!(text(&response).contains("<Code>InvalidAction</Code>"), "{}", text(&response));
    assert_eq!(failure(&send(get("/")).await).1, "UnknownOperationException");
    // The door of this test has no ECS.
    let response = send(json_call(&ecs::SERVICE, "ListTasks", "{}")).await;
    assert_eq!(failure(&response).1, "UnsupportedOperationException");
}

#[tokio::test]
async fn bodies_that_are_not_requests() {
    for body in ["{", "[]", "nonsense", "\"text\"", "{\"limit\":\"ten\"}", &"[".repeat(100_000)] {
        let response = send(json_call(&logs::SERVICE, "DescribeLogGroups", body)).await;
        assert_eq!(failure(&response).1, "SerializationException", "{body:.20}");
    }
    let response = send(json_call(&logs::SERVICE, "DescribeLogGroups", "")).await;
    assert_eq!(response.status(), 200);
    let response = send(json_call(&logs::SERVICE, "DescribeLogGroups", &" ".repeat(BODY_LIMIT + 1))).await;
    assert_eq!(response.status(), 413);
}

#[tokio::test]
async fn a_stream_of_events_is_an_answer_of_messages() {
    let body = r#"{"logGroupIdentifiers":["g"]}"#;
    let response = send(json_call(&logs::SERVICE, "StartLiveTail", body)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/vnd.amazon.eventstream");
    let text = String::from_utf8_lossy(response.body());
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in {text:?}"));
    assert!(at("initial-response") < at("sessionStart"));
    assert!(at(r#"{"logGroupIdentifiers":["g"]}"#) < at("SessionTimeoutException"));
    let refused = send(json_call(&logs::SERVICE, "StartLiveTail", r#"{"logGroupIdentifiers":[]}"#)).await;
    assert_eq!(failure(&refused).1, "InvalidParameterException");
}

#[tokio::test]
async fn an_operation_that_is_missing_says_why() {
    let response = send(json_call(&logs::SERVICE, "PutSubscriptionFilter", "{}")).await;
    let (status, code, message) = failure(&response);
    assert_eq!((status.as_u16(), code.as_str()), (400, "UnsupportedOperationException"));
    assert_eq!(
        message,
        "Wharf does not implement logs:PutSubscriptionFilter: subscription filters need Kinesis, Firehose or Lambda, \
         which this release does not have."
    );
}

/// Serves the fakes on a port of 127.0.0.1 until the test's runtime ends.
async fn serve() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let door = door_at(NOW);
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let door = door.clone();
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let door = door.clone();
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    Ok::<_, hyper::Error>(door.handle(parts, body).await)
                }
            });
            tokio::spawn(async move {
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    });
    format!("http://{address}")
}

fn client_of(endpoint: &str) -> Result<Client, ClientError> {
    let clock = Arc::new(StoppedClock(NOW));
    let connector = Connector::new(Trust::Nobody, clock.clone()).unwrap();
    Client::new(endpoint, &connector, credentials(), "us-east-1", clock)
}

#[tokio::test]
async fn the_client_round_trips() {
    let endpoint = serve().await;
    let client = client_of(&endpoint).unwrap();
    let input = logs::DescribeLogGroupsRequest {
        log_group_name_prefix: Some("/ecs/hello".to_owned()),
        next_token: Some("next".to_owned()),
        ..Default::default()
    };
    let output = client.logs().describe_log_groups(&input).await.unwrap();
    assert_eq!(output.next_token, input.next_token);
    assert_eq!(output.log_groups.unwrap()[0].log_group_name, input.log_group_name_prefix);

    let identity = client.sts().get_caller_identity(&sts::GetCallerIdentityRequest {}).await.unwrap();
    assert_eq!(identity.user_id.as_deref(), Some("us-east-1"));
    assert_eq!(identity.arn.as_deref(), Some("arn:aws:iam::000000000000:root<&>\u{FFFD}"));

    let taken = logs::CreateLogGroupRequest { log_group_name: "taken".to_owned(), tags: None };
    match client.logs().create_log_group(&taken).await.unwrap_err() {
        ClientError::Service { code, message, status } => {
            assert_eq!((code.as_str(), status), ("ResourceAlreadyExistsException", 400));
            assert_eq!(message, "The specified log group already exists");
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_client_reports_what_is_wrong_with_its_endpoint() {
    for endpoint in ["127.0.0.1:4566", "https://127.0.0.1", "ftp://127.0.0.1", "not a url", ""] {
        assert!(client_of(endpoint).is_err(), "{endpoint}");
    }
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = client_of(&format!("http://{unused}")).unwrap();
    let error = client.sts().get_caller_identity(&sts::GetCallerIdentityRequest {}).await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(_)) && error.is_retryable(), "{error}");
}

#[tokio::test]
async fn a_client_signs_upgrades() {
    let client = client_of("http://h:1").unwrap();
    let url = "http://h:1/ws?clusterArn=arn%3Aaws%3Aecs&seqNum=1";
    let headers = client.sign_get(url, &ecs::SERVICE).unwrap();
    let mut request = get(url);
    request.headers_mut().extend(headers);
    let (parts, _) = request.into_parts();
    let cx = door_at(NOW).authenticate(&parts, &wire::sigv4::sha256_hex(b""), &ecs::SERVICE).unwrap();
    assert_eq!(cx.caller_arn, "arn:aws:iam::000000000000:root");
}
