//! Named predicates over views, for tests, simulator and production
