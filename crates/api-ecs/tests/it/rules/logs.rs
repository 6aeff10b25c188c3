use super::{containers, fargate_containers};
use serde_json::{Value, json};

fn log(driver: &str, options: Value) -> Value {
    json!({ "logConfiguration": { "logDriver": driver, "options": options } })
}

#[test]
fn awslogs() {
    let of = |changes: Value| {
        let mut options = json!({ "awslogs-group": "g", "awslogs-region": "r" });
        crate::world::lay_over(&mut options, changes);
        log("awslogs", options)
    };
    containers(&[
        (of(json!({ "awslogs-create-group": "true", "awslogs-stream-prefix": "p" })), ""),
        (of(json!({ "mode": "non-blocking", "max-buffer-size": "25m" })), ""),
        (of(json!({ "awslogs-datetime-format": "%Y" })), ""),
        (of(json!({ "awslogs-multiline-pattern": "^INFO" })), ""),
        (
            of(json!({ "awslogs-datetime-format": "%Y", "awslogs-multiline-pattern": "^INFO" })),
            "Log driver awslogs cannot have both awslogs-datetime-format and awslogs-multiline-pattern.",
        ),
        (of(json!({ "awslogs-group": null })), "Log driver awslogs requires options: awslogs-group"),
        (
            of(json!({ "awslogs-multiline-pattern": "" })),
            "Invalid value '' for the option 'awslogs-multiline-pattern' of log driver awslogs.",
        ),
        (
            of(json!({ "awslogs-create-group": "yes" })),
            "Invalid value 'yes' for the option 'awslogs-create-group' of log driver awslogs.",
        ),
        (
            of(json!({ "max-buffer-size": "0" })),
            "Invalid value '0' for the option 'max-buffer-size' of log driver awslogs.",
        ),
        (
            of(json!({ "awslogs-endpoint": "https://x" })),
            "Wharf does not support the awslogs options awslogs-endpoint yet.",
        ),
        (of(json!({ "max-size": "1m" })), "Log driver awslogs disallows options: max-size"),
    ]);
    fargate_containers(&[
        (of(json!({})), "Log driver awslogs requires options: awslogs-stream-prefix"),
        (of(json!({ "awslogs-stream-prefix": "p" })), ""),
    ]);
}

#[test]
fn json_file() {
    let of = |options| log("json-file", options);
    containers(&[
        (json!({ "logConfiguration": { "logDriver": "json-file" } }), ""),
        (of(json!({ "max-size": "10m", "max-file": "3", "labels": "a,b", "env": "A" })), ""),
        (of(json!({ "max-file": "1" })), ""),
        (of(json!({ "max-file": "2" })), "Log driver json-file requires options: max-size"),
        (
            of(json!({ "max-file": "0" })),
            "Invalid value '0' for the option 'max-file' of log driver json-file.",
        ),
        (
            of(json!({ "max-size": "ten" })),
            "Invalid value 'ten' for the option 'max-size' of log driver json-file.",
        ),
        (
            of(json!({ "compress": "true", "tag": "t" })),
            "Wharf does not support the json-file options compress, tag yet.",
        ),
        (of(json!({ "awslogs-group": "g" })), "Log driver json-file disallows options: awslogs-group"),
    ]);
}

#[test]
fn fluentd() {
    let of = |options| log("fluentd", options);
    let addresses = ["localhost:24224", "tcp://fluentd", "unix:///run/fluentd.sock"];
    containers(&addresses.map(|address| (of(json!({ "fluentd-address": address })), "")));
    containers(&[
        (of(json!({})), ""),
        (
            of(json!({
                "fluentd-async": "true", "fluentd-sub-second-precision": "true", "fluentd-request-ack": "false",
                "tag": "app.{{.ID}}", "labels": "a", "env": "A",
            })),
            "",
        ),
        (
            of(json!({ "fluentd-async-connect": "false", "mode": "non-blocking", "max-buffer-size": "1m" })),
            "",
        ),
        (of(json!({ "tag": "{{ .Name }}/{{.FullID}}/{{.ImageName}}" })), ""),
        (of(json!({ "tag": "{{.ImageID}}" })), "Wharf does not support the log tag '{{.ImageID}}' yet."),
        (of(json!({ "tag": "{{.ID" })), "Wharf does not support the log tag '{{.ID' yet."),
        (
            of(json!({ "fluentd-async": "true", "fluentd-async-connect": "true" })),
            "Log driver fluentd cannot have both fluentd-async and fluentd-async-connect.",
        ),
        (
            of(json!({ "fluentd-address": "host:port" })),
            "Invalid value 'host:port' for the option 'fluentd-address' of log driver fluentd.",
        ),
        (
            of(json!({ "fluentd-request-ack": "1" })),
            "Invalid value '1' for the option 'fluentd-request-ack' of log driver fluentd.",
        ),
        (
            of(json!({ "fluentd-retry-wait": "1s" })),
            "Wharf does not support the fluentd options fluentd-retry-wait yet.",
        ),
    ]);
}

#[test]
fn other_drivers() {
    containers(&[
        (json!({ "logConfiguration": { "logDriver": "none" } }), ""),
        (log("none", json!({ "mode": "blocking" })), "Log driver none disallows options: mode"),
    ]);
    for driver in ["syslog", "journald", "gelf", "splunk", "awsfirelens"] {
        let message = format!("Wharf does not support logDriver '{driver}' yet.");
        containers(&[(log(driver, json!({})), &message)]);
    }
}
