//! Linux security modules: AppArmor profiles; SELinux labels are refused.
//! <https://docs.docker.com/engine/security/apparmor/>

use agent_driver::Security;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

const UNCONFINED: &str = "unconfined";

/// # Errors
/// What this host's kernel, or this runtime, cannot do.
pub(crate) fn check(security: &Security) -> Result<(), String> {
    if let Some(profile) = &security.apparmor
        && profile != UNCONFINED
        && !has_apparmor()
    {
        return Err(format!("apparmor={profile} cannot be applied: this host's kernel has no AppArmor"));
    }
    // Without labels there is nothing to disable.
    match security.labels.iter().find(|label| *label != "disable" && *label != "label=disable") {
        None => Ok(()),
        Some(label) if !Path::new("/sys/fs/selinux/enforce").exists() => {
            Err(format!("label={label} cannot be applied: this host's kernel has no SELinux"))
        }
        Some(label) => Err(format!("label={label} cannot be applied: SELinux labels are not supported")),
    }
}

/// Whether this host's kernel has AppArmor.
pub(crate) fn has_apparmor() -> bool {
    fs::read_to_string("/sys/module/apparmor/parameters/enabled").is_ok_and(|text| text.starts_with('Y'))
}

/// Puts what this process executes next under a profile. `/proc` is the kernel's own.
///
/// # Errors
/// A text that names the profile: it was not loaded, say.
pub(crate) fn change_profile_on_exec(profile: &str) -> Result<(), String> {
    let order = format!("exec {profile}");
    let write = |path: &str| match fs::OpenOptions::new().write(true).open(path) {
        Ok(mut file) => std::io::Write::write_all(&mut file, order.as_bytes()),
        Err(e) => Err(e),
    };
    match write("/proc/thread-self/attr/apparmor/exec") {
        Err(e) if e.kind() == ErrorKind::NotFound && profile == UNCONFINED => Ok(()),
        // Before Linux 5.8 there was one file for all modules.
        Err(e) if e.kind() == ErrorKind::NotFound => write("/proc/thread-self/attr/exec"),
        other => other,
    }
    .map_err(|e| format!("apparmor={profile} cannot be applied: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_lacks_is_refused_by_name() {
        let labelled = |label: &str| Security { labels: vec![label.to_owned()], ..Security::default() };
        assert_eq!(check(&Security::default()), Ok(()));
        assert_eq!(check(&labelled("disable")), Ok(()));
        assert!(
            check(&labelled("type:container_t")).unwrap_err().starts_with("label=type:container_t cannot")
        );
        let confined = |profile: &str| Security { apparmor: Some(profile.to_owned()), ..Security::default() };
        assert_eq!(check(&confined("unconfined")), Ok(()));
        if !has_apparmor() {
            assert!(check(&confined("mine")).unwrap_err().contains("apparmor=mine"));
        }
    }
}
