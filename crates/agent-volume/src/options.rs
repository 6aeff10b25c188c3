//! Options of Docker's volume driver `local`: `type`, `device` and `o`.
//! <https://docs.docker.com/reference/cli/docker/volume/create/#opt>

use agent_host::mount_flag;
use nix::mount::MsFlags;
use std::collections::BTreeMap;
use std::net::{IpAddr, ToSocketAddrs};

/// What `mount` takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) kind: String,
    pub(crate) device: String,
    pub(crate) flags: MsFlags,
    pub(crate) data: String,
}

/// `None` without options: then the volume is a directory.
///
/// # Errors
/// What Docker would refuse it for.
pub(crate) fn parse(opts: &BTreeMap<String, String>) -> Result<Option<Options>, String> {
    if opts.is_empty() {
        return Ok(None);
    }
    if let Some(unknown) = opts.keys().find(|name| !matches!(name.as_str(), "type" | "device" | "o" | "size"))
    {
        return Err(format!("invalid option: {unknown:?}"));
    }
    if opts.contains_key("size") {
        return Err("quota size requested but no quota support".to_owned());
    }
    for required in ["device", "type"] {
        if opts.get(required).is_none_or(String::is_empty) {
            return Err(format!("missing required option: {required:?}"));
        }
    }
    let (flags, data) = flags_and_data(opts.get("o").map_or("", String::as_str))?;
    Ok(Some(Options { kind: opts["type"].clone(), device: opts["device"].clone(), flags, data }))
}

/// As `mount` reads them: words that are flags of the kernel, and the rest for the file system.
fn flags_and_data(text: &str) -> Result<(MsFlags, String), String> {
    let mut flags = MsFlags::empty();
    let mut data = Vec::new();
    for option in text.split(',').filter(|option| !option.is_empty()) {
        match option {
            // It would change a mount that others use.
            "remount" => return Err(format!("invalid option: {option:?}")),
            // The host's mounts and the volume's stay apart in any case.
            "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" | "unbindable"
            | "runbindable" => {
                return Err(format!("invalid option: {option:?}: a volume has no propagation of its own"));
            }
            _ => match flag(option) {
                Some((flag, on)) => flags.set(flag, on),
                None => data.push(option),
            },
        }
    }
    Ok((flags, data.join(",")))
}

fn flag(option: &str) -> Option<(MsFlags, bool)> {
    match option {
        "bind" => Some((MsFlags::MS_BIND, true)),
        "rbind" => Some((MsFlags::MS_BIND.union(MsFlags::MS_REC), true)),
        _ => mount_flag(option),
    }
}

impl Options {
    /// With the address of a server instead of its name: the kernel looks up none.
    pub(crate) fn resolved(&self) -> Result<String, String> {
        let name = self.data.split(',').find_map(|option| option.strip_prefix("addr="));
        let Some(name) = name.filter(|name| {
            matches!(self.kind.as_str(), "nfs" | "nfs4" | "cifs") && name.parse::<IpAddr>().is_err()
        }) else {
            return Ok(self.data.clone());
        };
        let failed = |why: String| format!("error resolving passed in network volume address: {why}");
        let mut found = (name, 0).to_socket_addrs().map_err(|error| failed(error.to_string()))?;
        let address = found.next().ok_or_else(|| failed(format!("lookup {name}: no such host")))?.ip();
        Ok(self.data.replacen(&format!("addr={name}"), &format!("addr={address}"), 1))
    }

    /// For messages.
    pub(crate) fn data_without_password(&self) -> String {
        let hide = |option: &str| match option.split_once('=') {
            Some(("password" | "pass", _)) => "password=********".to_owned(),
            _ => option.to_owned(),
        };
        self.data.split(',').map(hide).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opts(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn flags_are_told_from_what_the_file_system_reads() {
        let parsed =
            parse(&opts(&[("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m,ro,noexec,rw,uid=7")]));
        assert_eq!(
            parsed.unwrap().unwrap(),
            Options {
                kind: "tmpfs".to_owned(),
                device: "tmpfs".to_owned(),
                flags: MsFlags::MS_NOEXEC,
                data: "size=1m,uid=7".to_owned(),
            }
        );
        assert_eq!(parse(&BTreeMap::new()), Ok(None));
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        let refusal = |entries: &[(&str, &str)]| parse(&opts(entries)).unwrap_err();
        assert_eq!(refusal(&[("volume", "x")]), "invalid option: \"volume\"");
        assert_eq!(refusal(&[("type", "nfs")]), "missing required option: \"device\"");
        assert_eq!(refusal(&[("device", "/x")]), "missing required option: \"type\"");
        assert_eq!(refusal(&[("type", ""), ("device", "/x")]), "missing required option: \"type\"");
        assert_eq!(refusal(&[("o", "bind")]), "missing required option: \"device\"");
        assert_eq!(refusal(&[("size", "10G")]), "quota size requested but no quota support");
        let remount = refusal(&[("type", "none"), ("device", "/x"), ("o", "bind,remount")]);
        assert_eq!(remount, "invalid option: \"remount\"");
    }

    #[test]
    fn servers_are_looked_up_and_passwords_hidden() {
        let parsed = |o| parse(&opts(&[("type", "nfs"), ("device", ":/x"), ("o", o)])).unwrap().unwrap();
        assert_eq!(parsed("addr=10.0.0.1,nfsvers=4").resolved().unwrap(), "addr=10.0.0.1,nfsvers=4");
        let local = parsed("nfsvers=4,addr=localhost").resolved().unwrap();
        assert!(local == "nfsvers=4,addr=127.0.0.1" || local == "nfsvers=4,addr=::1", "{local}");
        assert_eq!(parsed("user=a,password=b").data_without_password(), "user=a,password=********");
    }
}
