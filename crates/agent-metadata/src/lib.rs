//! The task metadata endpoint and the agent's introspection, over HTTP.
