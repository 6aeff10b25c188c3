//! Options of `up`, `server` and `agent`: each has those of the parts that it starts.

use super::join_token::server_url;
use super::up::Parts;
use crate::host::Offer;
use crate::host::address::hostname;
use crate::host::choice::{RuntimeChoice, RuntimeName};
use crate::host::join::Join;
use crate::join::{self, JoinToken};
use crate::server::ServerConfig;
use anyhow::{Result, bail};
use clap::Args;
use model::instance::ATTRIBUTE_AUTO_SCALING_GROUP;
use std::net::SocketAddr;
use std::time::Duration;

/// `wharf up`
#[derive(Args)]
pub struct Up {
    #[command(flatten)]
    server: Serving,
    #[command(flatten)]
    agent: Hosting,
    #[command(flatten)]
    life: Life,
}

/// `wharf server`
#[derive(Args)]
pub struct ServerOptions {
    #[command(flatten)]
    server: Serving,
    #[command(flatten)]
    life: Life,
}

/// `wharf agent`
#[derive(Args)]
pub struct AgentOptions {
    #[command(flatten)]
    join: Joining,
    #[command(flatten)]
    agent: Hosting,
    #[command(flatten)]
    life: Life,
}

#[derive(Args)]
struct Life {
    /// Use a temporary data directory; on exit every task is stopped and nothing is left behind
    #[arg(long)]
    ephemeral: bool,
}

/// The control plane.
#[derive(Args)]
struct Serving {
    /// Address and port of the AWS APIs, for HTTP and HTTPS alike
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4566")]
    listen: SocketAddr,
    /// On loopback only: any 12-digit access key id with the secret `test` is that account's administrator
    /// (the default with --ephemeral)
    #[arg(long)]
    trust_local_keys: bool,
    /// Region of the container instance, and what `wharf env` exports; fixed by the first start [default: us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Another name or address by which clients reach this server, for its certificate; may be repeated
    #[arg(long, value_name = "NAME")]
    tls_san: Vec<String>,
    /// Serve plain HTTP to other machines too, for all on the way to read; without this they have to use HTTPS
    #[arg(long)]
    allow_plain_http: bool,
    /// Seconds of silence, 0.5 to 600, after which an agent counts as disconnected [default: 2.5]
    #[arg(long, value_name = "SECONDS", value_parser = silence)]
    agent_lost_after: Option<Duration>,
}

/// The agent.
#[derive(Args)]
struct Hosting {
    /// What runs the containers; fixed by the first start [default: embedded]
    #[arg(long, value_enum)]
    runtime: Option<RuntimeName>,
    /// Address of the Docker Engine of this machine, for --runtime docker
    #[arg(long, value_name = "URL", env = "DOCKER_HOST", default_value = "unix:///var/run/docker.sock")]
    docker_host: String,
    /// The cluster to register this machine into
    #[arg(long, value_name = "NAME", default_value = "default")]
    cluster: String,
    /// The zone of this machine: tasks are spread over zones, and awsvpc tasks go where they have a subnet [default: the
    /// region's first, for tasks of every subnet]
    #[arg(long, value_name = "ZONE")]
    availability_zone: Option<String>,
    /// An attribute of this machine, for placement constraints; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = attribute)]
    attribute: Vec<(String, String)>,
    /// The Auto Scaling group that this machine counts as one of; capacity providers name it
    #[arg(long, value_name = "NAME")]
    auto_scaling_group: Option<String>,
}

/// The Wharf of another machine.
#[derive(Args)]
struct Joining {
    /// Join the Wharf of another machine with what `wharf join-token` printed there; ignored by a data directory that has
    /// joined with it before
    #[arg(long, value_name = "TOKEN", env = "WHARF_JOIN_TOKEN", hide_env_values = true, requires = "server")]
    join: Option<String>,
    /// Where that Wharf is
    #[arg(long, value_name = "URL", requires = "join", value_parser = server_url)]
    server: Option<String>,
    /// What the key that this agent gets is called [default: the name of this machine]
    #[arg(long, value_name = "NAME", requires = "join", value_parser = name)]
    name: Option<String>,
}

impl Up {
    pub fn parts(self) -> Parts {
        let ephemeral = self.life.ephemeral;
        Parts {
            server: Some(self.server.config(ephemeral)),
            agent: Some(self.agent.offer()),
            join: None,
            ephemeral,
        }
    }
}

impl ServerOptions {
    pub fn parts(self) -> Parts {
        let ephemeral = self.life.ephemeral;
        Parts { server: Some(self.server.config(ephemeral)), agent: None, join: None, ephemeral }
    }
}

impl AgentOptions {
    pub fn parts(self) -> Result<Parts> {
        let agent = Some(self.agent.offer());
        Ok(Parts { server: None, agent, join: self.join.join()?, ephemeral: self.life.ephemeral })
    }
}

impl Serving {
    fn config(self, ephemeral: bool) -> ServerConfig {
        ServerConfig {
            listen: self.listen,
            trust_local_keys: self.trust_local_keys || ephemeral,
            region: self.region,
            tls_names: self.tls_san,
            allow_plain_http: self.allow_plain_http,
            agent_lost_after: self.agent_lost_after,
        }
    }
}

impl Hosting {
    fn offer(self) -> Offer {
        let group = self.auto_scaling_group.map(|group| (ATTRIBUTE_AUTO_SCALING_GROUP.to_owned(), group));
        Offer {
            runtime: self.runtime.map(|name| RuntimeChoice::of(name, &self.docker_host)),
            cluster: self.cluster,
            availability_zone: self.availability_zone,
            attributes: self.attribute.into_iter().chain(group).collect(),
        }
    }
}

impl Joining {
    fn join(self) -> Result<Option<Join>> {
        let (Some(token), Some(server)) = (self.join, self.server) else { return Ok(None) };
        // Not the command line's to parse: it would repeat what is almost a secret.
        let token = token.parse::<JoinToken>()?;
        let own = || hostname().filter(|name| join::is_name(name));
        let Some(name) = self.name.or_else(own) else {
            bail!("the name of this machine cannot be that of its key; say --name");
        };
        Ok(Some(Join { token, server, name }))
    }
}

fn silence(text: &str) -> Result<Duration, String> {
    let secs = text.parse::<f64>().ok().filter(|secs| (0.5..=600.0).contains(secs));
    secs.map(Duration::from_secs_f64).ok_or_else(|| "it is a number from 0.5 to 600".to_owned())
}

fn name(text: &str) -> Result<String, String> {
    match join::is_name(text) {
        true => Ok(text.to_owned()),
        false => {
            Err(format!("it has 1 to {} letters, digits and characters of _+=,.@-", join::NAME_CHARS_MAX))
        }
    }
}

/// The most characters of an attribute's name, and of its value (ECS API Reference: Attribute).
const ATTRIBUTE_CHARS_MAX: usize = 128;

fn attribute(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it has to be NAME=VALUE")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_./\\".contains(c);
    let is_value = |c: char| is_name(c) || "@: ".contains(c);
    let is_long = |text: &str| text.is_empty() || text.chars().count() > ATTRIBUTE_CHARS_MAX;
    if is_long(name) || !name.chars().all(is_name) {
        return Err(format!(
            "a name has 1 to {ATTRIBUTE_CHARS_MAX} letters, digits and characters of -_./\\"
        ));
    }
    if ["ecs.", "com.amazonaws.ecs.", "wharf."].iter().any(|built_in| name.starts_with(built_in)) {
        return Err(format!("{name} is one of the names that the agent gives by itself"));
    }
    if is_long(value) || !value.chars().all(is_value) || value.trim() != value {
        return Err(format!(
            "a value has 1 to {ATTRIBUTE_CHARS_MAX} letters, digits, spaces inside and characters of -_.@:/\\"
        ));
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_a_number_of_seconds() {
        assert_eq!(silence("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["", "0.4", "601", "NaN", "inf", "-1", "2s"] {
            assert!(silence(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_attribute_is_a_name_and_a_value_of_the_owners_own() {
        assert_eq!(attribute("rack=eu 1/a").unwrap(), ("rack".into(), "eu 1/a".into()));
        for wrong in
            ["rack", "=a", "rack=a=b", "rack=", "r ack=a", "rack= a", "ecs.availability-zone=a", "wharf.x=y"]
        {
            assert!(attribute(wrong).is_err(), "{wrong}");
        }
        assert!(attribute(&format!("{}=v", "n".repeat(129))).is_err());
    }
}
