//! Builders, fakes with knobs and bounded waits, for tests only
