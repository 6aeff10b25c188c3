//! Capacity providers and those of clusters.

use crate::world::World;
use serde_json::{Value, json};

const GROUP: &str =
    "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:1-2-3:autoScalingGroupName/metal";

fn create(w: &World, name: &str, group: &str) -> Value {
    let request = json!({ "name": name, "autoScalingGroupProvider": { "autoScalingGroupArn": group } });
    w.ok("CreateCapacityProvider", request)["capacityProvider"].clone()
}

fn names(answer: &Value) -> Vec<&str> {
    let providers = answer["capacityProviders"].as_array().expect("providers");
    providers.iter().map(|p| p["name"].as_str().expect("a name")).collect()
}

#[test]
fn two_are_there_that_nobody_created() {
    let w = World::new();
    w.check(
        "DescribeCapacityProviders",
        json!({}),
        json!({ "failures": [], "nextToken": null, "capacityProviders": [
            {
                "capacityProviderArn": "arn:aws:ecs:us-east-1:000000000000:capacity-provider/FARGATE",
                "name": "FARGATE", "status": "ACTIVE", "type": "FARGATE", "tags": [],
                "autoScalingGroupProvider": null,
            },
            { "name": "FARGATE_SPOT", "status": "ACTIVE", "type": "FARGATE_SPOT" },
        ] }),
    );
}

#[test]
fn one_is_created_described_updated_and_deleted() {
    let w = World::new();
    let tags = json!([{ "key": "a", "value": "b" }]);
    let scaling = json!({ "status": "DISABLED", "targetCapacity": 80 });
    let group = json!({ "autoScalingGroupArn": GROUP, "managedScaling": scaling });
    let request = json!({ "name": "metal", "autoScalingGroupProvider": group, "tags": tags });
    let arn = "arn:aws:ecs:us-east-1:000000000000:capacity-provider/metal";
    let shown = json!({
        "capacityProviderArn": arn, "name": "metal", "status": "ACTIVE", "type": "EC2_AUTOSCALING",
        "updateStatus": null, "tags": tags,
        "autoScalingGroupProvider": {
            "autoScalingGroupArn": GROUP, "managedTerminationProtection": "DISABLED", "managedDraining": "DISABLED",
            "managedScaling": {
                "status": "DISABLED", "targetCapacity": 80, "minimumScalingStepSize": 1,
                "maximumScalingStepSize": 10000, "instanceWarmupPeriod": 300,
            },
        },
    });
    w.check("CreateCapacityProvider", request, json!({ "capacityProvider": shown }));
    for name in ["metal", arn] {
        let query = json!({ "capacityProviders": [name], "include": ["TAGS"] });
        w.check("DescribeCapacityProviders", query, json!({ "capacityProviders": [shown] }));
    }
    w.check(
        "DescribeCapacityProviders",
        json!({ "capacityProviders": ["metal", "none"] }),
        json!({
            "capacityProviders": [{ "name": "metal", "tags": [] }],
            "failures": [{
                "arn": "arn:aws:ecs:us-east-1:000000000000:capacity-provider/none", "reason": "MISSING",
            }],
        }),
    );
    let change = json!({ "managedScaling": { "minimumScalingStepSize": 2 }, "managedDraining": "DISABLED" });
    w.check(
        "UpdateCapacityProvider",
        json!({ "name": "metal", "autoScalingGroupProvider": change }),
        json!({ "capacityProvider": {
            "updateStatus": "UPDATE_COMPLETE",
            "autoScalingGroupProvider": { "managedScaling": { "targetCapacity": 80, "minimumScalingStepSize": 2 } },
        } }),
    );
    w.ok("TagResource", json!({ "resourceArn": arn, "tags": [{ "key": "c", "value": "d" }] }));
    w.ok("UntagResource", json!({ "resourceArn": arn, "tagKeys": ["a"] }));
    let left = json!({ "tags": [{ "key": "c", "value": "d" }] });
    w.check("ListTagsForResource", json!({ "resourceArn": arn }), left);
    w.check(
        "DeleteCapacityProvider",
        json!({ "capacityProvider": arn }),
        json!({ "capacityProvider": { "name": "metal", "status": "INACTIVE", "updateStatus": "DELETE_COMPLETE" } }),
    );
    assert_eq!(names(&w.ok("DescribeCapacityProviders", json!({}))), ["FARGATE", "FARGATE_SPOT"]);
}

#[test]
fn one_that_a_cluster_has_is_not_deleted_and_says_why() {
    let w = World::new();
    create(&w, "metal", "metal");
    w.ok("CreateCluster", json!({ "clusterName": "web", "capacityProviders": ["metal"] }));
    let reason = "The capacity provider cannot be deleted because it is associated with cluster: web. Remove the \
                  capacity provider from the cluster and try again.";
    let kept = json!({ "status": "ACTIVE", "updateStatus": "DELETE_FAILED", "updateStatusReason": reason });
    let delete = json!({ "capacityProvider": "metal" });
    w.check("DeleteCapacityProvider", delete.clone(), json!({ "capacityProvider": kept }));
    let query = json!({ "capacityProviders": ["metal"] });
    w.check("DescribeCapacityProviders", query, json!({ "capacityProviders": [kept] }));
    w.ok("DeleteCluster", json!({ "cluster": "web" }));
    w.check("DeleteCapacityProvider", delete, json!({ "capacityProvider": { "status": "INACTIVE" } }));
}

#[test]
fn what_is_no_capacity_provider_is_refused() {
    let w = World::new();
    create(&w, "metal", GROUP);
    let name = "InvalidParameterException: The specified capacity provider name is invalid. Up to 255 characters are \
                allowed, including letters (upper and lowercase), numbers, underscores, and hyphens. The name cannot be \
                prefixed with \"aws\", \"ecs\", or \"fargate\".";
    let group = "InvalidParameterException: The specified Auto Scaling group is invalid. Specify its name, or an ARN of \
                 this account and Region, and try again.";
    let missing = "ClientException: The specified capacity provider does not exist. Specify a valid name or ARN and try \
                   again.";
    let reserved = "InvalidParameterException: The FARGATE and FARGATE_SPOT capacity providers are reserved and cannot be \
                    changed or deleted.";
    let with = |name: &str, group: Value| json!({ "name": name, "autoScalingGroupProvider": group });
    let of = |arn: &str| json!({ "autoScalingGroupArn": arn });
    let unmanaged = |member: &str, value: Value| {
        let mut group = of("b");
        group[member] = value;
        ("CreateCapacityProvider", with("b", group))
    };
    for ((operation, request), expected) in [
        (("CreateCapacityProvider", with("fargate-b", of("b"))), name),
        (("CreateCapacityProvider", with("AWS", of("b"))), name),
        (("CreateCapacityProvider", with("a b", of("b"))), name),
        (("CreateCapacityProvider", with(&"b".repeat(256), of("b"))), name),
        (("CreateCapacityProvider", with("b", of(""))), group),
        (("CreateCapacityProvider", with("b", of("arn:aws:ecs:us-east-1:000000000000:cluster/b"))), group),
        (("CreateCapacityProvider", with("b", of(&GROUP.replace("us-east-1", "us-west-2")))), group),
        (
            ("CreateCapacityProvider", json!({ "name": "b" })),
            "InvalidParameterException: autoScalingGroupProvider cannot be empty.",
        ),
        (
            ("CreateCapacityProvider", with("metal", of("b"))),
            "ClientException: The specified capacity provider already exists. To change the configuration of an existing \
             capacity provider, update the capacity provider.",
        ),
        (
            ("CreateCapacityProvider", with("b", of("metal"))),
            "ClientException: The specified Auto Scaling group ARN is already being used by another capacity provider. \
             Specify a unique Auto Scaling group ARN and try again.",
        ),
        (
            unmanaged("managedScaling", json!({ "status": "ENABLED" })),
            "InvalidParameterException: Wharf does not support managedScaling.status ENABLED yet.",
        ),
        (
            unmanaged("managedScaling", json!({ "minimumScalingStepSize": 9, "maximumScalingStepSize": 8 })),
            "InvalidParameterException: minimumScalingStepSize cannot be greater than maximumScalingStepSize.",
        ),
        (
            unmanaged("managedTerminationProtection", json!("ENABLED")),
            "InvalidParameterException: Wharf does not support managedTerminationProtection ENABLED yet.",
        ),
        (
            unmanaged("managedDraining", json!("ENABLED")),
            "InvalidParameterException: Wharf does not support managedDraining ENABLED yet.",
        ),
        (("UpdateCapacityProvider", json!({ "name": "b" })), missing),
        (("UpdateCapacityProvider", json!({ "name": "FARGATE" })), reserved),
        (("DeleteCapacityProvider", json!({ "capacityProvider": "b" })), missing),
        (("DeleteCapacityProvider", json!({ "capacityProvider": "FARGATE_SPOT" })), reserved),
        (
            ("DescribeCapacityProviders", json!({ "maxResults": 11 })),
            "InvalidParameterException: maxResults should be between 1 and 10.",
        ),
    ] {
        assert_eq!(w.err(operation, request.clone()), expected, "{operation} {request}");
    }
}

#[test]
fn they_come_in_pages_of_ten_and_by_cluster() {
    let w = World::new();
    for n in 0..11 {
        create(&w, &format!("p{n:02}"), &format!("g{n}"));
    }
    let first = w.ok("DescribeCapacityProviders", json!({}));
    let second = w.ok("DescribeCapacityProviders", json!({ "nextToken": first["nextToken"] }));
    assert_eq!((names(&first).len(), names(&second)), (10, vec!["p08", "p09", "p10"]));
    assert_eq!(second["nextToken"], Value::Null);
    w.ok("CreateCluster", json!({ "capacityProviders": ["p03", "FARGATE"] }));
    let of_cluster = w.ok("DescribeCapacityProviders", json!({ "cluster": "default" }));
    assert_eq!(names(&of_cluster), ["FARGATE", "p03"]);
}

#[test]
fn a_cluster_has_capacity_providers_and_a_default_strategy() {
    let w = World::new();
    let item = |name: &str, weight: u32, base: u32| json!({ "capacityProvider": name, "weight": weight, "base": base });
    let strategy = json!([{ "capacityProvider": "FARGATE", "weight": 1 }, item("FARGATE_SPOT", 3, 2)]);
    let providers = json!(["FARGATE", "FARGATE_SPOT"]);
    let request = json!({ "capacityProviders": providers, "defaultCapacityProviderStrategy": strategy });
    let shown = json!({
        "capacityProviders": providers,
        "defaultCapacityProviderStrategy": [item("FARGATE", 1, 0), item("FARGATE_SPOT", 3, 2)],
    });
    for _ in 0..2 {
        w.check("CreateCluster", request.clone(), json!({ "cluster": shown }));
    }
    assert_eq!(
        w.err("CreateCluster", json!({ "capacityProviders": ["FARGATE"] })),
        "InvalidParameterException: Arguments on this idempotent request are inconsistent with arguments used in previous \
         request(s)."
    );
    w.check("DescribeClusters", json!({}), json!({ "clusters": [shown] }));
    create(&w, "metal", "metal");
    w.check(
        "PutClusterCapacityProviders",
        json!({
            "cluster": "default", "defaultCapacityProviderStrategy": [],
            "capacityProviders": ["arn:aws:ecs:us-east-1:000000000000:capacity-provider/metal", "FARGATE"],
        }),
        json!({ "cluster": { "capacityProviders": ["metal", "FARGATE"], "defaultCapacityProviderStrategy": [] } }),
    );
}

#[test]
fn what_a_cluster_cannot_have_is_refused() {
    let w = World::new();
    w.ok("CreateCluster", json!({}));
    create(&w, "metal", "metal");
    let item = |name: &str| json!({ "capacityProvider": name, "weight": 1 });
    let based = |name: &str| json!({ "capacityProvider": name, "base": 1 });
    let many: Vec<_> = (0..21).map(|n| format!("p{n}")).collect();
    many.iter().for_each(|name| drop(create(&w, name, name)));
    for (providers, strategy, expected) in [
        (
            json!(["none"]),
            json!([]),
            "The specified capacity provider 'none' was not found. Specify a valid capacity provider and try again.",
        ),
        (json!(many), json!([]), "The maximum number of capacity providers per cluster has been exceeded."),
        (
            json!(["metal"]),
            json!([item("FARGATE")]),
            "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the \
             cluster. Associate the capacity provider with the cluster and try again.",
        ),
        (
            json!(["metal", "FARGATE"]),
            json!([item("metal"), item("FARGATE")]),
            "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate \
             providers. Specify one or the other and try again.",
        ),
        (
            json!(["FARGATE", "FARGATE_SPOT"]),
            json!([based("FARGATE"), based("FARGATE_SPOT")]),
            "Only one capacity provider in a capacity provider strategy can have a base defined.",
        ),
        (
            json!(["FARGATE"]),
            json!([item("FARGATE"), item("FARGATE")]),
            "The capacity provider 'FARGATE' is specified more than once in the capacity provider strategy.",
        ),
        (
            json!(["FARGATE"]),
            json!(vec![item("FARGATE"); 21]),
            "capacityProviderStrategy can have at most 20 items.",
        ),
    ] {
        let expected = format!("InvalidParameterException: {expected}");
        let request = json!({ "cluster": "default", "capacityProviders": providers, "defaultCapacityProviderStrategy": strategy });
        assert_eq!(w.err("PutClusterCapacityProviders", request), expected);
        let request = json!({
            "clusterName": "new", "capacityProviders": providers, "defaultCapacityProviderStrategy": strategy,
        });
        assert_eq!(w.err("CreateCluster", request), expected);
    }
}

#[test]
fn an_instance_shows_the_capacity_provider_of_its_group() {
    let w = World::new();
    w.ok("CreateCluster", json!({}));
    create(&w, "bare", GROUP);
    let of_group = [("wharf.auto-scaling-group", "metal")];
    let [inside, outside] =
        [&of_group[..], &[]].map(|with| w.register_agent_with("default", 1024, 1024, with));
    let shown = |arn: &str| {
        let answer = w.ok("DescribeContainerInstances", json!({ "containerInstances": [arn] }));
        answer["containerInstances"][0]["capacityProviderName"].clone()
    };
    assert_eq!(shown(&inside), Value::Null, "the cluster does not have it");
    let put = json!({
        "cluster": "default", "capacityProviders": ["bare"], "defaultCapacityProviderStrategy": [],
    });
    w.ok("PutClusterCapacityProviders", put);
    assert_eq!((shown(&inside), shown(&outside)), (json!("bare"), Value::Null));
    let size = json!([{ "name": "CPU", "integerValue": 1024 }, { "name": "MEMORY", "integerValue": 1024 }]);
    w.ok("RegisterContainerInstance", json!({ "containerInstanceArn": inside, "totalResources": size }));
    assert_eq!(shown(&inside), json!("bare"), "official agents send such attributes the first time only");
}
