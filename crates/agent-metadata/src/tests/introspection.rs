//! What programs on the host ask.

use super::fake::{Fake, WEB};
use super::{get, serve};
use expect_test::{expect, expect_file};

#[tokio::test]
async fn the_agent_and_its_tasks() {
    let servers = serve(Fake::default()).await;
    let mut answers = String::new();
    for path in ["/v1/metadata", "/v1/tasks", "/anything"] {
        answers += &format!("{path} → {}\n", get(servers.introspection, path).await);
    }
    expect_file!["answers/introspection.txt"].assert_eq(&answers);
    let license = get(servers.introspection, "/license").await;
    assert!(license.contains("Apache License"), "{license}");
}

#[tokio::test]
async fn one_task_is_found_by_arn_and_by_container() {
    let servers = serve(Fake::default()).await;
    let ask = async |query: &str| get(servers.introspection, &format!("/v1/tasks?{query}")).await;
    let web = ask(&format!("taskarn={WEB}")).await;
    assert!(web.starts_with("200 ") && web.contains(&format!("\"Arn\": \"{WEB}\"")), "{web}");
    assert_eq!(ask(&format!("x=y&taskarn={}", WEB.replace(':', "%3A"))).await, web);
    assert_eq!(ask("dockerid=0123456789abcdef0123456789abcdef-1").await, web);
    assert_eq!(ask("dockerid=0123456789ab").await, web);
    let none = ask("taskarn=arn").await;
    expect![[r#"
        404 application/json
        {
          "Arn": "",
          "KnownStatus": "",
          "Family": "",
          "Version": "",
          "Containers": null
        }"#]]
    .assert_eq(&none);
    for query in ["dockerid=", "dockerid=0123456789abcdef", "dockerid=%ff", "taskarn"] {
        assert_eq!(ask(query).await, none, "{query}");
    }
    assert_eq!(ask("dockerid=0&taskarn=a").await, none.replacen("404", "400", 1));
}
