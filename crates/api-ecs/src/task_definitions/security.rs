//! `dockerSecurityOptions` (Amazon ECS API Reference: ContainerDefinition).

use super::Invalid;
use super::settings::Settings;

/// The documented forms: `no-new-privileges`, `apparmor:PROFILE` and `label:VALUE`, with `:` or Docker's `=`.
/// `credentialspec:` is for Active Directory, which Wharf has not.
pub(super) fn check(settings: Settings<'_>, options: &[String]) -> Result<(), Invalid> {
    options.iter().try_for_each(|option| match option.split_once([':', '=']) {
        None if option == "no-new-privileges" => Ok(()),
        Some(("no-new-privileges", "true" | "false")) => Ok(()),
        Some(("apparmor" | "label", value)) if !value.is_empty() && !value.contains(char::is_control) => {
            Ok(())
        }
        Some(("credentialspec", _)) => Err(Invalid::unsupported("dockerSecurityOptions 'credentialspec'")),
        _ => Err(settings.invalid("dockerSecurityOptions", format!("Invalid option: '{option}'."))),
    })
}
