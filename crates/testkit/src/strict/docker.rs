//! The two Docker documents (Docker Engine API: ContainerCreate), the members that a control plane may send.

use serde::Deserialize;
use std::collections::BTreeMap;

macro_rules! documents {
    ($($(#[$doc:meta])* pub struct $name:ident { $($(#[$member:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
        #[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
        #[allow(missing_docs)]
        pub struct $name { $($(#[$member])* pub $field: Option<$type>,)* }
    )+};
}

documents! {
    /// `Config`.
    pub struct Config {
        user: String,
        working_dir: String,
        hostname: String,
        domainname: String,
        labels: BTreeMap<String, String>,
        tty: bool,
        open_stdin: bool,
        stop_signal: String,
        network_disabled: bool,
        healthcheck: Healthcheck,
    }

    /// `Healthcheck`: times in nanoseconds.
    pub struct Healthcheck {
        test: Vec<String>,
        interval: i64,
        timeout: i64,
        start_period: i64,
        retries: i64,
    }

    /// `HostConfig`.
    pub struct HostConfig {
        network_mode: String,
        log_config: LogConfig,
        cap_add: Vec<String>,
        cap_drop: Vec<String>,
        privileged: bool,
        readonly_rootfs: bool,
        ulimits: Vec<Ulimit>,
        sysctls: BTreeMap<String, String>,
        shm_size: i64,
        tmpfs: BTreeMap<String, String>,
        devices: Vec<Device>,
        init: bool,
        dns: Vec<String>,
        dns_search: Vec<String>,
        extra_hosts: Vec<String>,
        security_opt: Vec<String>,
        memory_reservation: i64,
        memory_swap: i64,
        memory_swappiness: i64,
        pid_mode: String,
    }

    /// `LogConfig`.
    pub struct LogConfig {
        #[serde(rename = "Type")]
        driver: String,
        config: BTreeMap<String, String>,
    }

    /// `Ulimits[]`.
    pub struct Ulimit { name: String, soft: i64, hard: i64, }

    /// `Devices[]`.
    pub struct Device { path_on_host: String, path_in_container: String, cgroup_permissions: String, }
}
