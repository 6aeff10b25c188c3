//! The embedded OCI runtime: bundle, cgroups, seccomp and the shim that outlives the agent
