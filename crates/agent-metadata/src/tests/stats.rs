//! Statistics.

use super::fake::Fake;
use super::{get, serve};
use expect_test::{expect, expect_file};

#[tokio::test]
async fn a_containers_statistics() {
    let servers = serve(Fake::default()).await;
    let v4 = get(servers.tasks, "/v4/web/stats").await;
    expect_file!["answers/stats-v4.txt"].assert_eq(&v4);
    let v3 = get(servers.tasks, "/v3/web/stats").await;
    assert!(!v3.contains("network_rate_stats"), "{v3}");
    assert!(v4.starts_with(v3.trim_end_matches("\n}")), "the rest is the same\n{v3}");
}

#[tokio::test]
async fn a_tasks_statistics_are_by_container() {
    let servers = serve(Fake::default()).await;
    let of_container = get(servers.tasks, "/v4/web/stats").await;
    let of_task = get(servers.tasks, "/v4/web/task/stats").await;
    let strip = |text: &str| text.replace([' ', '\n'], "");
    let body = strip(&of_container).replace("200application/json", "");
    assert_eq!(
        strip(&of_task),
        format!("200application/json{{\"0123456789abcdef0123456789abcdef-1\":{body}}}")
    );
}

#[tokio::test]
async fn what_does_not_run_has_no_statistics() {
    let servers = serve(Fake::default()).await;
    let mut answers = String::new();
    for path in ["/v4/job/stats", "/v3/job/stats", "/v4/job/task/stats"] {
        answers += &format!("{path} → {}\n", get(servers.tasks, path).await);
    }
    expect![[r#"
        /v4/job/stats → 500 application/json
        "Unable to get container stats for: fedcba9876543210fedcba9876543210-0"
        /v3/job/stats → 400 application/json
        "Unable to get container stats for: fedcba9876543210fedcba9876543210-0"
        /v4/job/task/stats → 200 application/json
        {
          "fedcba9876543210fedcba9876543210-0": null
        }
    "#]]
    .assert_eq(&answers);
}
