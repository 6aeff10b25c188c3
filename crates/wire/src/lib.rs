//! AWS protocols, SigV4, error envelope and generated shapes
