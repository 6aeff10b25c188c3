//! The query strings with which an agent opens its two links.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters, as signatures need it.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path after the polled endpoint, of both links.
pub const PATH: &str = "/ws";

/// The value of [`AcsQuery::docker_version`] of an agent that runs its containers, and ships their logs, without Docker.
pub const DOCKER_VERSION_NONE: &str = "DockerVersion: none";

/// The query of an ACS upgrade.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcsQuery {
    /// The configured cluster: a name or an ARN.
    pub cluster: String,
    /// From the registration.
    pub container_instance_arn: String,
    /// The agent's version.
    pub agent_version: String,
    /// The agent's commit.
    pub agent_hash: String,
    /// What runs the containers, with the prefix `DockerVersion: `.
    pub docker_version: String,
    /// 2: the agent expects links that miss heartbeats' acknowledgements to be dropped.
    pub protocol_version: u32,
    /// Ask for the credentials of all tasks anew: the agent has just started.
    pub send_credentials: bool,
}

/// The query of a TCS upgrade.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TcsQuery {
    /// The configured cluster: a name or an ARN.
    pub cluster: String,
    /// From the registration.
    pub container_instance: String,
    /// The agent's version.
    pub agent_version: String,
    /// The agent's commit.
    pub agent_hash: String,
    /// What runs the containers.
    pub docker_version: String,
}

impl AcsQuery {
    /// As the official agent writes it: by name, percent-encoded, with `+` for a space.
    pub fn encode(&self) -> String {
        join(&[
            ("agentHash", &self.agent_hash),
            ("agentVersion", &self.agent_version),
            ("clusterArn", &self.cluster),
            ("containerInstanceArn", &self.container_instance_arn),
            ("dockerVersion", &self.docker_version),
            ("protocolVersion", &self.protocol_version.to_string()),
            ("sendCredentials", if self.send_credentials { "true" } else { "false" }),
            ("seqNum", "1"),
        ])
    }

    /// Reads a query; what is absent or not understood is empty, 0 or false.
    pub fn decode(query: &str) -> Self {
        let value = |name| value_of(query, name);
        Self {
            cluster: value("clusterArn"),
            container_instance_arn: value("containerInstanceArn"),
            agent_version: value("agentVersion"),
            agent_hash: value("agentHash"),
            docker_version: value("dockerVersion"),
            protocol_version: value("protocolVersion").parse().unwrap_or(0),
            send_credentials: value("sendCredentials") == "true",
        }
    }
}

impl TcsQuery {
    /// As the official agent writes it: by name, percent-encoded, with `+` for a space.
    pub fn encode(&self) -> String {
        join(&[
            ("agentHash", &self.agent_hash),
            ("agentVersion", &self.agent_version),
            ("cluster", &self.cluster),
            ("containerInstance", &self.container_instance),
            ("dockerVersion", &self.docker_version),
        ])
    }

    /// Reads a query; what is absent is empty.
    pub fn decode(query: &str) -> Self {
        let value = |name| value_of(query, name);
        Self {
            cluster: value("cluster"),
            container_instance: value("containerInstance"),
            agent_version: value("agentVersion"),
            agent_hash: value("agentHash"),
            docker_version: value("dockerVersion"),
        }
    }
}

fn join(pairs: &[(&str, &str)]) -> String {
    let encode = |value| utf8_percent_encode(value, QUERY).to_string().replace("%20", "+");
    pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

fn value_of(query: &str, name: &str) -> String {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let Some((_, value)) = pairs.find(|(key, _)| *key == name) else { return String::new() };
    // A `+` is a space.
    percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned()
}
