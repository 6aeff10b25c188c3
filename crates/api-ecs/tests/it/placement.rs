//! Placement constraints and strategies, and capacity provider strategies, of RunTask and StartTask: where tasks go, and
//! what is refused. How hosts are chosen is tested in `core-place`.

use crate::world::{World, fargate, host, lay_over};
use model::network::DefaultVpc;
use serde_json::{Value, json};

/// A cluster with an instance for each rack, and the family `api` for EC2, which leaves room for many.
fn racks(racks: &[&str]) -> (World, Vec<String>) {
    let w = World::new();
    w.ok("CreateCluster", json!({}));
    let register = |rack: &&str| w.register_agent_with("default", 8192, 16384, &[("rack", rack)]);
    let instances = racks.iter().map(register).collect();
    let app = json!({ "name": "app", "image": "i", "cpu": 64, "memory": 64 });
    w.ok("RegisterTaskDefinition", host("api", json!({ "containerDefinitions": [app] })));
    (w, instances)
}

/// How many tasks each instance got.
fn counts(answer: &Value, instances: &[String]) -> Vec<usize> {
    let tasks = answer["tasks"].as_array().expect("tasks");
    let on = |arn: &String| tasks.iter().filter(|t| t["containerInstanceArn"] == json!(arn)).count();
    instances.iter().map(on).collect()
}

fn run(w: &World, changes: Value) -> Value {
    let mut request = json!({ "taskDefinition": "api" });
    lay_over(&mut request, changes);
    w.ok("RunTask", request)
}

#[test]
fn member_of_keeps_tasks_on_the_instances_that_match() {
    let (w, instances) = racks(&["a", "b"]);
    let on = |expression: &str| json!([{ "type": "memberOf", "expression": expression }]);
    let answer = run(&w, json!({ "count": 4, "placementConstraints": on("attribute:rack == b") }));
    assert_eq!(counts(&answer, &instances), [0, 4]);
    let answer = run(&w, json!({ "placementConstraints": on("attribute:rack == c") }));
    assert_eq!(answer["tasks"], json!([]));
    let failure = &answer["failures"][0];
    assert_eq!(failure["arn"], json!(instances[0]));
    assert_eq!(failure["reason"], "MemberOf placement constraint unsatisfied.");
    assert!(failure["detail"].as_str().is_some_and(|detail| detail.contains("memberOf")), "{failure}");
}

#[test]
fn distinct_instance_gives_each_task_of_a_group_an_instance_of_its_own() {
    let (w, instances) = racks(&["a", "b"]);
    let request = json!({ "count": 3, "placementConstraints": [{ "type": "distinctInstance" }] });
    let answer = run(&w, request);
    assert_eq!(counts(&answer, &instances), [1, 1]);
    assert_eq!(answer["failures"][0]["reason"], "DistinctInstance placement constraint unsatisfied.");
    let other = json!({ "group": "g", "placementConstraints": [{ "type": "distinctInstance" }] });
    assert_eq!(run(&w, other)["failures"], json!([]), "another group");
}

#[test]
fn a_strategy_says_which_instance_is_the_best() {
    let of = |strategy: Value| {
        let (w, instances) = racks(&["a", "a", "b"]);
        let mut counts = counts(&run(&w, json!({ "count": 4, "placementStrategy": strategy })), &instances);
        counts[..2].sort_unstable();
        counts
    };
    for field in ["cpu", "CPU", "memory"] {
        let counts = of(json!([{ "type": "binpack", "field": field }]));
        assert_eq!(counts.iter().max(), Some(&4), "{field}: all on one of {counts:?}");
    }
    assert_eq!(of(json!([{ "type": "spread", "field": "attribute:rack" }])), [1, 1, 2]);
    for field in ["instanceId", "host"] {
        assert_eq!(of(json!([{ "type": "spread", "field": field }])).iter().max(), Some(&2), "{field}");
    }
    let chained =
        json!([{ "type": "spread", "field": "attribute:rack" }, { "type": "binpack", "field": "memory" }]);
    assert_eq!(of(chained), [0, 2, 2]);
}

/// Amazon ECS: API failure reasons.
#[test]
fn an_awsvpc_task_goes_where_it_has_a_subnet() {
    let w = World::new();
    w.ok("CreateCluster", json!({}));
    let register = |zone| w.register_agent_with("default", 8192, 16384, &[("ecs.availability-zone", zone)]);
    let instances = ["us-east-1a", "us-east-1b"].map(register);
    let subnets = DefaultVpc::of(&w.scope).subnets.map(|subnet| subnet.id.to_string());
    let app = json!({ "name": "app", "image": "i", "cpu": 64, "memory": 64 });
    let awsvpc = json!({ "networkMode": "awsvpc", "containerDefinitions": [app] });
    w.ok("RegisterTaskDefinition", host("api", awsvpc));
    let network = |subnets: &[String]| json!({ "awsvpcConfiguration": { "subnets": subnets } });
    let answer = run(&w, json!({ "count": 3, "networkConfiguration": network(&subnets[1..]) }));
    assert_eq!(counts(&answer, &instances), [0, 3]);
    // Wherever it goes, the subnet is the one there, before its interface is made, too.
    let answer = run(&w, json!({ "count": 4, "group": "g", "networkConfiguration": network(&subnets) }));
    assert_eq!(counts(&answer, &instances), [2, 2]);
    for task in answer["tasks"].as_array().expect("tasks") {
        let at = usize::from(task["containerInstanceArn"] == json!(instances[1]));
        assert_eq!(task["availabilityZone"], ["us-east-1a", "us-east-1b"][at]);
        assert_eq!(task["attachments"][0]["details"][0], json!({ "name": "subnetId", "value": subnets[at] }));
    }
    let chosen = json!({
        "taskDefinition": "api", "containerInstances": instances, "networkConfiguration": network(&subnets[1..]),
    });
    let started = w.ok("StartTask", chosen);
    assert_eq!(counts(&started, &instances), [0, 1]);
    assert_eq!(started["failures"], json!([{ "arn": instances[0], "reason": "LOCATION" }]));
    w.ok("DeregisterContainerInstance", json!({ "containerInstance": instances[1], "force": true }));
    let answer = run(&w, json!({ "networkConfiguration": network(&subnets[1..]) }));
    assert_eq!(answer["failures"][0]["reason"], "LOCATION");
    // Nobody named the zone of this one; it shows the first of the region.
    let anywhere = w.register_agent("default", 8192, 16384);
    let answer = run(&w, json!({ "networkConfiguration": network(&subnets[1..]) }));
    assert_eq!(counts(&answer, &[anywhere]), [1]);
    assert_eq!(answer["tasks"][0]["availabilityZone"], "us-east-1b");
}

#[test]
fn a_random_strategy_draws_anew_for_each_call() {
    let (w, instances) = racks(&["a", "b", "c", "d"]);
    let request = json!({ "placementStrategy": [{ "type": "random", "field": "not used" }] });
    let chosen = (0..40).map(|_| counts(&run(&w, request.clone()), &instances));
    let total = chosen.fold(vec![0; 4], |sum, one| sum.iter().zip(one).map(|(a, b)| a + b).collect());
    assert!(total.iter().all(|n| *n > 0), "each of four is chosen in 40 draws: {total:?}");
}

#[test]
fn the_definition_has_constraints_of_its_own() {
    let (w, instances) = racks(&["a", "b"]);
    let on = |rack: &str| json!([{ "type": "memberOf", "expression": format!("attribute:rack == {rack}") }]);
    let definition = host("pinned", json!({ "placementConstraints": on("b") }));
    w.check(
        "RegisterTaskDefinition",
        definition,
        json!({ "taskDefinition": { "placementConstraints": on("b") } }),
    );
    let answer = run(&w, json!({ "taskDefinition": "pinned", "count": 2 }));
    assert_eq!(counts(&answer, &instances), [0, 2]);
    let both = run(&w, json!({ "taskDefinition": "pinned", "placementConstraints": on("a") }));
    assert_eq!(both["tasks"], json!([]), "both have to hold");
    w.check(
        "StartTask",
        json!({ "taskDefinition": "pinned", "containerInstances": instances }),
        json!({
            "tasks": [{ "containerInstanceArn": instances[1] }],
            "failures": [{ "arn": instances[0], "reason": "MemberOf placement constraint unsatisfied." }],
        }),
    );
}

#[test]
fn what_is_no_definition_with_constraints_is_refused() {
    let w = World::new();
    let member_of = json!({ "type": "memberOf", "expression": "attribute:rack == b" });
    let with = |constraints: Value| host("web", json!({ "placementConstraints": constraints }));
    for (definition, expected) in [
        (
            with(json!([{ "type": "distinctInstance" }])),
            "constraint.type 'distinctInstance' is not supported.",
        ),
        (
            with(json!([{ "expression": "attribute:a exists" }])),
            "constraint.type should not be null or empty.",
        ),
        (with(json!([{ "type": "memberOf" }])), "constraint.expression should not be null or empty."),
        (with(json!(vec![member_of.clone(); 11])), "placementConstraints can have at most 10 items."),
        (
            fargate("web", json!({ "placementConstraints": [member_of] })),
            "Fargate compatible task definitions do not support placementConstraints.",
        ),
    ] {
        let expected = format!("ClientException: {expected}");
        assert_eq!(w.err("RegisterTaskDefinition", definition.clone()), expected, "{definition}");
    }
    let broken = with(json!([{ "type": "memberOf", "expression": "attribute:rack ==" }]));
    let error = w.err("RegisterTaskDefinition", broken);
    assert!(
        error.starts_with("ClientException: Invalid expression: ") && error.contains("character"),
        "{error}"
    );
    let mut unrestricted = fargate("web", json!({ "requiresCompatibilities": null }));
    unrestricted["placementConstraints"] = json!([member_of]);
    let compatibilities =
        w.ok("RegisterTaskDefinition", unrestricted)["taskDefinition"]["compatibilities"].clone();
    assert_eq!(compatibilities, json!(["EC2"]));
}

#[test]
fn what_is_no_placement_is_refused() {
    let (w, _) = racks(&["a"]);
    let nine = json!([{ "type": "memberOf", "expression": "attribute:rack == a" }]);
    let nine = vec![nine[0].clone(); 9];
    w.ok("RegisterTaskDefinition", host("nine", json!({ "placementConstraints": nine })));
    w.ok("RegisterTaskDefinition", fargate("web", json!({})));
    let distinct = json!({ "type": "distinctInstance" });
    let binpack = json!({ "type": "binpack", "field": "cpu" });
    let constraints = |list: Value| json!({ "placementConstraints": list });
    let strategy = |list: Value| json!({ "placementStrategy": list });
    let on_fargate = |mut changes: Value| {
        lay_over(
            &mut changes,
            json!({ "taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": w.network() }),
        );
        changes
    };
    let mut too_many_together = constraints(json!([distinct, distinct]));
    too_many_together["taskDefinition"] = json!("nine");
    let before = w.store.snapshot().revision();
    for (changes, expected) in [
        (constraints(json!(vec![distinct.clone(); 11])), "placementConstraints can have at most 10 items."),
        (too_many_together, "placementConstraints can have at most 10 items."),
        (constraints(json!([{}])), "placementConstraints.type cannot be empty."),
        (
            constraints(json!([{ "type": "distinctInstance", "expression": "attribute:a exists" }])),
            "An expression cannot be specified for a placement constraint of type 'distinctInstance'.",
        ),
        (constraints(json!([{ "type": "memberOf" }])), "placementConstraints.expression cannot be empty."),
        (strategy(json!(vec![binpack.clone(); 6])), "placementStrategy can have at most 5 items."),
        (strategy(json!([{ "field": "cpu" }])), "placementStrategy.type cannot be empty."),
        (strategy(json!([{ "type": "spread" }])), "placementStrategy.field cannot be empty."),
        (
            strategy(json!([{ "type": "binpack", "field": "disk" }])),
            "Invalid field 'disk' for the placement strategy 'binpack': it should be cpu or memory.",
        ),
        (
            strategy(json!([{ "type": "spread", "field": "rack" }])),
            "Invalid field 'rack' for the placement strategy 'spread': it should be instanceId, host, or attribute: and an \
             attribute's name.",
        ),
        (
            // No attribute is called so.
            strategy(json!([{ "type": "spread", "field": "attribute:a\0b" }])),
            "Invalid field 'attribute:a\0b' for the placement strategy 'spread': it should be instanceId, host, or attribute: \
             and an attribute's name.",
        ),
        (
            on_fargate(constraints(json!([distinct]))),
            "Placement constraints are not supported with FARGATE launch type.",
        ),
        (
            on_fargate(strategy(json!([binpack]))),
            "Placement strategies are not supported with FARGATE launch type.",
        ),
    ] {
        let mut request = json!({ "taskDefinition": "api" });
        lay_over(&mut request, changes);
        let expected = format!("InvalidParameterException: {expected}");
        assert_eq!(w.err("RunTask", request.clone()), expected, "{request}");
    }
    let broken = json!({
        "taskDefinition": "api", "placementConstraints": [{ "type": "memberOf", "expression": "a b" }],
    });
    let error = w.err("RunTask", broken);
    assert!(error.starts_with("InvalidParameterException: Invalid expression: "), "{error}");
    assert_eq!(w.store.snapshot().revision(), before, "nothing was written");
}

/// A cluster whose capacity providers are FARGATE, FARGATE_SPOT and two groups, `metal` with two instances and `cloud` with
/// one.
fn providers() -> (World, Vec<String>) {
    let w = World::with_agent();
    let group =
        |name: &str| w.register_agent_with("default", 2048, 4096, &[("wharf.auto-scaling-group", name)]);
    let instances = ["metal", "metal", "cloud"].map(group).to_vec();
    for name in ["metal", "cloud", "empty"] {
        let group = json!({ "autoScalingGroupArn": name });
        w.ok("CreateCapacityProvider", json!({ "name": name, "autoScalingGroupProvider": group }));
    }
    put_default(&w, json!([]));
    w.ok("RegisterTaskDefinition", fargate("web", json!({})));
    w.ok("RegisterTaskDefinition", host("api", json!({})));
    (w, instances)
}

fn put_default(w: &World, strategy: Value) {
    let providers = ["FARGATE", "FARGATE_SPOT", "metal", "cloud", "empty"];
    let request = json!({
        "cluster": "default", "capacityProviders": providers, "defaultCapacityProviderStrategy": strategy,
    });
    w.ok("PutClusterCapacityProviders", request);
}

fn item(name: &str, weight: u32, base: u32) -> Value {
    json!({ "capacityProvider": name, "weight": weight, "base": base })
}

fn provider_names(answer: &Value) -> Vec<&str> {
    let tasks = answer["tasks"].as_array().expect("tasks");
    tasks.iter().map(|t| t["capacityProviderName"].as_str().unwrap_or("")).collect()
}

#[test]
fn tasks_are_shared_out_by_base_and_weight() {
    let (w, instances) = providers();
    let strategy = json!([item("FARGATE", 1, 2), item("FARGATE_SPOT", 1, 0)]);
    let answer = run(
        &w,
        json!({
            "taskDefinition": "web", "count": 4, "capacityProviderStrategy": strategy,
            "networkConfiguration": w.network(), "platformVersion": "LATEST",
        }),
    );
    assert_eq!(provider_names(&answer), ["FARGATE", "FARGATE", "FARGATE", "FARGATE_SPOT"]);
    assert_eq!(answer["tasks"][3]["launchType"], "FARGATE");

    let answer = run(
        &w,
        json!({ "count": 3, "capacityProviderStrategy": [item("metal", 2, 0), item("cloud", 1, 0)] }),
    );
    assert_eq!(provider_names(&answer), ["metal", "metal", "cloud"]);
    assert_eq!(counts(&answer, &instances), [1, 1, 1]);
    assert_eq!(answer["tasks"][0]["launchType"], "EC2");
}

#[test]
fn a_capacity_provider_without_instances_is_empty() {
    let (w, instances) = providers();
    let on = |name: &str| json!({ "capacityProviderStrategy": [item(name, 1, 0)] });
    let answer = run(&w, on("empty"));
    assert_eq!(
        (&answer["tasks"], &answer["failures"][0]["reason"]),
        (&json!([]), &json!("EMPTY CAPACITY PROVIDER"))
    );
    let drain = json!({ "containerInstances": [instances[2]], "status": "DRAINING" });
    w.ok("UpdateContainerInstancesState", drain);
    assert_eq!(run(&w, on("cloud"))["failures"][0]["reason"], "NO ACTIVE INSTANCES");
}

#[test]
fn the_default_strategy_is_for_orders_that_name_no_launch_type() {
    let (w, _) = providers();
    assert_eq!(provider_names(&run(&w, json!({}))), [""], "there is none yet");
    put_default(&w, json!([item("cloud", 1, 0)]));
    assert_eq!(provider_names(&run(&w, json!({}))), ["cloud"]);
    assert_eq!(provider_names(&run(&w, json!({ "launchType": "EC2" }))), [""]);
    let own = json!({ "capacityProviderStrategy": [item("metal", 1, 0)] });
    assert_eq!(provider_names(&run(&w, own)), ["metal"]);
    let used =
        json!({ "cluster": "default", "capacityProviders": [], "defaultCapacityProviderStrategy": [] });
    assert_eq!(
        w.err("PutClusterCapacityProviders", used),
        "ResourceInUseException: The specified capacity provider is in use and cannot be removed."
    );
}

#[test]
fn what_is_no_capacity_is_refused() {
    let (w, _) = providers();
    w.ok("CreateCluster", json!({ "clusterName": "bare" }));
    put_default(&w, json!([item("metal", 0, 1)]));
    let by = |strategy: Value| json!({ "capacityProviderStrategy": strategy });
    let with = |mut changes: Value, more: Value| {
        lay_over(&mut changes, more);
        changes
    };
    let weights = "defined in the capacity provider strategy. At least one capacity provider must have a weight value greater \
                   than zero specified. Specify a valid capacity provider strategy and try again.";
    let default = "defined in the default capacity provider strategy. At least one capacity provider must have a weight value \
                   greater than zero specified. Update the cluster's default capacity provider strategy or specify a valid \
                   capacity provider strategy and try again.";
    let no_weights =
        |rest: &str| format!("There are no capacity providers with a weight value greater than zero {rest}");
    for (changes, expected) in [
        (
            with(by(json!([item("metal", 1, 0)])), json!({ "launchType": "EC2" })),
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.".into(),
        ),
        (
            with(by(json!([item("metal", 1, 0)])), json!({ "cluster": "bare" })),
            "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the \
             cluster. Associate the capacity provider with the cluster and try again.".into(),
        ),
        (
            by(json!([item("metal", 1, 0), item("FARGATE", 1, 0)])),
            "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate \
             providers. Specify one or the other and try again.".into(),
        ),
        (by(json!([item("metal", 0, 0), item("cloud", 0, 0)])), no_weights(weights)),
        (json!({}), no_weights(default)),
        (
            by(json!([item("FARGATE", 1, 0)])),
            "Task definition does not support launch_type FARGATE.".into(),
        ),
        (
            with(by(json!([item("metal", 1, 0)])), json!({ "platformVersion": "LATEST" })),
            "The platform version must be null when specifying an EC2 launch type.".into(),
        ),
    ] {
        let mut request = json!({ "taskDefinition": "api" });
        lay_over(&mut request, changes);
        let expected: String = expected;
        assert_eq!(w.err("RunTask", request.clone()), format!("InvalidParameterException: {expected}"), "{request}");
    }
}
