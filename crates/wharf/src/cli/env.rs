//! `wharf env`: what the AWS clients need, as shell exports.

use super::output::{Output, line};
use super::{Common, client};
use anyhow::{Context, Result};
use model::Scope;
use model::network::DefaultVpc;
use std::process::ExitCode;

/// Options of `wharf env`.
#[derive(clap::Args)]
pub struct Env {}

impl Env {
    pub fn run(self, common: &Common) -> Result<ExitCode> {
        let endpoint = client::local_endpoint(common)?;
        let vpc = DefaultVpc::of(&Scope::new(crate::server::ACCOUNT, &endpoint.region));
        let subnets = vpc.subnets.each_ref().map(|s| s.id.to_string()).join(",");
        let bundle = common.data_dir()?.authority_certificate();
        let mut variables = vec![
            ("AWS_ENDPOINT_URL", endpoint.url.as_str()),
            ("AWS_ACCESS_KEY_ID", &endpoint.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &endpoint.secret_access_key),
            ("AWS_REGION", &endpoint.region),
            ("AWS_DEFAULT_REGION", &endpoint.region),
            // StartLiveTail goes to another host at AWS, and 127.0.0.1 has no names below it.
            ("AWS_DISABLE_HOST_PREFIX_INJECTION", "true"),
            ("WHARF_SUBNETS", &subnets),
            ("WHARF_SECURITY_GROUP", vpc.security_group.as_str()),
        ];
        if endpoint.authority.is_some() {
            variables
                .push(("AWS_CA_BUNDLE", bundle.to_str().context("the data directory's path is no text")?));
        }
        match common.output {
            Output::Text => {
                for (name, value) in variables {
                    line(format_args!("export {name}={}", quoted(value)))?;
                }
            }
            Output::Json => {
                let map: serde_json::Map<_, _> =
                    variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).into())).collect();
                line(format_args!("{:#}", serde_json::Value::Object(map)))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A word that any POSIX shell reads as itself.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_quote_in_a_value_stays_a_quote() {
        assert_eq!(super::quoted("a'b"), r"'a'\''b'");
    }
}
