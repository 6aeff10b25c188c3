//! Task protection from inside a task.

use super::fake::{Fake, WEB};
use super::{ask, get, serve};
use crate::{CallError, ProtectionAnswer};
use expect_test::{expect, expect_file};

const PATH: &str = "/api/web/task-protection/v1/state";

#[tokio::test]
async fn a_task_protects_itself() {
    let servers = serve(Fake::default()).await;
    let mut answers = get(servers.tasks, PATH).await;
    for body in [r#"{"ProtectionEnabled":true,"ExpiresInMinutes":60}"#, r#"{"ProtectionEnabled":false}"#] {
        answers += &format!("\n{}", ask(servers.tasks, "PUT", PATH, body).await);
    }
    expect![[r#"
        200 application/json
        {
          "protection": {
            "ExpirationDate": null,
            "ProtectionEnabled": false,
            "TaskArn": "arn:aws:ecs:eu-west-1:111122223333:task/blue/0123456789abcdef0123456789abcdef"
          }
        }
        200 application/json
        {
          "protection": {
            "ExpirationDate": "2026-03-01T13:00:00Z",
            "ProtectionEnabled": true,
            "TaskArn": "arn:aws:ecs:eu-west-1:111122223333:task/blue/0123456789abcdef0123456789abcdef"
          }
        }
        200 application/json
        {
          "protection": {
            "ExpirationDate": null,
            "ProtectionEnabled": false,
            "TaskArn": "arn:aws:ecs:eu-west-1:111122223333:task/blue/0123456789abcdef0123456789abcdef"
          }
        }"#]]
    .assert_eq(&answers);
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let servers = serve(Fake::default()).await;
    let mut answers = String::new();
    for (method, path, body) in [
        ("PUT", PATH, ""),
        ("PUT", PATH, r#"{"ProtectionEnabled":true,"Until":"tomorrow"}"#),
        ("PUT", PATH, r#"{"ProtectionEnabled":true,"ExpiresInMinutes":"60"}"#),
        ("PUT", PATH, r#"{"ExpiresInMinutes":60}"#),
        ("PUT", "/api/gone/task-protection/v1/state", r#"{"ProtectionEnabled":true}"#),
        ("POST", PATH, "{}"),
    ] {
        answers += &format!("{}\n", ask(servers.tasks, method, path, body).await);
    }
    expect![[r#"
        400 application/json
        {
          "error": {
            "Code": "InvalidParameterException",
            "Message": "UpdateTaskProtection: failed to decode request"
          }
        }
        400 application/json
        {
          "error": {
            "Code": "InvalidParameterException",
            "Message": "UpdateTaskProtection: failed to decode request"
          }
        }
        400 application/json
        {
          "error": {
            "Code": "InvalidParameterException",
            "Message": "UpdateTaskProtection: failed to decode request"
          }
        }
        400 application/json
        {
          "error": {
            "Arn": "arn:aws:ecs:eu-west-1:111122223333:task/blue/0123456789abcdef0123456789abcdef",
            "Code": "InvalidParameterException",
            "Message": "Invalid request: does not contain 'ProtectionEnabled' field"
          }
        }
        404 application/json
        {
          "error": {
            "Code": "ResourceNotFoundException",
            "Message": "Failed to find a task for the request"
          }
        }
        405 text/plain; charset=utf-8

    "#]]
    .assert_eq(&answers);
}

#[tokio::test]
async fn what_the_control_plane_says_is_passed_on() {
    let denied = CallError {
        code: "AccessDeniedException".to_owned(),
        message: "not authorized".to_owned(),
        status: Some(400),
        request_id: Some("5b1a9f5c-0000-4000-8000-000000000002".to_owned()),
    };
    let no_role = CallError {
        code: "AccessDeniedException".to_owned(),
        message: "Invalid Request: no task IAM role credentials available for task".to_owned(),
        status: Some(403),
        request_id: None,
    };
    let unreachable = CallError {
        code: "RequestError".to_owned(),
        message: "connection refused".to_owned(),
        status: None,
        request_id: None,
    };
    let failure = ProtectionAnswer::Failure {
        arn: Some(WEB.to_owned()),
        reason: Some("TASK_NOT_VALID".to_owned()),
        detail: None,
    };
    let mut answers = String::new();
    for answer in [Ok(failure), Err(denied), Err(no_role), Err(unreachable)] {
        let servers = serve(Fake { protection: Some(answer), ..Fake::default() }).await;
        answers += &format!("{}\n", get(servers.tasks, PATH).await);
    }
    expect_file!["answers/protection-refused.txt"].assert_eq(&answers);
}
