//! What a container's processes may do.

use super::Unacceptable;
use acs::payload::HostConfig;
use agent_driver::Security;

pub(super) fn read(host: &HostConfig) -> Result<Security, Unacceptable> {
    let mut security = Security {
        privileged: host.privileged,
        capabilities_add: host.cap_add.clone(),
        capabilities_drop: host.cap_drop.clone(),
        ..Security::default()
    };
    for option in &host.security_opt {
        read_option(&mut security, option)
            .ok_or_else(|| Unacceptable(format!("the security option {option:?} is not supported")))?;
    }
    Ok(security)
}

/// As Docker's `--security-opt` takes them, `NAME=VALUE` or, as before, `NAME:VALUE`.
fn read_option(security: &mut Security, option: &str) -> Option<()> {
    let (name, value) = option.split_once(['=', ':']).unwrap_or((option, ""));
    match (name, value) {
        ("no-new-privileges", "" | "true") => security.no_new_privileges = true,
        ("no-new-privileges", "false") => security.no_new_privileges = false,
        ("apparmor", profile) if !profile.is_empty() => security.apparmor = Some(profile.to_owned()),
        ("label", label) if !label.is_empty() => security.labels.push(label.to_owned()),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_options(options: &[&str]) -> Result<Security, Unacceptable> {
        let security_opt = options.iter().map(|o| (*o).to_owned()).collect();
        read(&HostConfig { security_opt, ..HostConfig::default() })
    }

    #[test]
    fn security_options_are_read_or_refused_by_name() {
        let security = read_options(&["no-new-privileges", "apparmor:mine", "label=type:svirt_t"]).unwrap();
        assert!(security.no_new_privileges);
        assert_eq!(security.apparmor.as_deref(), Some("mine"));
        assert_eq!(security.labels, ["type:svirt_t"]);
        for option in ["seccomp=unconfined", "credentialspec:x", "no-new-privileges:maybe", "label="] {
            let error = read_options(&[option]).unwrap_err();
            assert_eq!(error.0, format!("the security option {option:?} is not supported"));
        }
    }
}
