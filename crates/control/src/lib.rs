//! Controllers and agent sessions: snapshots into plans, plans into the store
