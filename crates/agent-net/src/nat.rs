//! Forwarding, and NAT for what leaves the block. Without them tasks of one subnet still reach each other and the
//! host, so a host that refuses is only warned of.

use crate::config::HostNetworkConfig;
use crate::error::{HostError, Step};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const IP_FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";

/// Forwards and translates from now on. Idempotent. The host's own setting of `ip_forward` is remembered until
/// [`remove`].
pub fn ensure(config: &HostNetworkConfig) {
    if let Err(error) = ensure_forwarding(&remembered(config)) {
        tracing::warn!(%error, "no forwarding: tasks reach only their own subnet");
    }
    if let Err(error) = nft(&script(config)) {
        tracing::warn!(%error, "no NAT: tasks cannot reach the outside");
    }
}

/// Removes the table and restores `ip_forward` when it was us who changed it. Idempotent.
pub fn remove(config: &HostNetworkConfig) -> Result<(), HostError> {
    // Declaring it first makes deleting a missing table no error.
    if let Err(error) = nft(&format!("table ip {0}\ndelete table ip {0}\n", config.table)) {
        tracing::warn!(%error, "nft cannot be asked to remove the table");
    }
    let remembered = remembered(config);
    match fs::read_to_string(&remembered) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        before => {
            before.and_then(|before| fs::write(IP_FORWARD, before)).step(|| "restore ip_forward".into())?;
        }
    }
    fs::remove_file(remembered).step(|| "forget ip_forward".into())
}

fn remembered(config: &HostNetworkConfig) -> PathBuf {
    config.state_dir.join("ip_forward")
}

fn ensure_forwarding(remembered: &Path) -> io::Result<()> {
    let before = fs::read_to_string(IP_FORWARD)?;
    if before.trim() == "1" {
        return Ok(());
    }
    fs::write(remembered, before)?;
    fs::write(IP_FORWARD, "1\n")
}

/// One transaction that replaces the whole table.
fn script(config: &HostNetworkConfig) -> String {
    let (table, bridge, vpc) = (&config.table, &config.bridge, config.vpc_cidr());
    format!(
        "table ip {table}\n\
         delete table ip {table}\n\
         table ip {table} {{\n\
           chain postrouting {{\n\
             type nat hook postrouting priority srcnat; policy accept;\n\
             ip saddr {vpc} ip daddr != {vpc} oifname != \"{bridge}\" masquerade\n\
           }}\n\
         }}\n"
    )
}

fn nft(script: &str) -> io::Result<()> {
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| io::Error::new(e.kind(), format!("nft: {e}")))?;
    if let Some(mut stdin) = nft.stdin.take() {
        stdin.write_all(script.as_bytes())?;
    }
    let output = nft.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("nft: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
