//! The Docker Engine as the agent's runtime.
