//! What is refused of capacity providers and strategies: ECS's own sentences where its users quote them.

use wire::ApiError;
use wire::ecs::error;

/// Why. `Display` is the message that the caller reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CapacityRefusal {
    #[error(
        "The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters (upper and lowercase), numbers, underscores, and hyphens. The name cannot be prefixed with \"aws\", \"ecs\", or \"fargate\"."
    )]
    ProviderNameInvalid,
    #[error(
        "The specified capacity provider already exists. To change the configuration of an existing capacity provider, update the capacity provider."
    )]
    ProviderExists,
    #[error("The specified capacity provider does not exist. Specify a valid name or ARN and try again.")]
    ProviderMissing,
    #[error(
        "The specified capacity provider '{0}' was not found. Specify a valid capacity provider and try again."
    )]
    ProviderUnknown(String),
    #[error("The FARGATE and FARGATE_SPOT capacity providers are reserved and cannot be changed or deleted.")]
    ProviderReserved,
    #[error("The specified capacity provider is in use and cannot be removed.")]
    ProviderInUse,
    #[error("The maximum number of capacity providers per cluster has been exceeded.")]
    TooManyProviders,
    #[error(
        "The specified Auto Scaling group ARN is already being used by another capacity provider. Specify a unique Auto Scaling group ARN and try again."
    )]
    AutoScalingGroupInUse,
    #[error(
        "The specified Auto Scaling group is invalid. Specify its name, or an ARN of this account and Region, and try again."
    )]
    AutoScalingGroupInvalid,
    #[error("The capacity provider '{0}' is specified more than once in the capacity provider strategy.")]
    StrategyDuplicate(String),
    #[error("Only one capacity provider in a capacity provider strategy can have a base defined.")]
    StrategyBases,
    #[error(
        "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again."
    )]
    StrategyNotAssociated,
    #[error(
        "There are no capacity providers with a weight value greater than zero defined in the capacity provider strategy. At least one capacity provider must have a weight value greater than zero specified. Specify a valid capacity provider strategy and try again."
    )]
    StrategyWeights,
    #[error(
        "There are no capacity providers with a weight value greater than zero defined in the default capacity provider strategy. At least one capacity provider must have a weight value greater than zero specified. Update the cluster's default capacity provider strategy or specify a valid capacity provider strategy and try again."
    )]
    DefaultStrategyWeights,
    #[error(
        "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
    )]
    StrategyAndLaunchType,
    #[error(
        "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate providers. Specify one or the other and try again."
    )]
    StrategyMixed,
}

impl CapacityRefusal {
    /// With the code that ECS gives.
    pub fn into_api_error(self, message: String) -> ApiError {
        match self {
            Self::ProviderExists | Self::ProviderMissing | Self::AutoScalingGroupInUse => {
                error::client_exception(message)
            }
            Self::ProviderInUse => error::resource_in_use_exception(message),
            Self::ProviderNameInvalid
            | Self::ProviderUnknown(_)
            | Self::ProviderReserved
            | Self::TooManyProviders
            | Self::AutoScalingGroupInvalid
            | Self::StrategyDuplicate(_)
            | Self::StrategyBases
            | Self::StrategyNotAssociated
            | Self::StrategyWeights
            | Self::DefaultStrategyWeights
            | Self::StrategyAndLaunchType
            | Self::StrategyMixed => error::invalid_parameter_exception(message),
        }
    }
}
