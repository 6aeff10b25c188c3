use super::{Row, check, containers, containers_with, ec2};
use serde_json::{Value, json};

const HOST_MODE: fn() -> Value = || json!({ "networkMode": "host" });
const AWSVPC: fn() -> Value = || json!({ "networkMode": "awsvpc" });

#[test]
fn port_mappings() {
    let of = |mapping: Value| json!({ "portMappings": [mapping] });
    let range = "Invalid 'containerPortRange' setting for container 'app'. It must be FIRST-LAST, two ports between 1 \
                 and 65535, the first less than the last.";
    let both = "Invalid setting for container 'app'. You cannot specify both single port and port range.";
    let ranges = |text: &str| of(json!({ "containerPortRange": text }));
    containers(&[
        (of(json!({ "containerPort": 80 })), ""),
        (of(json!({ "containerPort": 80, "hostPort": 0 })), ""),
        (of(json!({ "containerPort": 80, "hostPort": 8080, "protocol": "udp" })), ""),
        (of(json!({ "containerPort": 80, "name": "web", "appProtocol": "http2" })), ""),
        (of(json!({})), "Invalid setting for container 'app'. 'containerPort' must be between 1 and 65535."),
        (
            of(json!({ "containerPort": 80, "hostPort": 65_536 })),
            "Invalid setting for container 'app'. 'hostPort' must be between 0 and 65535.",
        ),
        (ranges("8000-8100"), ""),
        (ranges("1-65535"), ""),
        (ranges("8100-8000"), range),
        (ranges("80-80"), range),
        (ranges("0-80"), range),
        (ranges("80"), range),
        (ranges("80-65536"), range),
        (ranges("a-b"), range),
        (ranges("+1-2"), range),
        (ranges("1-2-3"), range),
        (of(json!({ "containerPort": 80, "containerPortRange": "80-81" })), both),
        (of(json!({ "hostPort": 80, "containerPortRange": "80-81" })), both),
    ]);
}

#[test]
fn port_mappings_of_each_network_mode() {
    let used = "Invalid setting for container 'app'. The container port 80 is used multiple times in task.";
    let of = |mappings: Value| json!({ "portMappings": mappings });
    let range = json!([{ "containerPortRange": "80-81" }]);
    let twice = json!([{ "containerPort": 80 }, { "containerPort": 80 }]);
    let both_ways = json!([{ "containerPort": 80 }, { "containerPort": 80, "protocol": "udp" }]);
    let overlap = json!([{ "containerPortRange": "70-90" }, { "containerPort": 80 }]);
    let other_host_port = json!([{ "containerPort": 80, "hostPort": 81 }]);
    let many: Vec<_> =
        (0..101).map(|n| json!({ "containerPortRange": format!("{}-{}", n * 2 + 1, n * 2 + 2) })).collect();
    containers(&[
        (of(json!([{ "containerPort": 80, "hostPort": 81 }, { "containerPort": 80, "hostPort": 82 }])), ""),
        (
            of(json!([{ "containerPort": 80, "hostPort": 81 }, { "containerPort": 82, "hostPort": 81 }])),
            "Invalid setting for container 'app'. The host port 81 is used multiple times in task.",
        ),
        (of(overlap.clone()), used),
        (of(json!(many[..100])), ""),
        (
            of(json!(many)),
            "Invalid 'containerPortRange' setting for container 'app'. A container can have at most 100 port ranges.",
        ),
    ]);
    containers_with(
        HOST_MODE(),
        &[
            (
                of(range.clone()),
                "Invalid 'containerPortRange' setting for container 'app'. It is supported when networkMode is bridge \
                 or awsvpc.",
            ),
            (of(twice.clone()), used),
            (of(both_ways.clone()), ""),
            (
                of(other_host_port.clone()),
                "When networkMode=host, the host ports and container ports in port mappings must match.",
            ),
        ],
    );
    containers_with(
        AWSVPC(),
        &[
            (of(range.clone()), ""),
            (of(twice), used),
            (of(both_ways), ""),
            (of(overlap), used),
            (of(json!([{ "containerPort": 80, "hostPort": 80 }])), ""),
            (
                of(other_host_port),
                "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
            ),
        ],
    );
    containers_with(
        json!({ "networkMode": "none" }),
        &[(of(range), "Port mappings are not supported when networkMode=none.")],
    );
}

#[test]
fn ports_and_their_names_are_the_tasks() {
    let two = |mode: &str, a: Value, b: Value| {
        let container =
            |name: &str, m: Value| json!({ "name": name, "image": "i", "memory": 64, "portMappings": [m] });
        ec2(json!({ "networkMode": mode, "containerDefinitions": [container("a", a), container("b", b)] }))
    };
    let port = |n: i32| json!({ "containerPort": n });
    let fixed = json!({ "containerPort": 80, "hostPort": 80 });
    let named = |n: i32| json!({ "containerPort": n, "name": "web" });
    let rows = [
        (two("bridge", port(80), port(80)), ""),
        (
            two("bridge", fixed.clone(), fixed),
            "Invalid setting for container 'b'. The host port 80 is used multiple times in task.",
        ),
        (
            two("awsvpc", port(80), port(80)),
            "Invalid setting for container 'b'. The container port 80 is used multiple times in task.",
        ),
        (two("awsvpc", port(80), port(81)), ""),
        (
            two("bridge", named(80), named(81)),
            "Invalid setting for container 'b'. The port mapping name 'web' is already used.",
        ),
    ];
    check(rows.map(|(definition, message)| (definition, message.to_owned())));
}

#[test]
fn names_and_addresses() {
    let host_name =
        |name: &str| format!("Invalid 'hostname' setting for container 'app'. Invalid host name: '{name}'.");
    let long = "x".repeat(64);
    let (spaced, longest, dotted) = (host_name("a b"), host_name(&long), host_name("a..b"));
    let host =
        |name: &str, address: &str| json!({ "extraHosts": [{ "hostname": name, "ipAddress": address }] });
    let link = "Invalid 'links' setting for container 'app'. It must be NAME or NAME:ALIAS: 'a:'.";
    containers(&[
        (json!({ "hostname": "web-1.example.com" }), ""),
        (json!({ "hostname": "" }), ""),
        (json!({ "hostname": "a b" }), &spaced),
        (json!({ "hostname": long }), &longest),
        (json!({ "hostname": "a..b" }), &dotted),
        (host("db", "10.0.0.1"), ""),
        (host("db", "fd00::1"), ""),
        (host("db", "x"), "Invalid 'extraHosts' setting for container 'app'. Invalid IP address: 'x'."),
        (
            host("d b", "10.0.0.1"),
            "Invalid 'extraHosts' setting for container 'app'. Invalid host name: 'd b'.",
        ),
        (json!({ "dnsServers": ["8.8.8.8", "fd00::1"] }), ""),
        (
            json!({ "dnsServers": ["8.8.8"] }),
            "Invalid 'dnsServers' setting for container 'app'. Invalid IP address: '8.8.8'.",
        ),
        (json!({ "dnsSearchDomains": ["example.com"] }), ""),
        (
            json!({ "dnsSearchDomains": ["a b"] }),
            "Invalid 'dnsSearchDomains' setting for container 'app'. Invalid domain: 'a b'.",
        ),
        (json!({ "disableNetworking": true }), ""),
        (json!({ "links": ["a:"] }), link),
    ]);
}

#[test]
fn containers_that_share_a_network_have_no_part_of_their_own() {
    let members: [Row<'_>; 5] = [
        (json!({ "hostname": "a" }), "hostname is not supported on container when networkMode=awsvpc."),
        (
            json!({ "dnsServers": ["10.0.0.1"] }),
            "DNS servers are not supported on container when networkMode=awsvpc.",
        ),
        (
            json!({ "dnsSearchDomains": ["a"] }),
            "DNS search domains are not supported on container when networkMode=awsvpc.",
        ),
        (
            json!({ "extraHosts": [{ "hostname": "a", "ipAddress": "10.0.0.1" }] }),
            "Extra hosts are not supported on container when networkMode=awsvpc.",
        ),
        (
            json!({ "disableNetworking": true }),
            "Disable Networking is not supported on container when networkMode=awsvpc.",
        ),
    ];
    containers_with(AWSVPC(), &members);
    let taken = members.map(|(changes, _)| (changes, ""));
    containers_with(HOST_MODE(), &taken);
    containers_with(json!({ "networkMode": "none" }), &taken);
    for mode in ["awsvpc", "host", "none"] {
        let message = format!("Links are not supported when networkMode={mode}.");
        containers_with(json!({ "networkMode": mode }), &[(json!({ "links": ["b"] }), &message)]);
    }
}
