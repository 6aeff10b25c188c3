//! Refusals, and the one place where they become AWS's errors: code, HTTP status and message as ECS gives them.

use crate::capacity::CapacityRefusal;
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

    // Capacity providers.
    #[error(transparent)]
    Capacity(#[from] CapacityRefusal),

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
            | Refusal::FargatePlacement(_)
            | Refusal::Parameter(_)
            | Refusal::DefinitionInactive
            | Refusal::NoInstances
            | Refusal::TaskNotFound
            | Refusal::InstanceNotFound
            | Refusal::InstanceHasTasks => error::invalid_parameter_exception(message),
            Refusal::RevisionMissing
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
            Refusal::Capacity(cause) => cause.into_api_error(message),
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
