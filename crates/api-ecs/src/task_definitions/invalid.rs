//! What can be wrong with a task definition, in ECS's words.
//!
//! Where ECS's own sentence is known from what its users quote, it is here word for word; where only the rule is
//! documented, the sentence is in the same form: which setting, which container, which rule.

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
    #[error("Tasks using the EC2 launch type do not support EphemeralStorage.")]
    Ec2EphemeralStorage,
    #[error("Invalid setting for ephemeral storage. Size must be between {least} GiB and {most} GiB.")]
    EphemeralStorage { least: u32, most: u32 },
    #[error("placementConstraints can have at most {0} items.")]
    TooManyConstraints(usize),
    #[error("constraint.{0} should not be null or empty.")]
    ConstraintEmpty(&'static str),
    #[error("constraint.type 'distinctInstance' is not supported.")]
    DistinctInstance,
    #[error("{0}")]
    Expression(String),
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
        "Tasks using the Fargate launch type must have a container {0} timeout of less than 120 seconds."
    )]
    FargateTimeout(&'static str),
    #[error("Fargate compatible task definitions do not support {0}.")]
    Fargate(&'static str),
    #[error(
        "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'."
    )]
    FargatePidMode,
    #[error("Tasks using the Fargate launch type do not support GPU resource requirements.")]
    FargateGpu,
    #[error("Fargate requires that the 'privileged' setting be 'false'.")]
    FargatePrivileged,
    #[error("{0} is not allowed on Fargate.")]
    FargateCapability(String),
    #[error("{0} is not a valid log driver. Must be one of [awslogs, splunk, awsfirelens].")]
    FargateLogDriver(String),
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
    #[error("The '{setting}' setting for container '{container}' must be between {least} and {most}.")]
    Between { container: String, setting: &'static str, least: u32, most: u32 },
    #[error("The '{setting}' setting for container '{container}' is greater than for the task.")]
    AboveTask { container: String, setting: &'static str },
    #[error("Invalid '{setting}' setting for container '{container}'. {rule}")]
    Setting { container: String, setting: &'static str, rule: String },
    #[error("Granular {which} timeout on container '{container}' must be at least 2 seconds.")]
    TimeoutTooShort { container: String, which: &'static str },
    #[error("Soft limit exceeds hard limit for ulimit {0}.")]
    SoftAboveHard(String),
    // Its network.
    #[error("Invalid setting for container '{container}'. '{setting}' must be between {least} and 65535.")]
    Port { container: String, setting: &'static str, least: u16 },
    #[error(
        "Invalid setting for container '{0}'. The name of a port mapping must have at most 64 lower-case letters, digits, underscores and hyphens, and cannot start with a hyphen."
    )]
    PortName(String),
    #[error("Invalid setting for container '{container}'. The port mapping name '{name}' is already used.")]
    PortNameUsed { container: String, name: String },
    #[error("Invalid setting for container '{0}'. You cannot specify both single port and port range.")]
    PortAndRange(String),
    #[error(
        "Invalid setting for container '{container}'. The container port {port} is used multiple times in task."
    )]
    ContainerPortUsed { container: String, port: u16 },
    #[error(
        "Invalid setting for container '{container}'. The host port {port} is used multiple times in task."
    )]
    HostPortUsed { container: String, port: u16 },
    #[error("When networkMode={0}, the host ports and container ports in port mappings must match.")]
    HostPort(&'static str),
    #[error("Port mappings are not supported when networkMode=none.")]
    PortsWithoutNetwork,
    #[error("Links are not supported when networkMode={0}.")]
    Links(&'static str),
    #[error("{what} not supported on container when networkMode=awsvpc.")]
    Awsvpc { what: &'static str },
    // Other containers and volumes.
    #[error("Invalid '{setting}' setting. Unknown container: '{named}'")]
    UnknownContainer { setting: &'static str, named: String },
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
    #[error("Unknown volume '{0}'.")]
    UnknownVolume(String),
    // Volumes.
    #[error("volume.{0} should not be null or empty.")]
    VolumeEmpty(&'static str),
    #[error("volume.{0} contains invalid characters.")]
    VolumeCharacters(&'static str),
    #[error("Volume names must be unique in a task definition: '{0}' is used more than once.")]
    DuplicateVolume(String),
    #[error("host.sourcePath should not be blank.")]
    SourcePathBlank,
    #[error("host.sourcePath must be an absolute path: '{0}'.")]
    SourcePath(String),
    #[error("Volume '{0}' can have only one of 'host' and 'dockerVolumeConfiguration'.")]
    TwoSources(String),
    #[error("When 'scope' parameter is 'task', 'autoprovision' must not be specified.")]
    Autoprovision,
    // Logs.
    #[error("Log driver {driver} requires options: {options}")]
    LogOptionsMissing { driver: String, options: String },
    #[error("Log driver {driver} disallows options: {options}")]
    LogOptionsUnknown { driver: String, options: String },
    #[error("Invalid value '{value}' for the option '{option}' of log driver {driver}.")]
    LogOption { driver: String, option: &'static str, value: String },
    #[error("Log driver {driver} cannot have both {one} and {other}.")]
    LogOptionsExclusive { driver: String, one: &'static str, other: &'static str },
    // What AWS would take and Wharf does not honour yet.
    #[error("Wharf does not support {what} yet.")]
    Unsupported { what: String },
}

impl Invalid {
    /// `what` names the member and its value.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }

    /// A setting of a container breaks this rule, a whole sentence.
    pub fn setting(container: &str, setting: &'static str, rule: impl Into<String>) -> Self {
        Self::Setting { container: container.to_owned(), setting, rule: rule.into() }
    }
}
