//! What can be wrong with a task definition, in ECS's words.

/// Why RegisterTaskDefinition refuses. `Display` is the message of the ClientException.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    // The task.
    #[error("Actual length: '{length}'. Max allowed length is '{most}' bytes.")]
    TooLong { length: usize, most: usize },
    #[error("Family contains invalid characters.")]
    Family,
    #[error(
        "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    )]
    Cpu,
    #[error(
        "Invalid 'memory' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    )]
    Memory,
    #[error("Container list cannot be empty.")]
    NoContainers,
    #[error("Too many containers.")]
    TooManyContainers,
    #[error(
        "Task definition does not have any essential container. At least one essential container is required."
    )]
    NoEssentialContainer,
    #[error("The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.")]
    CpuSum,
    #[error(
        "The sum of all container 'memory' values cannot be greater than the value of the task 'memory'."
    )]
    MemorySum,
    // What Fargate asks for.
    #[error("Fargate only supports network mode ‘awsvpc’.")]
    FargateNetworkMode,
    #[error("Fargate requires that 'cpu' be defined at the task level.")]
    FargateCpu,
    #[error("Fargate requires that 'memory' be defined at the task level.")]
    FargateMemory,
    #[error(
        "No Fargate configuration exists for given values: {cpu_units} CPU, {memory_mib} memory. See the Amazon ECS documentation for the valid values."
    )]
    FargateSize { cpu_units: u32, memory_mib: u32 },
    #[error(
        "Tasks using the Fargate launch type must have a container stop timeout of less than 120 seconds."
    )]
    FargateStopTimeout,
    // A container.
    #[error("Container.{0} should not be null or empty.")]
    Empty(&'static str),
    #[error("Container.{0} contains invalid characters.")]
    Characters(&'static str),
    #[error("Container names must be unique in a task definition: '{0}' is used more than once.")]
    DuplicateContainer(String),
    #[error(
        "Invalid setting for container '{0}'. At least one of 'memory' or 'memoryReservation' must be specified."
    )]
    NoContainerMemory(String),
    #[error(
        "Invalid setting for container '{0}'. 'memory' must be greater than or equal to 'memoryReservation'."
    )]
    MemoryBelowReservation(String),
    #[error("Invalid setting for container '{container}'. '{setting}' must be at least {least}.")]
    Least { container: String, setting: &'static str, least: u32 },
    #[error("The '{setting}' setting for container '{container}' is greater than for the task.")]
    AboveTask { container: String, setting: &'static str },
    #[error("Granular {which} timeout on container '{container}' must be at least 2 seconds.")]
    TimeoutTooShort { container: String, which: &'static str },
    #[error("Invalid setting for container '{container}'. '{setting}' must be between {least} and 65535.")]
    Port { container: String, setting: &'static str, least: u16 },
    #[error(
        "Invalid setting for container '{0}'. The name of a port mapping must have at most 64 lower-case letters, digits, underscores and hyphens, and cannot start with a hyphen."
    )]
    PortName(String),
    #[error("When networkMode={0}, the host ports and container ports in port mappings must match.")]
    HostPort(&'static str),
    #[error("Port mappings are not supported when networkMode=none.")]
    PortsWithoutNetwork,
    // Dependencies.
    #[error("Cannot depend on container + '{0}' because it does not exist")]
    UnknownDependency(String),
    #[error("Container '{0}' cannot depend on itself.")]
    SelfDependency(String),
    #[error("The container dependencies contain a cycle: {0}.")]
    DependencyCycle(String),
    #[error("A dependency container with SUCCESS or COMPLETE condition cannot be an essential container")]
    EssentialDependency,
    #[error("A dependency container with HEALTHY condition must have health check configured")]
    NoHealthCheck,
    // Logs.
    #[error("Log driver {driver} requires options: {options}")]
    LogOptionsMissing { driver: String, options: String },
    #[error("Log driver {driver} disallows options: {options}")]
    LogOptionsUnknown { driver: String, options: String },
    #[error("Invalid value '{value}' for the option '{option}' of log driver awslogs.")]
    LogOption { option: &'static str, value: String },
    // What AWS would take and Wharf does not honour yet.
    #[error("Wharf does not support {what} yet.")]
    Unsupported { what: String },
}

impl Invalid {
    /// `what` names the member and its value.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }
}
