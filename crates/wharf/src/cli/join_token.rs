//! `wharf join-token`: what an agent on another machine joins with.

use super::output::{Row, line};
use super::{Common, Output};
use crate::clock::{RandomIds, SystemClock};
use crate::data_dir::{DataDir, Endpoint};
use crate::host::address;
use crate::join::{self, JoinToken, JoinTokens};
use anyhow::{Context, Result, bail};
use model::Timestamp;
use model::time::{Clock, IdSource};
use serde::Serialize;
use std::net::SocketAddr;
use std::process::ExitCode;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Options of `wharf join-token`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct JoinTokenCommand {
    #[command(subcommand)]
    others: Option<Others>,
    /// How long the token can be used
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=8760))]
    hours: u16,
    /// Where other machines reach this server [default: the address it listens on, or this machine's own]
    #[arg(long, value_name = "URL", value_parser = server_url)]
    server: Option<String>,
}

#[derive(clap::Subcommand)]
enum Others {
    /// List the tokens that are known
    Ls,
    /// Forget tokens, so that nobody joins with them any more; agents that have joined stay
    Revoke {
        /// Their ids: the second word of a token
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// All of them
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenRow {
    id: String,
    created_at: Timestamp,
    expires_at: Timestamp,
    is_expired: bool,
    #[serde(skip)]
    hours_left: i64,
}

impl Row for TokenRow {
    const HEAD: &'static [&'static str] = &["ID", "EXPIRES"];
    fn cells(&self) -> Vec<String> {
        let expires = match (self.is_expired, self.hours_left) {
            (true, _) => "expired".to_owned(),
            (false, 0) => "within the hour".to_owned(),
            (false, hours) => format!("in {hours} h"),
        };
        vec![self.id.clone(), expires]
    }
}

impl JoinTokenCommand {
    pub fn run(self, common: &Common) -> Result<ExitCode> {
        let data = common.data_dir()?;
        let tokens = JoinTokens::under(data.join_tokens());
        match &self.others {
            None => self.make(&data, &tokens, common.output)?,
            Some(Others::Ls) => list(&tokens, common.output)?,
            Some(Others::Revoke { ids, all }) => {
                let ids = match all {
                    true => tokens.list()?.into_iter().map(|token| token.id).collect(),
                    false => ids.clone(),
                };
                for id in &ids {
                    if !tokens.revoke(id)? {
                        bail!("there is no join token {id}; `wharf join-token ls` lists them");
                    }
                }
                let text = format!("{} token(s) revoked.", ids.len());
                common.output.one(&text, &serde_json::json!({ "revoked": ids }))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn make(&self, data: &DataDir, tokens: &JoinTokens, output: Output) -> Result<()> {
        let endpoint = data.endpoint()?;
        if endpoint.authority.is_some() {
            bail!("this machine has joined {}: tokens are made on the server's machine", endpoint.url);
        }
        let server = match &self.server {
            Some(server) => server.clone(),
            None => format!("https://{}", reachable(&endpoint)?),
        };
        let authority = data.authority_certificate();
        let pem = std::fs::read_to_string(&authority)
            .with_context(|| format!("reading {}; start this Wharf once", authority.display()))?;
        let random = [(); 3].map(|()| RandomIds.next_u128());
        let token = JoinToken::new(random, join::fingerprint(&pem)?);
        let now = SystemClock.now();
        let expires_at = Timestamp(now.0.saturating_add(i64::from(self.hours) * HOUR_MS));
        tokens.add(&token, now, expires_at)?;
        let command = format!("wharf agent --join {token} --server {server}");
        match output {
            Output::Text => {
                line("On the other machine, as root:\n")?;
                line(format_args!("  {command}\n"))?;
                line(format_args!("Any number of machines can join with it for {} h.", self.hours))?;
            }
            Output::Json => line(format_args!(
                "{:#}",
                serde_json::json!({
                    "token": token.to_string(),
                    "id": token.id,
                    "server": server,
                    "command": command,
                    "expiresAt": expires_at,
                })
            ))?,
        }
        Ok(())
    }
}

fn list(tokens: &JoinTokens, output: Output) -> Result<()> {
    let now = SystemClock.now();
    let row = |token: join::KnownToken| TokenRow {
        is_expired: token.is_over(now),
        hours_left: (token.expires_at.0 - now.0) / HOUR_MS,
        id: token.id,
        created_at: token.created_at,
        expires_at: token.expires_at,
    };
    output.rows(&tokens.list()?.into_iter().map(row).collect::<Vec<_>>())
}

/// Where other machines reach the server that was started last.
fn reachable(endpoint: &Endpoint) -> Result<SocketAddr> {
    let listens_on = endpoint.listens_on.context("start this Wharf once with this version")?;
    let ip = listens_on.ip();
    if ip.is_loopback() {
        bail!(
            "this Wharf listens on {listens_on}, which no other machine reaches; start it with --listen 0.0.0.0:{}, or say \
             --server if something forwards to it",
            listens_on.port()
        );
    }
    let ip = match ip.is_unspecified() {
        true => address::main().context("this machine has no address that others reach; say --server")?,
        false => ip,
    };
    Ok(SocketAddr::new(ip, listens_on.port()))
}

/// `https://HOST:PORT`, without a slash at its end.
pub fn server_url(text: &str) -> Result<String, String> {
    let url = text.trim_end_matches('/');
    let uri: http::Uri = url.parse().map_err(|error| format!("{error}"))?;
    let is_bare = matches!(uri.path_and_query().map(|p| p.as_str()), None | Some("/"));
    match uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty()) && is_bare {
        true => Ok(url.to_owned()),
        false => Err("it has to be https://HOST:PORT".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(listens_on: &str) -> Endpoint {
        Endpoint {
            url: String::new(),
            access_key_id: String::new(),
            secret_access_key: String::new(),
            region: String::new(),
            authority: None,
            listens_on: Some(listens_on.parse().unwrap()),
            joined_with: None,
        }
    }

    #[test]
    fn a_server_that_only_its_machine_reaches_is_not_offered() {
        assert_eq!(reachable(&endpoint("10.0.0.5:4566")).unwrap().to_string(), "10.0.0.5:4566");
        assert_eq!(reachable(&endpoint("[fd00::1]:4566")).unwrap().to_string(), "[fd00::1]:4566");
        let refused = reachable(&endpoint("127.0.0.1:4567")).expect_err("loopback").to_string();
        assert!(refused.contains("--listen 0.0.0.0:4567"), "{refused}");
    }

    #[test]
    fn a_server_is_an_https_url_of_a_host() {
        assert_eq!(server_url("https://wharf.example:4566/").unwrap(), "https://wharf.example:4566");
        for wrong in
            ["http://10.0.0.5:4566", "10.0.0.5:4566", "https://", "https://h:1/path", "https://h:1?x=y", ""]
        {
            assert!(server_url(wrong).is_err(), "{wrong}");
        }
    }
}
