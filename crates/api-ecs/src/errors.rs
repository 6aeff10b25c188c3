//! Refusals, and the one place where they become AWS's errors: code, HTTP status and message as ECS gives them.

use crate::task_definitions::Invalid;
use model::InstanceId;
use store::StoreError;
use wire::ApiError;
use wire::ecs::error;

/// Why a request is refused. `Display` is the message that the caller reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    // Names and ARNs.
    #[error("Invalid identifier: Unexpected number of separators")]
    UnexpectedSeparators,
    #[error("Invalid Region in ARN")]
    OtherRegion,
    #[error("Identifier is for {named}. Your accountId is {used}")]
    OtherAccount { named: String, used: String },
    #[error("Identifier is for cluster {named}. Your cluster is {used}")]
    OtherCluster { named: String, used: String },
    #[error("taskId length should be one of [32,36]")]
    TaskIdLength,
    #[error("Task Identifier is invalid")]
    TaskIdInvalid,
    #[error("containerInstanceId length should be one of [32,36]")]
    InstanceIdLength,
    #[error("Invalid task definition: Invalid family name.")]
    FamilyInvalid,
    #[error("Revision is missing.")]
    RevisionMissing,
    #[error("Invalid revision number. Number: {0}")]
    RevisionInvalid(String),

    // Lists.
    #[error("Invalid token.")]
    TokenInvalid,
    #[error("maxResults should be between 1 and {0}.")]
    ResultsMax(i32),
    #[error("{0} cannot be empty.")]
    Empty(&'static str),
    #[error("{what} can have at most {most} items.")]
    TooMany { what: &'static str, most: usize },

    // Tags.
    #[error("Tag key and value cannot be null.")]
    TagIncomplete,
    #[error("Tag keys must not start with 'aws:', which is reserved for AWS use: {0}")]
    TagReserved(String),
    #[error("Duplicate tag keys found: {0}")]
    TagDuplicate(String),
    #[error("The maximum number of tags for a resource is {}.", model::tag::TAGS_MAX)]
    TooManyTags,
    #[error("The ARN provided is invalid.")]
    ResourceArnInvalid,
    #[error("Long arn format must be used for tagging operations")]
    ResourceArnShort,
    #[error("The specified {0} is not found.")]
    ResourceNotFound(&'static str),

    // Clusters.
    #[error("Cluster name contains invalid characters.")]
    ClusterNameInvalid,
    #[error("Cluster not found.")]
    ClusterNotFound,
    #[error("The referenced cluster was inactive.")]
    ClusterInactive,
    #[error("Invalid setting '{0}'.")]
    ClusterSetting(&'static str),
    #[error(
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
    )]
    ClusterExistsOtherwise,
    #[error("The Cluster cannot be deleted while Container Instances are active or draining.")]
    ClusterContainsInstances,
    #[error("The Cluster cannot be deleted while Tasks are active.")]
    ClusterContainsTasks,

    // Capacity providers. ECS's own sentences where its users quote them.
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

    // Task definitions.
    #[error(transparent)]
    Definition(#[from] Invalid),
    #[error("Unable to describe task definition.")]
    DefinitionNotDescribed,
    #[error("Unable to deregister task definition.")]
    DefinitionNotDeregistered,
    #[error("The task definition could not be deregistered because it is in the process of being deleted.")]
    DefinitionBeingDeleted,

    // Tasks.
    #[error("TaskDefinition not found.")]
    DefinitionNotFound,
    #[error("TaskDefinition is inactive")]
    DefinitionInactive,
    #[error("{0}")]
    Parameter(String),
    #[error("Placement {0} are not supported with FARGATE launch type.")]
    FargatePlacement(&'static str),
    #[error("The specified platform does not exist.")]
    PlatformUnknown,
    #[error(
        "The RunTask request could not be processed due to conflicts. The provided clientToken is already in use with a different RunTask request."
    )]
    ClientTokenInUse { tasks: Vec<String> },
    #[error("No Container Instances were found in your cluster.")]
    NoInstances,
    #[error("The referenced task was not found.")]
    TaskNotFound,
    #[error("Service not found.")]
    ServiceNotFound,

    // Container instances.
    #[error("Container Instances cannot be empty.")]
    InstancesEmpty,
    #[error("The referenced container instance was not found.")]
    InstanceNotFound,
    #[error("Found running tasks on the instance.")]
    InstanceHasTasks,
    #[error(
        "Container instance type changes are not supported. The tasks on container instance {0} hold more than it registers now."
    )]
    InstanceTooSmall(InstanceId),
    #[error("Container instance {0} is inactive.")]
    InstanceInactive(InstanceId),

    #[error("The specified target was not found.")]
    TargetNotFound,
    #[error("A container instance can have at most 10 custom attributes.")]
    TooManyAttributes,
    #[error("There is no update available for the container agent: an agent of Wharf is updated with Wharf.")]
    NoUpdateAvailable,
    #[error("The version of the container agent is not known.")]
    AgentVersionMissing,

    /// The journal failed.
    #[error("The service could not save your request. Try again later.")]
    Store(#[from] StoreError),
}

impl Refusal {
    /// An InvalidParameterException with its own sentence.
    pub fn parameter(message: impl Into<String>) -> Self {
        Self::Parameter(message.into())
    }

    /// A member that is known but not honoured, by its name.
    pub fn unsupported(what: &str) -> Self {
        Self::Parameter(format!("Wharf does not support {what} yet."))
    }

    /// AWS's code.
    #[cfg(test)]
    pub fn code(&self) -> &'static str {
        ApiError::from(self.clone()).code
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        let message = refusal.to_string();
        match refusal {
            Refusal::UnexpectedSeparators
            | Refusal::OtherRegion
            | Refusal::OtherAccount { .. }
            | Refusal::OtherCluster { .. }
            | Refusal::TaskIdLength
            | Refusal::TaskIdInvalid
            | Refusal::InstanceIdLength
            | Refusal::FamilyInvalid
            | Refusal::RevisionInvalid(_)
            | Refusal::TokenInvalid
            | Refusal::ResultsMax(_)
            | Refusal::Empty(_)
            | Refusal::TooMany { .. }
            | Refusal::TagIncomplete
            | Refusal::TagReserved(_)
            | Refusal::TagDuplicate(_)
            | Refusal::TooManyTags
            | Refusal::ResourceArnInvalid
            | Refusal::ResourceArnShort
            | Refusal::ResourceNotFound(_)
            | Refusal::ClusterNameInvalid
            | Refusal::ClusterSetting(_)
            | Refusal::ClusterExistsOtherwise
            | Refusal::ProviderNameInvalid
            | Refusal::ProviderUnknown(_)
            | Refusal::ProviderReserved
            | Refusal::TooManyProviders
            | Refusal::AutoScalingGroupInvalid
            | Refusal::StrategyDuplicate(_)
            | Refusal::StrategyBases
            | Refusal::StrategyNotAssociated
            | Refusal::StrategyMixed
            | Refusal::StrategyWeights
            | Refusal::DefaultStrategyWeights
            | Refusal::StrategyAndLaunchType
            | Refusal::FargatePlacement(_)
            | Refusal::Parameter(_)
            | Refusal::DefinitionInactive
            | Refusal::NoInstances
            | Refusal::TaskNotFound
            | Refusal::InstanceNotFound
            | Refusal::InstanceHasTasks => error::invalid_parameter_exception(message),
            Refusal::RevisionMissing
            | Refusal::ProviderExists
            | Refusal::ProviderMissing
            | Refusal::AutoScalingGroupInUse
            | Refusal::Definition(_)
            | Refusal::DefinitionNotDescribed
            | Refusal::DefinitionNotDeregistered
            | Refusal::DefinitionBeingDeleted
            | Refusal::DefinitionNotFound
            | Refusal::InstancesEmpty
            | Refusal::InstanceTooSmall(_)
            | Refusal::InstanceInactive(_) => error::client_exception(message),
            Refusal::ClusterNotFound | Refusal::ClusterInactive => {
                error::cluster_not_found_exception(message)
            }
            Refusal::ProviderInUse => error::resource_in_use_exception(message),
            Refusal::ClusterContainsInstances => {
                error::cluster_contains_container_instances_exception(message)
            }
            Refusal::ClusterContainsTasks => error::cluster_contains_tasks_exception(message),
            Refusal::TargetNotFound => error::target_not_found_exception(message),
            Refusal::TooManyAttributes => error::attribute_limit_exceeded_exception(message),
            Refusal::NoUpdateAvailable => error::no_update_available_exception(message),
            Refusal::AgentVersionMissing => error::missing_version_exception(message),
            Refusal::PlatformUnknown => error::platform_unknown_exception(message),
            Refusal::ClientTokenInUse { tasks } => {
                error::conflict_exception(message).with_member("resourceIds", tasks)
            }
            Refusal::ServiceNotFound => error::service_not_found_exception(message),
            Refusal::Store(cause) => error::server_exception(message).with_internal(cause),
        }
    }
}
