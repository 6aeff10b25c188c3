//! A task of a payload, member by member.

use super::docker::{Config, HostConfig};
use super::structures;
use serde_json::Value;
use std::collections::BTreeMap;

structures! {
    /// One of `tasks[]`.
    pub struct Task {
        arn: String,
        desired_status: String,
        family: String,
        version: String,
        task_cluster_arn: String,
        service_name: String,
        group: String,
        launch_type: String,
        task_definition_account_id: String,
        zone: String,
        network_mode: String,
        containers: Vec<Container>,
        volumes: Vec<Volume>,
        cpu: f64,
        memory: i64,
        role_credentials: RoleCredentials,
        execution_role_credentials: RoleCredentials,
        elastic_network_interfaces: Vec<NetworkInterface>,
        pid_mode: String,
        ipc_mode: String,
        proxy_configuration: Value,
        associations: Vec<Association>,
        attachments: Vec<super::Attachment>,
        enable_fault_injection: bool,
    }

    /// One of `containers[]`.
    pub struct Container {
        name: String,
        image: String,
        container_arn: String,
        cpu: u32,
        memory: u32,
        essential: bool,
        entry_point: Vec<String>,
        command: Vec<String>,
        environment: BTreeMap<String, String>,
        environment_files: Vec<Value>,
        overrides: String,
        port_mappings: Vec<PortMapping>,
        mount_points: Vec<MountPoint>,
        volumes_from: Vec<VolumeFrom>,
        links: Vec<String>,
        depends_on: Vec<Dependency>,
        start_timeout: u32,
        stop_timeout: u32,
        restart_policy: RestartPolicy,
        health_check_type: String,
        secrets: Vec<Value>,
        registry_authentication: Value,
        logs_auth_strategy: String,
        managed_agents: Vec<Value>,
        firelens_configuration: Value,
        credential_specs: Vec<String>,
        docker_config: DockerConfig,
    }

    /// `dockerConfig`: two documents inside strings.
    pub struct DockerConfig { version: String, config: String, host_config: String, }

    /// `portMappings[]`.
    pub struct PortMapping {
        container_port: u16,
        container_port_range: String,
        host_port: u16,
        protocol: String,
    }

    /// `dependsOn[]`.
    pub struct Dependency { container_name: String, condition: String, }

    /// `mountPoints[]`.
    pub struct MountPoint { source_volume: String, container_path: String, read_only: bool, }

    /// `volumesFrom[]`.
    pub struct VolumeFrom { source_container: String, read_only: bool, }

    /// `restartPolicy`.
    pub struct RestartPolicy { enabled: bool, ignored_exit_codes: Vec<i32>, restart_attempt_period: u32, }

    /// `volumes[]`.
    pub struct Volume {
        name: String,
        #[serde(rename = "type")]
        kind: String,
        host: Host,
        docker_volume_configuration: DockerVolume,
        efs_volume_configuration: Value,
    }

    /// `host`.
    pub struct Host { source_path: String, }

    /// `dockerVolumeConfiguration`.
    pub struct DockerVolume {
        scope: String,
        autoprovision: bool,
        driver: String,
        driver_opts: BTreeMap<String, String>,
        labels: BTreeMap<String, String>,
    }

    /// `associations[]`.
    pub struct Association {
        name: String,
        #[serde(rename = "type")]
        kind: String,
        content: Value,
        containers: Vec<String>,
    }

    /// A set of keys.
    pub struct RoleCredentials {
        credentials_id: String,
        role_arn: String,
        access_key_id: String,
        secret_access_key: String,
        session_token: String,
        expiration: String,
        credential_scope: String,
    }

    /// `elasticNetworkInterfaces[]`.
    pub struct NetworkInterface {
        ec2_id: String,
        mac_address: String,
        attachment_arn: String,
        ipv4_addresses: Vec<PrivateAddress>,
        ipv6_addresses: Vec<Value>,
        subnet_gateway_ipv4_address: String,
        domain_name_servers: Vec<String>,
        domain_name: Vec<String>,
        private_dns_name: String,
        interface_association_protocol: String,
        interface_vlan_properties: Value,
        index: i64,
        name: String,
    }

    /// `ipv4Addresses[]`.
    pub struct PrivateAddress { primary: bool, private_address: String, }
}

impl Container {
    /// The document that is laid over Docker's `Config`.
    ///
    /// # Errors
    /// When it is no such document.
    pub fn config(&self) -> Result<Config, String> {
        let text = self.docker_config.as_ref().and_then(|d| d.config.as_deref()).unwrap_or("{}");
        serde_json::from_str(text).map_err(|e| format!("dockerConfig.config: {e}"))
    }

    /// The document that is laid over Docker's `HostConfig`.
    ///
    /// # Errors
    /// When it is no such document.
    pub fn host_config(&self) -> Result<HostConfig, String> {
        let text = self.docker_config.as_ref().and_then(|d| d.host_config.as_deref()).unwrap_or("{}");
        serde_json::from_str(text).map_err(|e| format!("dockerConfig.hostConfig: {e}"))
    }
}
