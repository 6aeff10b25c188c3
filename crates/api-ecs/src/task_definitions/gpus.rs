//! `resourceRequirements`: how many GPUs a container reserves (Amazon ECS API Reference: ResourceRequirement).

use super::Invalid;
use super::settings::Settings;
use wire::ecs::{ResourceRequirement, ResourceType};

/// The GPUs asked for; `None` when nothing is said of them.
pub(crate) fn parse(
    container: &str,
    requirements: Option<Vec<ResourceRequirement>>,
) -> Result<Option<u32>, Invalid> {
    let settings = Settings { container };
    let mut gpus = None;
    for requirement in requirements.unwrap_or_default() {
        if requirement.r#type == ResourceType::InferenceAccelerator {
            return Err(Invalid::unsupported("resourceRequirements of type InferenceAccelerator"));
        }
        let digits = requirement.value.bytes().all(|b| b.is_ascii_digit());
        let count = requirement.value.parse::<u32>().ok().filter(|&count| count > 0 && digits);
        let Some(count) = count else {
            return Err(settings.invalid("resourceRequirements", "A number of GPUs is a positive integer."));
        };
        if gpus.replace(count).is_some() {
            return Err(settings.invalid("resourceRequirements", "A type can be there only once."));
        }
    }
    Ok(gpus)
}
