//! Volumes of tasks on this host: directories of the host, task-scoped ones and shared ones.
