//! Tags by ARN and by name are the same tags.

use crate::api::{Disk, create, cx, is};
use std::collections::BTreeMap;
use wire::logs::*;

const ARN: &str = "arn:aws:logs:us-east-1:000000000000:log-group:g";

#[tokio::test]
async fn tags_by_arn_and_by_name_are_the_same() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &[]).await;
    let tags = |text: &str| -> BTreeMap<String, String> {
        text.chars().map(|c| (c.to_string(), "1".to_owned())).collect()
    };
    let input = TagResourceRequest { resource_arn: ARN.to_owned(), tags: tags("ab") };
    logs.tag_resource(&cx(), input).await.expect("tagged");
    let input = TagLogGroupRequest { log_group_name: "g".to_owned(), tags: tags("cd") };
    logs.tag_log_group(&cx(), input).await.expect("tagged");
    let input = UntagResourceRequest { resource_arn: format!("{ARN}:*"), tag_keys: vec!["a".to_owned()] };
    logs.untag_resource(&cx(), input).await.expect("untagged");
    let input = UntagLogGroupRequest { log_group_name: "g".to_owned(), tags: vec!["c".to_owned()] };
    logs.untag_log_group(&cx(), input).await.expect("untagged");
    drop(logs);
    let logs = disk.open();
    let input = ListTagsForResourceRequest { resource_arn: ARN.to_owned() };
    assert_eq!(logs.list_tags_for_resource(&cx(), input).await.expect("listed").tags, Some(tags("bd")));
    let input = ListTagsLogGroupRequest { log_group_name: "g".to_owned() };
    assert_eq!(logs.list_tags_log_group(&cx(), input).await.expect("listed").tags, Some(tags("bd")));

    let many: BTreeMap<_, _> = (0..49).map(|n| (n.to_string(), String::new())).collect();
    let input = TagResourceRequest { resource_arn: ARN.to_owned(), tags: many };
    let error = logs.tag_resource(&cx(), input).await.expect_err("too many");
    is(&error, "TooManyTagsException", "A log group has at most 50 tags.");
    for (arn, code) in [
        ("g", "InvalidParameterException"),
        ("arn:aws:logs:us-east-1:000000000000:log-group:h", "ResourceNotFoundException"),
        ("arn:aws:logs:eu-west-1:000000000000:log-group:g", "ResourceNotFoundException"),
        ("arn:aws:logs:us-east-1:000000000000:log-group:g:log-stream:s", "ResourceNotFoundException"),
    ] {
        let input = ListTagsForResourceRequest { resource_arn: arn.to_owned() };
        assert_eq!(logs.list_tags_for_resource(&cx(), input).await.expect_err(arn).code, code, "{arn}");
    }
}
