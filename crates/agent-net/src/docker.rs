//! Peace with Docker: it drops what is forwarded and not its own, and no table of ours can accept what another drops.
//! `DOCKER-USER` is the chain that it keeps for others' rules:
//! <https://docs.docker.com/engine/network/packet-filtering-firewalls/>

use crate::config::LINK_PREFIX;
use std::io;
use std::process::Command;

const CHAIN: &str = "DOCKER-USER";

/// Lets what comes from and goes to tasks pass, where something drops what is forwarded. Idempotent.
pub fn ensure() {
    match drops() {
        Ok(Drops::Docker) => {
            for direction in ["-i", "-o"] {
                if let Err(error) = accept(direction) {
                    tracing::warn!(%error, "Docker drops what tasks send to each other and to the outside");
                }
            }
        }
        Ok(Drops::Other) => tracing::warn!(
            "the firewall drops what tasks send to each other and to the outside; let it pass with: \
             iptables -I FORWARD -i {LINK_PREFIX}+ -j ACCEPT; iptables -I FORWARD -o {LINK_PREFIX}+ -j ACCEPT"
        ),
        Ok(Drops::Nobody) => {}
        // No iptables, so neither Docker nor another that uses it.
        Err(error) => tracing::debug!(%error, "cannot see whether a firewall drops what is forwarded"),
    }
}

/// Takes our rules back. Idempotent.
pub fn remove() {
    if !matches!(drops(), Ok(Drops::Docker)) {
        return;
    }
    for direction in ["-i", "-o"] {
        while rule("-D", direction).is_ok() {}
    }
}

enum Drops {
    Docker,
    Other,
    Nobody,
}

fn drops() -> io::Result<Drops> {
    let rules = iptables(&["-S"])?;
    let has = |line: String| rules.lines().any(|rule| rule == line);
    Ok(if has(format!("-N {CHAIN}")) {
        Drops::Docker
    } else if has("-P FORWARD DROP".into()) {
        Drops::Other
    } else {
        Drops::Nobody
    })
}

fn accept(direction: &str) -> io::Result<()> {
    rule("-C", direction).or_else(|_| rule("-I", direction)).map(drop)
}

fn rule(action: &str, direction: &str) -> io::Result<String> {
    iptables(&[action, CHAIN, direction, &format!("{LINK_PREFIX}+"), "-j", "ACCEPT"])
}

fn iptables(args: &[&str]) -> io::Result<String> {
    let output = Command::new("iptables").arg("-w").args(args).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(io::Error::other(format!("iptables: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
