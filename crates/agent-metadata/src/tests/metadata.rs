//! Containers and tasks, apart from statistics.

use super::fake::Fake;
use super::{get, serve};
use expect_test::{expect, expect_file};

#[tokio::test]
async fn a_container_in_version_4() {
    let servers = serve(Fake::default()).await;
    expect_file!["answers/container-v4.txt"].assert_eq(&get(servers.tasks, "/v4/web").await);
}

#[tokio::test]
async fn an_ended_container_in_version_4() {
    let servers = serve(Fake::default()).await;
    expect_file!["answers/ended-container-v4.txt"].assert_eq(&get(servers.tasks, "/v4/job").await);
}

#[tokio::test]
async fn a_container_in_version_3() {
    let servers = serve(Fake::default()).await;
    expect_file!["answers/container-v3.txt"].assert_eq(&get(servers.tasks, "/v3/web").await);
}

#[tokio::test]
async fn a_task_with_tags_in_version_4() {
    let servers = serve(Fake::default()).await;
    let plain = get(servers.tasks, "/v4/sidecar/task").await;
    assert!(!plain.contains("Tags"), "{plain}");
    assert_eq!(plain, get(servers.tasks, "/v4/web/task").await);
    expect_file!["answers/task-with-tags-v4.txt"]
        .assert_eq(&get(servers.tasks, "/v4/sidecar/taskWithTags").await);
}

#[tokio::test]
async fn an_ended_task_in_version_4() {
    let servers = serve(Fake::default()).await;
    expect_file!["answers/ended-task-v4.txt"].assert_eq(&get(servers.tasks, "/v4/job/task").await);
}

#[tokio::test]
async fn an_ended_task_in_version_3() {
    let servers = serve(Fake::default()).await;
    expect_file!["answers/ended-task-v3.txt"].assert_eq(&get(servers.tasks, "/v3/job/task").await);
}

#[tokio::test]
async fn tags_that_cannot_be_had_are_errors_of_the_answer() {
    let servers = serve(Fake { tags_denied: true, ..Fake::default() }).await;
    expect_file!["answers/task-with-tag-errors-v4.txt"]
        .assert_eq(&get(servers.tasks, "/v4/job/taskWithTags").await);
}

#[tokio::test]
async fn unknown_ids_are_refused_in_the_agents_words() {
    let servers = serve(Fake::default()).await;
    let mut answers = String::new();
    for path in [
        "/v4/gone",
        "/v4/beyond",
        "/v4/gone/task",
        "/v4/gone/taskWithTags",
        "/v4/gone/stats",
        "/v4/gone/task/stats",
        "/v3/gone",
        "/v3/gone/task",
        "/v3/gone/stats",
        "/v3/gone/task/stats",
        "/v2/metadata",
        "/v4/web/tasks",
        "/",
    ] {
        answers += &format!("{path} → {}\n", get(servers.tasks, path).await.trim_end());
    }
    expect![[r#"
        /v4/gone → 404 application/json
        "V4 container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: gone"
        /v4/beyond → 404 application/json
        "V4 container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: beyond"
        /v4/gone/task → 404 application/json
        "V4 task metadata handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: gone"
        /v4/gone/taskWithTags → 404 application/json
        "V4 task metadata handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: gone"
        /v4/gone/stats → 404 application/json
        "V4 container stats handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: gone"
        /v4/gone/task/stats → 404 application/json
        "V4 task stats handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: gone"
        /v3/gone → 400 application/json
        "V3 container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: gone"
        /v3/gone/task → 500 application/json
        "V3 task metadata handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: gone"
        /v3/gone/stats → 400 application/json
        "V3 container stats handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: gone"
        /v3/gone/task/stats → 400 application/json
        "V3 task stats handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: gone"
        /v2/metadata → 404 application/json
        "Version 2 of the task metadata endpoint is not served; use ECS_CONTAINER_METADATA_URI_V4."
        /v4/web/tasks → 404 text/plain; charset=utf-8
        404 page not found
        / → 404 text/plain; charset=utf-8
        404 page not found
    "#]].assert_eq(&answers);
}
