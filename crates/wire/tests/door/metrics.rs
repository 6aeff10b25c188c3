//! A service that speaks CBOR, JSON 1.0 and the query protocol. The requests are those that botocore
//! 1.43 writes, with a fraction of a second that it leaves out.

use async_trait::async_trait;
use bytes::Bytes;
use expect_test::{Expect, expect};
use http::{Request, Response};
use serde_json::Value;
use wire::metrics::*;
use wire::{ApiError, Cx, cbor};

use crate::fakes::{query_call, send, signed, text};

/// Keeps nothing: each answer repeats the question.
pub struct Metrics;

#[async_trait]
impl Api for Metrics {
    async fn get_metric_data(
        &self,
        _: &Cx,
        input: GetMetricDataInput,
    ) -> Result<GetMetricDataOutput, ApiError> {
        let result = |query: MetricDataQuery| MetricDataResult {
            id: Some(query.id),
            timestamps: Some(vec![input.start_time, input.end_time]),
            values: Some(vec![1.0, 0.5]),
            status_code: Some(StatusCode::Complete),
            ..MetricDataResult::default()
        };
        let results = input.metric_data_queries.into_iter().map(result).collect();
        Ok(GetMetricDataOutput { metric_data_results: Some(results), ..GetMetricDataOutput::default() })
    }

    async fn get_metric_statistics(
        &self,
        _: &Cx,
        input: GetMetricStatisticsInput,
    ) -> Result<GetMetricStatisticsOutput, ApiError> {
        if input.namespace == "Broken" {
            return Err(error::internal_service_fault("the disk is on fire"));
        }
        if input.namespace == "Infinite" {
            let point = Datapoint { sum: Some(f64::INFINITY), ..Datapoint::default() };
            return Ok(GetMetricStatisticsOutput { label: None, datapoints: Some(vec![point]) });
        }
        let percentile = |name: String| (name, 9.75);
        let point = Datapoint {
            timestamp: Some(input.start_time),
            sum: Some(f64::from(input.period)),
            extended_statistics: input
                .extended_statistics
                .map(|all| all.into_iter().map(percentile).collect()),
            unit: Some(StandardUnit::BytesSecond),
            ..Datapoint::default()
        };
        Ok(GetMetricStatisticsOutput { label: Some(input.metric_name), datapoints: Some(vec![point]) })
    }

    async fn list_metrics(&self, _: &Cx, _: ListMetricsInput) -> Result<ListMetricsOutput, ApiError> {
        Ok(ListMetricsOutput { metrics: Some(Vec::new()), ..ListMetricsOutput::default() })
    }

    /// Shows what arrived by refusing it.
    async fn put_metric_data(
        &self,
        _: &Cx,
        input: PutMetricDataInput,
    ) -> Result<PutMetricDataResponse, ApiError> {
        match input.namespace.as_str() {
            "Quiet" => Ok(PutMetricDataResponse {}),
            _ => Err(error::invalid_parameter_combination_exception(
                serde_json::to_string(&input.metric_data).unwrap(),
            )),
        }
    }
}

const PUT_CBOR: &str = "a2694e616d657370616365635765626a4d65747269634461746181a76a4d65747269634e616d65674c6174656e63796a44696d\
    656e73696f6e7381a2644e616d6564486f73746556616c756561616954696d657374616d70c1fb41dac053e02000006656616c75657382fb3ff8000000\
    000000fb400000000000000066436f756e747382fb3ff0000000000000fb400800000000000064556e69746c4d696c6c697365636f6e64737153746f72\
    6167655265736f6c7574696f6e01";
const PUT_JSON: &str = r#"{"Namespace": "Web", "MetricData": [{"MetricName": "Latency", "Dimensions": [{"Name": "Host", "Value": "a"}], "Timestamp": 1795248000.5, "Values": [1.5, 2.0], "Counts": [1, 3], "Unit": "Milliseconds", "StorageResolution": 1}]}"#;
const PUT_QUERY: &str = "Action=PutMetricData&Version=2010-08-01&Namespace=Web&MetricData.member.1.MetricName=Latency\
    &MetricData.member.1.Dimensions.member.1.Name=Host&MetricData.member.1.Dimensions.member.1.Value=a\
    &MetricData.member.1.Timestamp=2026-11-21T08%3A00%3A00.500000Z&MetricData.member.1.Values.member.1=1.5\
    &MetricData.member.1.Values.member.2=2.0&MetricData.member.1.Counts.member.1=1&MetricData.member.1.Counts.member.2=3\
    &MetricData.member.1.Unit=Milliseconds&MetricData.member.1.StorageResolution=1";
const STATISTICS_CBOR: &str = "a7694e616d657370616365635765626a4d65747269634e616d65674c6174656e637969537461727454696d65c11a6b0141\
    7067456e6454696d65c11a6b014f8066506572696f64183c6a53746174697374696373816353756d72457874656e6465645374617469737469637381637039\
    39";
const STATISTICS_JSON: &str = r#"{"Namespace": "Web", "MetricName": "Latency", "StartTime": 1795244400, "EndTime": 1795248000, "Period": 60, "Statistics": ["Sum"], "ExtendedStatistics": ["p99"]}"#;
const STATISTICS_QUERY: &str = "Action=GetMetricStatistics&Version=2010-08-01&Namespace=Web&MetricName=Latency\
    &StartTime=2026-11-21T07%3A00%3A00Z&EndTime=2026-11-21T08%3A00%3A00Z&Period=60&Statistics.member.1=Sum\
    &ExtendedStatistics.member.1=p99";

fn cbor_request(path: &str, body: Vec<u8>) -> Request<Bytes> {
    Request::post(path)
        .header("host", "127.0.0.1:4566")
        .header("smithy-protocol", "rpc-v2-cbor")
        .header("x-amzn-query-mode", "true")
        .header("accept", "application/cbor")
        .header("content-type", "application/cbor")
        .body(Bytes::from(body))
        .unwrap()
}

async fn call_cbor(operation: &str, body: Vec<u8>) -> Response<Bytes> {
    let path = format!("/service/GraniteServiceVersion20100801/operation/{operation}");
    send(signed(cbor_request(&path, body), "monitoring")).await
}

async fn call_json(operation: &str, body: &str) -> Response<Bytes> {
    let request = Request::post("/")
        .header("host", "127.0.0.1:4566")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("GraniteServiceVersion20100801.{operation}"))
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap();
    send(signed(request, "monitoring")).await
}

fn cbor_of(value: Value) -> Vec<u8> {
    // Without a shape a value is written as it is.
    cbor::encode(&wire::schema::Shape::Boolean, &value).to_vec()
}

fn read(response: &Response<Bytes>) -> Value {
    assert_eq!(response.headers()["smithy-protocol"], "rpc-v2-cbor");
    assert_eq!(response.headers()["content-type"], "application/cbor");
    cbor::parse(response.body()).unwrap()
}

fn check_failure(response: &Response<Bytes>, expected: Expect) {
    let header = response.headers().get("x-amzn-query-error").map(|value| value.to_str().unwrap());
    expected.assert_eq(&format!(
        "{} {} {}",
        response.status().as_u16(),
        header.unwrap_or_default(),
        read(response)
    ));
}

#[tokio::test]
async fn each_protocol_reads_the_same() {
    let data = r#"[{"Counts":[1.0,3.0],"Dimensions":[{"Name":"Host","Value":"a"}],"MetricName":"Latency","StorageResolution":1,"Timestamp":1795248000.5,"Unit":"Milliseconds","Values":[1.5,2.0]}]"#;
    let by_cbor = call_cbor("PutMetricData", hex::decode(PUT_CBOR).unwrap()).await;
    assert_eq!(read(&by_cbor)["message"], data);
    let by_json = call_json("PutMetricData", PUT_JSON).await;
    assert_eq!(crate::fakes::failure(&by_json).2, data);
    let by_query = send(query_call(&SERVICE, PUT_QUERY)).await;
    assert!(text(&by_query).contains(&data.replace('"', "&quot;")), "{}", text(&by_query));
}

#[tokio::test]
async fn each_protocol_writes_in_its_way() {
    let response = call_cbor("GetMetricStatistics", hex::decode(STATISTICS_CBOR).unwrap()).await;
    assert_eq!(response.status(), 200);
    assert!(response.headers().contains_key("x-amzn-requestid"));
    // A timestamp is under tag 1 (c1); a double has eight bytes (fb).
    expect!["a26a44617461706f696e747381a472457874656e64656453746174697374696373a163703939fb40238000000000006353756dfb404e0000000000006954696d657374616d70c1fb41dac0505c00000064556e69746c42797465732f5365636f6e64654c6162656c674c6174656e6379"].assert_eq(&hex::encode(response.body()));
    expect![[r#"{"Datapoints":[{"ExtendedStatistics":{"p99":9.75},"Sum":60.0,"Timestamp":1795244400.0,"Unit":"Bytes/Second"}],"Label":"Latency"}"#]].assert_eq(&read(&response).to_string());

    let response = call_json("GetMetricStatistics", STATISTICS_JSON).await;
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.0");
    expect![[r#"{"Datapoints":[{"ExtendedStatistics":{"p99":9.75},"Sum":60.0,"Timestamp":1795244400.0,"Unit":"Bytes/Second"}],"Label":"Latency"}"#]].assert_eq(text(&response));

    let response = send(query_call(&SERVICE, STATISTICS_QUERY)).await;
    assert_eq!(response.headers()["content-type"], "text/xml");
    let id = response.headers()["x-amzn-requestid"].to_str().unwrap();
    expect![[r#"<GetMetricStatisticsResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><GetMetricStatisticsResult><Datapoints><member><ExtendedStatistics><entry><key>p99</key><value>9.75</value></entry></ExtendedStatistics><Sum>60.0</Sum><Timestamp>2026-11-21T07:00:00Z</Timestamp><Unit>Bytes/Second</Unit></member></Datapoints><Label>Latency</Label></GetMetricStatisticsResult><ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></GetMetricStatisticsResponse>"#]].assert_eq(&text(&response).replace(id, "ID"));
}

#[tokio::test]
async fn lists_of_timestamps() {
    let input = r#"{"MetricDataQueries":[{"Id":"a"}],"StartTime":1795244400,"EndTime":1795248000.5}"#;
    let response = call_cbor("GetMetricData", cbor_of(serde_json::from_str(input).unwrap())).await;
    expect!["a1714d657472696344617461526573756c747381a462496461616a537461747573436f646568436f6d706c6574656a54696d657374616d707382c1fb41dac0505c000000c1fb41dac053e02000006656616c75657382fb3ff0000000000000fb3fe0000000000000"].assert_eq(&hex::encode(response.body()));
    expect![[r#"{"MetricDataResults":[{"Id":"a","StatusCode":"Complete","Timestamps":[1795244400.0,1795248000.5],"Values":[1.0,0.5]}]}"#]].assert_eq(text(&call_json("GetMetricData", input).await));
}

#[tokio::test]
async fn nothing_in_and_nothing_out() {
    let response = call_cbor("ListMetrics", Vec::new()).await;
    assert_eq!(read(&response), serde_json::json!({ "Metrics": [] }));
    let response = call_cbor("PutMetricData", cbor_of(serde_json::json!({ "Namespace": "Quiet" }))).await;
    assert_eq!((response.status().as_u16(), response.body().len()), (200, 0));
    assert_eq!(response.headers()["smithy-protocol"], "rpc-v2-cbor");
    assert!(!response.headers().contains_key("content-type"));
}

#[tokio::test]
async fn failures_in_cbor() {
    let call = |operation: &'static str, input: &str| {
        call_cbor(operation, cbor_of(serde_json::from_str(input).unwrap()))
    };
    // The model's names, with the codes of the query protocol beside them.
    check_failure(
        &call("PutMetricData", r#"{"Namespace":"Web"}"#).await,
        expect![[
            r#"400 InvalidParameterCombination;Sender {"__type":"com.amazonaws.cloudwatch#InvalidParameterCombinationException","message":"null"}"#
        ]],
    );
    check_failure(
        &call("PutMetricData", "{}").await,
        expect![[
            r#"400 MissingParameter;Sender {"__type":"com.amazonaws.cloudwatch#MissingRequiredParameterException","message":"The parameter Namespace is required."}"#
        ]],
    );
    check_failure(
        &call("PutMetricData", r#"{"Namespace":":"}"#).await,
        expect![[
            r#"400 InvalidParameterValue;Sender {"__type":"com.amazonaws.cloudwatch#InvalidParameterValueException","message":"The value : for parameter Namespace is invalid."}"#
        ]],
    );
    check_failure(
        &call("PutMetricData", r#"{"Namespace":"a","StrictEntityValidation":true}"#).await,
        expect![[
            r#"400 InvalidParameterValue;Sender {"__type":"com.amazonaws.cloudwatch#InvalidParameterValueException","message":"StrictEntityValidation is not supported by Wharf yet. See docs/coverage/metrics.md."}"#
        ]],
    );
    check_failure(
        &call("PutMetricData", r#"{"Namespace":"a","MetricData":[{"MetricName":"m","Value":"NaN"}]}"#).await,
        expect![[
            r#"400 InvalidParameterValue;Sender {"__type":"com.amazonaws.cloudwatch#InvalidParameterValueException","message":"The value NaN for parameter MetricData.member.1.Value is invalid."}"#
        ]],
    );
    let broken = STATISTICS_JSON.replace("Web", "Broken");
    check_failure(
        &call("GetMetricStatistics", &broken).await,
        expect![[
            r#"500 InternalServiceError;Receiver {"__type":"com.amazonaws.cloudwatch#InternalServiceFault","message":"the disk is on fire"}"#
        ]],
    );
    // Not null, which says that there is none.
    let infinite = STATISTICS_JSON.replace("Web", "Infinite");
    check_failure(
        &call("GetMetricStatistics", &infinite).await,
        expect![[
            r#"500 InternalFailure;Receiver {"__type":"com.amazonaws.cloudwatch#InternalFailure","message":"The request processing has failed because of an unknown error."}"#
        ]],
    );
    assert_eq!(call_json("GetMetricStatistics", &infinite).await.status(), 500);
    check_failure(
        &call("PutMetricAlarm", "{}").await,
        expect![[
            r#"400 UnsupportedOperation;Sender {"__type":"com.amazonaws.cloudwatch#UnsupportedOperation","message":"Wharf does not implement metrics:PutMetricAlarm yet. See docs/coverage/metrics.md."}"#
        ]],
    );
    check_failure(
        &call("MakeCoffee", "{}").await,
        expect![[
            r#"400 InvalidAction;Sender {"__type":"com.amazonaws.cloudwatch#InvalidAction","message":"Could not find operation MakeCoffee for version 2010-08-01"}"#
        ]],
    );
    check_failure(
        &call_cbor("ListMetrics", vec![0xff]).await,
        expect![[
            r#"400 SerializationException;Sender {"__type":"com.amazonaws.cloudwatch#SerializationException","message":"The body is not CBOR as Smithy RPC v2 uses it: break is no value of any operation"}"#
        ]],
    );
}

#[tokio::test]
async fn failures_in_the_other_protocols() {
    let response = call_json("PutMetricData", "{}").await;
    assert_eq!(response.headers()["x-amzn-query-error"], "MissingParameter;Sender");
    assert_eq!(crate::fakes::failure(&response).1, "MissingRequiredParameterException");
    let response = send(query_call(&SERVICE, "Action=PutMetricData&Version=2010-08-01")).await;
    assert!(
        text(&response).contains("<Type>Sender</Type><Code>MissingParameter</Code>"),
        "{}",
        text(&response)
    );
    for number in ["NaN", "Infinity", "-Infinity"] {
        let form = format!(
            "Action=PutMetricData&Version=2010-08-01&Namespace=a&MetricData.member.1.MetricName=m&MetricData.member.1.Value={number}"
        );
        let response = send(query_call(&SERVICE, &form)).await;
        let expected = format!("The value {number} for parameter MetricData.member.1.Value is invalid.");
        assert!(text(&response).contains("<Code>InvalidParameterValue</Code>"), "{}", text(&response));
        assert!(text(&response).contains(&expected), "{}", text(&response));
    }
}

#[tokio::test]
async fn paths_that_lead_nowhere() {
    let send = |path: &str, service: &str| {
        let request = signed(cbor_request(path, Vec::new()), service);
        async move { send(request).await }
    };
    // A prefix and an absolute name mean the same operation.
    for path in [
        "/v1/service/GraniteServiceVersion20100801/operation/ListMetrics",
        "/service/com.amazonaws.cloudwatch.GraniteServiceVersion20100801/operation/ListMetrics",
    ] {
        assert_eq!(send(path, "monitoring").await.status(), 200, "{path}");
    }
    check_failure(
        &send("/service/Coffee/operation/Make", "coffee").await,
        expect![[
            r#"400  {"__type":"UnsupportedOperation","message":"Wharf does not serve the coffee API yet. See docs/coverage."}"#
        ]],
    );
    check_failure(
        &send("/service/Coffee/operation/Make", "monitoring").await,
        expect![[
            r#"400  {"__type":"UnknownOperationException","message":"Unknown operation: Coffee.Make"}"#
        ]],
    );
    check_failure(
        &send("/service/GraniteServiceVersion20100801", "monitoring").await,
        expect![[
            r#"400  {"__type":"UnknownOperationException","message":"Unknown operation: /service/GraniteServiceVersion20100801"}"#
        ]],
    );
}

#[tokio::test]
async fn a_request_means_one_operation() {
    let path = "/service/GraniteServiceVersion20100801/operation/ListMetrics";
    let mut request = cbor_request(path, Vec::new());
    request.headers_mut().insert("x-amz-target", "Logs_20140328.DeleteLogGroup".parse().unwrap());
    check_failure(
        &send(signed(request, "monitoring")).await,
        expect![[
            r#"400  {"__type":"SerializationException","message":"A request of Smithy RPC v2 must not have the header X-Amz-Target."}"#
        ]],
    );
    let mut request = cbor_request(path, Vec::new());
    request.headers_mut().insert("smithy-protocol", "rpc-v2-json".parse().unwrap());
    assert_eq!(crate::fakes::failure(&send(signed(request, "monitoring")).await).1, "SerializationException");
    // Signed for another service.
    check_failure(
        &send(signed(cbor_request(path, Vec::new()), "logs")).await,
        expect![[
            r#"403 SignatureDoesNotMatch;Sender {"__type":"com.amazonaws.cloudwatch#SignatureDoesNotMatch","message":"Credential should be scoped to correct service: 'monitoring'. "}"#
        ]],
    );
}

#[tokio::test]
async fn large_requests_come_compressed() {
    use std::io::Write;
    let gzip = |plain: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    };
    let send = |body: Vec<u8>| {
        let path = "/service/GraniteServiceVersion20100801/operation/PutMetricData";
        let mut request = cbor_request(path, body);
        request.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        async move { send(signed(request, "monitoring")).await }
    };
    let plain = cbor_of(serde_json::json!({ "Namespace": "Quiet" }));
    assert_eq!(send(gzip(&plain)).await.status(), 200);
    check_failure(
        &send(plain).await,
        expect![[
            r#"400  {"__type":"SerializationException","message":"The body is not gzip: invalid gzip header"}"#
        ]],
    );
    let bomb = gzip(&vec![0; wire::BODY_LIMIT + 1]);
    assert!(bomb.len() < wire::BODY_LIMIT / 100);
    assert_eq!(send(bomb).await.status(), 413);
    // AWS's limit is on what is sent.
    let large = cbor_of(serde_json::json!({ "Namespace": "Quiet", "Ignored": "x".repeat(1 << 20) }));
    assert_eq!(send(gzip(&large)).await.status(), 200);
    check_failure(
        &call_cbor("PutMetricData", large).await,
        expect![[
            r#"413 RequestEntityTooLarge;Sender {"__type":"com.amazonaws.cloudwatch#RequestEntityTooLarge","message":"Request size 1048606 exceeded 1048576 bytes"}"#
        ]],
    );
}
