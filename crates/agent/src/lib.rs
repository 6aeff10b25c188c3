//! The container instance: core-task over drivers, a ledger of its own, ACS upstream
