//! Placement, pure: which container instance takes a task, and why none does
